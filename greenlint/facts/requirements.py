"""What requirement, lock and environment files say of library versions. Text in, data out; nothing is read here."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from greenlint.toml_text import TomlSyntaxError, loads

__all__ = [
    "Bounds",
    "Statement",
    "Version",
    "bounds_of",
    "included",
    "installed",
    "is_requirements",
    "normal",
    "release",
    "requirements_of",
]

Version = tuple[int, ...]

_NAME = re.compile(
    r"(?:pyproject\.toml|setup\.(?:cfg|py)|[\w.-]*(?:requirement|constraint)[\w.-]*\.(?:txt|in|pip)|reqs?[\w-]*\.txt"
    r"|(?:[\w-]*[_-])?(?:environment|conda)(?:[._-][\w.-]*)?\.ya?ml|env\.ya?ml|Pipfile(?:\.lock)?|(?:poetry|uv|pdm)\.lock)$",
    re.IGNORECASE,
)


def is_requirements(path: str) -> bool:
    """Whether a file of this name states what a project needs."""
    if _NAME.match(posixpath.basename(path)) is not None:
        return True
    return path.endswith((".txt", ".in")) and posixpath.basename(posixpath.dirname(path)) == "requirements"


def normal(name: str) -> str:
    """The spelling under which a distribution is known, whichever way it is written."""
    return re.sub(r"[-_.]+", "-", name).lower()


# -- versions ----------------------------------------------------------------------------------------------------

_PARTS = 4
_JUST_ABOVE = (1,)
"""Appended to a padded version, it lies between that version and the next."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The versions that one statement allows: from ``lowest``, and less than ``below``; ``None`` is no bound."""

    lowest: Version | None = None
    below: Version | None = None
    exact: Version | None = None
    """The version as written, when there is only one."""

    def at_least(self, version: Version) -> bool | None:
        """Whether every allowed version is ``version`` or later (True), none is (False), or some are (None)."""
        wanted = _padded(version)
        if self.lowest is not None and self.lowest >= wanted:
            return True
        return False if self.below is not None and self.below <= wanted else None

    def __and__(self, other: Bounds) -> Bounds:
        lowest = max((each for each in (self.lowest, other.lowest) if each is not None), default=None)
        below = min((each for each in (self.below, other.below) if each is not None), default=None)
        return Bounds(lowest, below, self.exact or other.exact)


_CLAUSE = re.compile(r"(===?|~=|!=|<=|>=|<|>|=|\^|~)\s*v?(\d+(?:\.\d+)*)(\.\*)?")


def bounds_of(specifier: str) -> Bounds | None:
    """The bounds of a specifier such as ``>=1.10,<2``; ``None`` when it sets none, or offers alternatives."""
    if "|" in specifier:
        return None
    found: Bounds | None = None
    for match in _CLAUSE.finditer(specifier):
        bounds = _clause(match[1], release(match[2]), wild=bool(match[3]))
        if bounds is not None:
            found = bounds if found is None else found & bounds
    return found


