"""The fixes of one file: from its bytes to the bytes it should have, and to the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from greenlint.batch import Profile, Task, TimeUp, analyze_with, time_limit
from greenlint.finding import Applicability, Finding

if TYPE_CHECKING:
    from greenlint.baseline import Baseline
    from greenlint.document import Document
    from greenlint.facts.sources import ProjectSources

__all__ = ["EditedFile", "FixError", "Fixed", "fix_data", "write_back"]


class FixError(Exception):
    """Why a fixed file was not written; the file is as it was."""


class Fixed(NamedTuple):
    """What came of fixing a file."""

    task: Task
    before: bytes
    after: bytes
    applied: Mapping[str, int]
    """How many fixes went in, by rule."""
    troubles: tuple[str, ...] = ()
    """What was left unfixed, and why."""


def fix_data(
    task: Task,
    data: bytes,
    profile: Profile,
    sources: ProjectSources,
    levels: frozenset[Applicability],
    timeout: float = 0.0,
    rule: str | None = None,
    baseline: Baseline | None = None,
) -> Fixed:
    """``data`` with fixes of these ``levels`` applied; the same bytes when there are none or they cannot be applied.

    With ``rule`` only the fixes of that rule. What the baseline has is not fixed.
    """
    from greenlint.reading import UnreadableError

    try:
        with time_limit(timeout):
            return _fixed(EditedFile(task, data, profile, sources, baseline), levels, rule)
    except UnreadableError as error:
        return Fixed(task, data, data, {}, (f"not fixed: {error.message}",))
    except TimeUp:
        return Fixed(task, data, data, {}, (f"not fixed: it took more than {timeout:g} seconds",))
    except Exception as error:
        # A defect of greenlint itself; the file stays as it is.
        return Fixed(task, data, data, {}, (f"not fixed: internal error: {type(error).__name__}: {error}",))


def _fixed(file: EditedFile, levels: frozenset[Applicability], rule: str | None) -> Fixed:
    from greenlint.fixer import fix

    def found(document: Document) -> Sequence[Finding]:
        return [each for each in file.findings(document) if rule in (None, each.rule)]

    result = fix(file.text, parse=file.parse, analyze=found, levels=levels)
    troubles = [f"the fixes of `{rule}` never come to rest and are left out" for rule in result.unstable]
    troubles += [f"a fix of `{rule}` would break the file and is left out" for rule in result.rejected]
    return file.with_text(result.source, result.applied, troubles)


_UNWRITABLE = "not fixed: the file cannot be written back in its encoding"


class EditedFile:
    """A file whose text is edited and analysed again. For a notebook the text is its JSON.

    Raises :class:`~greenlint.reading.UnreadableError` when it has no text.
    """

    def __init__(
        self,
        task: Task,
        data: bytes,
        profile: Profile,
        sources: ProjectSources,
        baseline: Baseline | None = None,
    ) -> None:
        from greenlint.reading import decode

        self.task = task
        self.data = data
        self._source = decode(data)
        self._profile, self._sources, self._baseline = profile, sources, baseline

    @property
    def text(self) -> str:
        """The text as the file has it."""
        return self._source.text

    def parse(self, text: str) -> Document | None:
        """``text`` in the place of the file's own, if it is code."""
        from greenlint.reading import UnreadableError, parse

        try:
            return parse(self.task.name, self._encoded(text)).document
        except (UnreadableError, UnicodeEncodeError):
            return None

    def findings(self, document: Document) -> Sequence[Finding]:
        """What is found in a text that was parsed, and is not in the baseline."""
        analysis = analyze_with(self._profile, document, self._sources)
        if self._baseline is None:
            return analysis.findings
        from greenlint.results import place

        # In the order of what is placed.
        findings = sorted(analysis.findings, key=lambda each: (each.span, each.rule, each.message))
        placed, _ = place(document, analysis, {})
        (parked,) = self._baseline.match([(self.task.file, placed)]).parked
        return [each for each, is_parked in zip(findings, parked, strict=True) if not is_parked]

    def with_text(self, text: str, applied: Mapping[str, int], troubles: Sequence[str] = ()) -> Fixed:
        """The file with another text, or as it was when its encoding has no letters for that."""
        stored = self.stored(text)
        if stored is None:
            return Fixed(self.task, self.data, self.data, {}, (_UNWRITABLE,))
        return Fixed(self.task, self.data, stored, applied, tuple(troubles))

    def stored(self, text: str) -> bytes | None:
        """The bytes of the file with ``text``; ``None`` when its encoding has no letters for it."""
        from greenlint.reading import decode

        try:
            data = self._encoded(text)
        except UnicodeEncodeError:
            return None
        return data if decode(data).text == text else None

    def _encoded(self, text: str) -> bytes:
        encoding = "utf-8" if self._source.encoding == "utf-8-sig" else self._source.encoding
        return (b"\xef\xbb\xbf" if self._source.bom else b"") + text.encode(encoding)


def write_back(fixed: Fixed) -> None:
    """Replace the file, whole or not at all, keeping its mode; raises :class:`FixError`."""
    from greenlint.whole_files import write_whole

    file = Path(fixed.task.file)
    try:
        if file.read_bytes() != fixed.before:
            raise FixError("not fixed: the file has changed meanwhile")
        write_whole(file, fixed.after)
    except OSError as error:
        raise FixError(f"not fixed: {(error.strerror or str(error)).lower()}") from None
