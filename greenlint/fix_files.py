"""The fixes of one file: from its bytes to the bytes it should have, and to the disk."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from greenlint.batch import Profile, Task, TimeUp, analyze_with, time_limit
from greenlint.finding import Applicability, Finding

if TYPE_CHECKING:
    from greenlint.document import Document
    from greenlint.facts.sources import ProjectSources
    from greenlint.reading import Source

__all__ = ["FixError", "Fixed", "fix_data", "write_back"]


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
) -> Fixed:
    """``data`` with fixes of these ``levels`` applied; the same bytes when there are none or they cannot be applied."""
    try:
        with time_limit(timeout):
            return _fixed(task, data, profile, sources, levels)
    except TimeUp:
        return Fixed(task, data, data, {}, (f"not fixed: it took more than {timeout:g} seconds",))
    except Exception as error:
        # A defect of greenlint itself; the file stays as it is.
        return Fixed(task, data, data, {}, (f"not fixed: internal error: {type(error).__name__}: {error}",))


def _fixed(
    task: Task, data: bytes, profile: Profile, sources: ProjectSources, levels: frozenset[Applicability]
) -> Fixed:
    from greenlint.fixer import fix, splice
    from greenlint.notebook_edits import apply_to_notebook
    from greenlint.reading import UnreadableError, decode, parse

    try:
        source = decode(data)
    except UnreadableError as error:
        return Fixed(task, data, data, {}, (f"not fixed: {error.message}",))

    def parsed(text: str) -> Document | None:
        try:
            return parse(task.name, _encoded(text, source)).document
        except (UnreadableError, UnicodeEncodeError):
            return None

    def found(document: Document) -> Sequence[Finding]:
        return analyze_with(profile, document, sources).findings

    apply = apply_to_notebook if task.name.endswith(".ipynb") else splice
    result = fix(source.text, parse=parsed, analyze=found, levels=levels, apply=apply)
    troubles = [f"the fixes of `{rule}` never come to rest and are left out" for rule in result.unstable]
    troubles += [f"a fix of `{rule}` would break the file and is left out" for rule in result.rejected]
    after = _encoded(result.source, source)
    if decode(after).text != result.source:
        return Fixed(task, data, data, {}, ("not fixed: the file cannot be written back in its encoding",))
    return Fixed(task, data, after, result.applied, tuple(troubles))


def _encoded(text: str, source: Source) -> bytes:
    """``text`` as the file stores it; raises ``UnicodeEncodeError``."""
    encoding = "utf-8" if source.encoding == "utf-8-sig" else source.encoding
    return (b"\xef\xbb\xbf" if source.bom else b"") + text.encode(encoding)


def write_back(fixed: Fixed) -> None:
    """Replace the file, whole or not at all, keeping its mode; raises :class:`FixError`."""
    # A link stays a link.
    target = Path(fixed.task.file).resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if target.read_bytes() != fixed.before:
            raise FixError("not fixed: the file has changed meanwhile")
        temporary.write_bytes(fixed.after)
        temporary.chmod(target.stat().st_mode)
        temporary.replace(target)
    except OSError as error:
        raise FixError(f"not fixed: {(error.strerror or str(error)).lower()}") from None
    finally:
        temporary.unlink(missing_ok=True)