def release(text: str) -> Version:
    """The numbers of a version, up to the first part that is none."""
    match = re.match(r"\s*v?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match[1].split(".")) if match is not None else ()


def _clause(operator: str, version: Version, *, wild: bool) -> Bounds | None:
    padded = _padded(version)
    if operator in ("==", "===") and not wild:
        return Bounds(padded, (*padded, *_JUST_ABOVE), version)
    if operator in ("==", "==="):
        return Bounds(padded, _next(version, len(version)))
    if operator == "=":
        return Bounds(padded, _next(version, len(version)), version if len(version) > 2 else None)
    if operator == "^":
        leading = next((index for index, part in enumerate(version) if part), len(version) - 1)
        return Bounds(padded, _next(version, leading + 1))
    if operator == "~=":
        return Bounds(padded, _next(version, max(len(version) - 1, 1)))
    if operator == "~":
        return Bounds(padded, _next(version, min(len(version), 2)))
    if operator in (">=", ">"):
        return Bounds(lowest=padded)
    if operator == "<=":
        return Bounds(below=(*padded, *_JUST_ABOVE))
    return Bounds(below=padded) if operator == "<" else None


def _padded(version: Version) -> Version:
    return (*version, *(0,) * _PARTS)[:_PARTS]


def _next(version: Version, length: int) -> Version:
    return _padded((*version[: length - 1], version[length - 1] + 1))


# -- files -------------------------------------------------------------------------------------------------------

Statement = tuple[str, str]
"""The normal name of a distribution, and its specifier."""

_CLAUSES = r"(?:===?|~=|!=|<=|>=|<|>)\s*v?\d[\w.*+!-]*"
_REQUIREMENT = re.compile(
    rf"""["'(]*([A-Za-z0-9][\w.-]*?)\s*(?:\[[^\]]*\]\s*)?(?:\(\s*)?({_CLAUSES}(?:\s*(?:,\s*)?{_CLAUSES})*)"""
)
_CONDA = re.compile(r"""["']?([A-Za-z0-9][\w.-]*)(?:\s*=\s*|\s+)(\d[\w.*|]*)""")
_WHEEL = re.compile(r"/([A-Za-z]\w*)-(\d+(?:\.\d+)+)[^/\s]*\.(?:whl|tar\.gz)")
_LOCKED = re.compile(r"""^name\s*=\s*["']([^"']+)["']\s*\nversion\s*=\s*["']([^"']+)["']""", re.MULTILINE)
_QUOTED = re.compile(r"""["']([A-Za-z][\w.-]*(?:\[[^\]"']*\])?\s*[=<>!~]=?[^"'\n;]*)""")
_INCLUDE = re.compile(
    r"""^[ \t]*(?:-[ \t]+)?["']?(?:-r|-c|--requirement|--constraint)[=\s]\s*([^\s"'#]+)""", re.MULTILINE
)
_INSTALL = re.compile(
    r"""(?:"|\\n|\n|^)[ \t]*[!%]\s*(?:python3?\s+-m\s+)?(?:pip3?|conda|mamba)\s+install\s((?:\\"|[^"\\\n])*)"""
)
_LONGEST = 2000
"""Characters; a longer line holds no requirement."""
_LONGEST_HEADER = 10_000


def requirements_of(path: str, text: str) -> Iterator[Statement]:
    """What a requirement, lock or environment file asks for; nothing when it is broken."""
    name = posixpath.basename(path).lower()
    if name == "pyproject.toml":
        yield from _pyproject(_toml(text))
    elif name == "pipfile":
        for table in ("packages", "dev-packages"):
            yield from _table(_mapping(_toml(text), table))
    elif name == "pipfile.lock":
        for table in ("default", "develop"):
            yield from _table(_mapping(_json(text), table))
    elif name.endswith(".lock"):
        yield from ((normal(match[1]), f"=={match[2]}") for match in _LOCKED.finditer(text))
    elif name.endswith(".py"):
        for match in _QUOTED.finditer(text):
            yield from _line(match[1])
    elif name.endswith((".yml", ".yaml")):
        yield from _conda(text)
    else:
        for line in text.replace("\\\n", " ").splitlines():
            yield from _line(re.sub(r"^\s*install_requires\s*=", "", line))


def included(path: str, text: str) -> list[str]:
    """The paths of the requirement files that this one takes in, relative to the project."""
    folder = posixpath.dirname(path)
    return [posixpath.normpath(posixpath.join(folder, match[1])) for match in _INCLUDE.finditer(text)]


def installed(raw: str) -> Iterator[Statement]:
    """What a notebook installs by ``!pip`` or ``%conda`` lines (raw JSON), or a script asks for in its header."""
    for match in _INSTALL.finditer(raw):
        for word in match[1].replace('\\"', " ").replace("'", " ").split():
            yield from _line(word)
            conda = re.fullmatch(r"([A-Za-z][\w-]*)=(\d[\w.]*)(?:=\w+)?", word)
            if conda is not None:
                yield normal(conda[1]), f"={conda[2]}"
    _, begin, rest = f"\n{raw}".partition("\n# /// script\n")
    header, end, _ = rest.partition("\n# ///")
    if begin and end and len(header) <= _LONGEST_HEADER:
        yield from _listed(_toml(re.sub(r"(?m)^# ?", "", header)).get("dependencies"))


def _line(line: str) -> Iterator[Statement]:
    line = line.split(" #", 1)[0].strip()
    if line.startswith("#") or len(line) > _LONGEST:
        return
    wheel = _WHEEL.search(line)
    if wheel is not None:
        yield normal(wheel[1]), f"=={wheel[2]}"
        return
    match = _REQUIREMENT.match(line)
    if match is not None:
        yield normal(match[1]), match[2]


def _conda(text: str) -> Iterator[Statement]:
    for line in text.splitlines():
        item = line.strip()
        if not item.startswith("- ") or len(item) > _LONGEST:
            continue
        item = item[2:].strip().split("::", 1)[-1]
        plain = list(_line(item))
        match = _CONDA.match(item) if not plain else None
        yield from plain
        if match is not None:
            yield normal(match[1]), f"={match[2]}"


def _pyproject(data: Mapping[str, object]) -> Iterator[Statement]:
    project = _mapping(data, "project")
    yield from _listed(project.get("dependencies"))
    groups = [_mapping(project, "optional-dependencies"), _mapping(data, "dependency-groups")]
    tool = _mapping(data, "tool")
    groups.append(_mapping(_mapping(tool, "pdm"), "dev-dependencies"))
    for group in groups:
        for entries in group.values():
            yield from _listed(entries)
    poetry = _mapping(tool, "poetry")
    yield from _table(_mapping(poetry, "dependencies"))
    yield from _table(_mapping(poetry, "dev-dependencies"))
    for name in _mapping(poetry, "group"):
        yield from _table(_mapping(_mapping(_mapping(poetry, "group"), name), "dependencies"))
    yield from _table(_mapping(_mapping(tool, "pixi"), "dependencies"))


def _listed(entries: object) -> Iterator[Statement]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, str):
            yield from _line(entry.split(";", 1)[0])


def _table(entries: Mapping[str, object]) -> Iterator[Statement]:
    """Entries such as ``torch = "^2.0"`` and ``torch = {version = "2.0.1"}``; a bare version is a pin."""
    for name, value in entries.items():
        for each in value if isinstance(value, list) else (value,):
            version = each.get("version") if isinstance(each, dict) else each
            if isinstance(version, str):
                yield normal(name), f"=={version}" if version[:1].isdigit() else version


def _mapping(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def _toml(text: str) -> Mapping[str, object]:
    try:
        return loads(text)
    except (TomlSyntaxError, RecursionError):
        return {}


def _json(text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
