"""The baseline: findings that a project has agreed to live with for now, so that only new ones count.

An entry knows its finding by rule, scope and code, so that it finds it again after lines have moved. When nothing
matches exactly, a finding that was carried elsewhere in its file, or whose file got another name, still does.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from greenlint.config_error import ConfigError, ConfigProblem
from greenlint.results import FileResult, Identity, PlacedFinding

__all__ = ["REASON", "VERSION", "Baseline", "Match", "baseline_of", "park", "read_baseline"]

VERSION = 1
"""The version of the file; it grows when a field changes its meaning or goes."""
REASON = "in the baseline"
"""What is said of a finding that is not told because the baseline has it."""
_LONGEST = 200
"""Letters of code that an entry has; of longer code it has the beginning and a digest."""
_CONFLICTS = ("<<<<<<< ", "=======", ">>>>>>> ")
_FIELDS = Identity._fields
_REQUIRED = ("path", "rule", "code")


class Match(NamedTuple):
    """Findings beside a baseline."""

    parked: tuple[tuple[bool, ...], ...]
    """By file: which of its findings the baseline has."""
    entries: Mapping[Identity, int]
    met: Mapping[Identity, int]
    """The entries that met a finding, and how often."""

    @property
    def left(self) -> Mapping[Identity, int]:
        """The entries that met none, and how often."""
        return Counter(self.entries) - Counter(self.met)


class Baseline:
    """The entries, and how often each counts. ``file`` is absolute; paths of entries start at its folder."""

    def __init__(self, file: Path, entries: Mapping[Identity, int]) -> None:
        self.file = file
        self.entries = entries
        self._alike = {likeness: _by_likeness(entries, likeness) for likeness in _LIKENESSES}

    def identity(self, path: str, finding: PlacedFinding) -> Identity:
        """What a finding in the file at an absolute path is known by."""
        found = finding.identity(_relative(path, str(self.file.parent)))
        return found._replace(code=_shortened(found.code))

    def match(self, files: Sequence[tuple[str, Sequence[PlacedFinding]]]) -> Match:
        """Which of the findings of these files, given by their absolute paths, the baseline has."""
        known = [[self.identity(path, each) for each in findings] for path, findings in files]
        met = Counter[Identity]()
        parked = [[False] * len(each) for each in known]
        for likeness in _LIKENESSES:
            for number, identities in enumerate(known):
                for index, identity in enumerate(identities):
                    entry = self._entry(identity, likeness, met) if not parked[number][index] else None
                    if entry is not None:
                        met[entry] += 1
                        parked[number][index] = True
        return Match(tuple(map(tuple, parked)), self.entries, met)

    def _entry(self, identity: Identity, likeness: Likeness, met: Counter[Identity]) -> Identity | None:
        """An entry that is like a finding and that other findings have not used up."""
        for entry in self._alike[likeness].get(likeness(identity), ()):
            if met[entry] < self.entries[entry] and (entry.path == identity.path or self.is_gone(entry)):
                return entry
        return None

    def is_gone(self, entry: Identity) -> bool:
        """Whether the file of an entry is."""
        return not os.path.lexists(self.path_of(entry))

    def path_of(self, entry: Identity) -> str:
        """The absolute path of the file of an entry."""
        return os.path.normpath(self.file.parent / entry.path)

    def with_entries(self, entries: Mapping[Identity, int]) -> Baseline:
        """The same file with other entries."""
        return Baseline(self.file, +Counter(entries))

    def with_one_more(self, path: str, finding: PlacedFinding) -> Baseline:
        """The same with a finding in the file at an absolute path."""
        return self.with_entries(Counter(self.entries) + Counter([self.identity(path, finding)]))

    def text(self) -> str:
        """The content of the file: sorted, an entry a line, so that git can merge it."""
        written = (_written(*each) for each in sorted(self.entries.items()))
        rows = ",\n".join(f"    {json.dumps(each, ensure_ascii=False)}" for each in written)
        return f'{{\n  "version": {VERSION},\n  "findings": [\n{rows}\n  ]\n}}\n'

    def write(self) -> None:
        """Write the file, whole or not at all."""
        from greenlint.whole_files import write_whole

        write_whole(self.file, self.text().encode("utf-8", "surrogatepass"))


Likeness = Callable[[Identity], Identity]
"""What has to be the same of an entry and a finding."""


def _everything(identity: Identity) -> Identity:
    return identity


def _place_in_file_aside(identity: Identity) -> Identity:
    return identity._replace(scope="", cell="")


def _file_aside(identity: Identity) -> Identity:
    return identity._replace(path="")


_LIKENESSES: tuple[Likeness, ...] = (_everything, _place_in_file_aside, _file_aside)
"""From the closest to the farthest."""


def _by_likeness(entries: Iterable[Identity], likeness: Likeness) -> dict[Identity, list[Identity]]:
    found: dict[Identity, list[Identity]] = {}
    for entry in sorted(entries):
        found.setdefault(likeness(entry), []).append(entry)
    return found


def baseline_of(file: Path, found: Iterable[tuple[str, Sequence[PlacedFinding]]]) -> Baseline:
    """A baseline of these findings, by the absolute path of their file."""
    empty = Baseline(file, {})
    return empty.with_entries(Counter(empty.identity(path, each) for path, findings in found for each in findings))


def park(result: FileResult, parked: Sequence[bool]) -> FileResult:
    """``result`` with these findings suppressed."""
    if not any(parked):
        return result
    pairs = list(zip(result.findings, parked, strict=True))
    suppressed = [each._replace(suppressed=REASON, parked=True) for each, is_parked in pairs if is_parked]
    return replace(
        result,
        findings=tuple(each for each, is_parked in pairs if not is_parked),
        suppressed=(*result.suppressed, *suppressed),
    )


def _relative(path: str, folder: str) -> str:
    # There is no way to another drive.
    with contextlib.suppress(ValueError):
        path = os.path.relpath(path, folder)
    return path.replace(os.sep, "/")


def _shortened(code: str) -> str:
    if len(code) <= _LONGEST:
        return code
    import hashlib

    return f"{code[:_LONGEST]} {hashlib.sha256(code.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _written(entry: Identity, times: int) -> dict[str, Any]:
    given = {name: value for name, value in entry._asdict().items() if value or name in _REQUIRED}
    return {**given, "times": times} if times > 1 else given


# -- reading ------------------------------------------------------------------------------------------------


def read_baseline(file: Path, shown: str, former: Mapping[str, str] | None = None) -> Baseline:
    """The baseline in a file; raises :class:`ConfigError`, which calls it as ``shown``.

    ``former`` leads from old names of rules to those of today.
    """
    try:
        text = file.read_bytes().decode("utf-8", "surrogatepass")
    except OSError as error:
        raise _broken(shown, f"cannot be read: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise _broken(shown, "is not UTF-8") from None
    _refuse_conflicts(text, shown)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        line = text.split("\n")[error.lineno - 1 : error.lineno]
        problem = ConfigProblem(
            f"not a baseline: {error.msg.lower()}", shown, error.lineno, error.colno, source="".join(line)
        )
        raise ConfigError([problem]) from None
    except RecursionError:
        raise _broken(shown, "not a baseline: nested too deeply") from None
    entries: Counter[Identity] = Counter()
    for number, row in enumerate(_rows(content, shown)):
        entry, times = _entry(row, number, text, shown)
        entry = entry._replace(rule=(former or {}).get(entry.rule, entry.rule))
        # Two branches may have added the same one.
        entries[entry] = max(entries[entry], times)
    return Baseline(file, entries)


def _refuse_conflicts(text: str, shown: str) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith(_CONFLICTS):
            raise _broken(shown, "a merge has left a conflict here", number, "keep the entries of both sides")


def _rows(content: object, shown: str) -> list[object]:
    if not isinstance(content, dict) or not isinstance(content.get("version"), int):
        raise _broken(shown, "not a baseline: it has no `version`")
    if content["version"] != VERSION:
        message = f"this is version {content['version']} of the format, and this greenlint reads version {VERSION}"
        raise _broken(shown, message)
    if not isinstance(content.get("findings"), list):
        raise _broken(shown, "not a baseline: `findings` is not a list")
    return list(content["findings"])


def _entry(row: object, number: int, text: str, shown: str) -> tuple[Identity, int]:
    wrong = next(_faults(row), None)
    if wrong is not None or not isinstance(row, dict):
        where = f"findings[{number}]"
        raise _broken(shown, f"`{where}` {wrong}", _line_of(text, number))
    return Identity(*(row.get(name, "") for name in _FIELDS)), row.get("times", 1)


def _faults(row: object) -> Iterator[str]:
    if not isinstance(row, dict):
        yield "is not an object"
        return
    for name in _REQUIRED:
        if name not in row:
            yield f"has no `{name}`"
    for name, value in row.items():
        if name == "times":
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                yield "has `times` that is not a number from 1 on"
        elif name not in _FIELDS:
            yield f"has a key `{name}` that no entry has"
        elif not isinstance(value, str):
            yield f"has a `{name}` that is not text"


def _line_of(text: str, number: int) -> int | None:
    """The line of an entry, where each has its own."""
    lines = text.split("\n")
    head = next((at for at, line in enumerate(lines, start=1) if '"findings"' in line), len(lines))
    at = head + 1 + number
    return at if at < len(lines) else None


def _broken(shown: str, message: str, line: int | None = None, hint: str | None = None) -> ConfigError:
    return ConfigError([ConfigProblem(message, shown, line, hint=hint)])
