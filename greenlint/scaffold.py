"""Texts of new files: a configuration to start from, and a rule that already passes its tests."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from greenlint.config_keys import KEYS, Key
from greenlint.rule import Category
from greenlint.selection import ALL
from greenlint.toml_text import TomlSyntaxError, TomlText

__all__ = ["FileChange", "ScaffoldError", "config_template", "plan_init", "plan_rule", "write"]


class ScaffoldError(Exception):
    """Why a file is not written; nothing has been changed."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file to write."""

    path: Path
    text: str
    """The whole new text, with the line ends to write."""
    added: str
    """What is new in it, for a preview."""
    created: bool
    """Whether the file must not exist yet."""


def plan_init(folder: Path, *, standalone: bool = False) -> FileChange:
    """A commented configuration for a project: in its ``pyproject.toml``, else in ``greenlint.toml``.

    ``standalone`` asks for ``greenlint.toml`` in any case. Raises :class:`ScaffoldError` where there is a
    configuration already.
    """
    for name in (".greenlint.toml", "greenlint.toml"):
        if (folder / name).exists():
            raise ScaffoldError(f"{folder / name} exists already")
    project = folder / "pyproject.toml"
    if project.is_file():
        extended = _extended(project)
        if not standalone:
            return extended
    text = config_template()
    return FileChange(folder / "greenlint.toml", text, text, created=True)


def _extended(project: Path) -> FileChange:
    try:
        text = project.read_bytes().decode("utf-8")
        table = TomlText(text.removeprefix("\ufeff")).data.get("tool", {}).get("greenlint")
    except (OSError, UnicodeDecodeError, TomlSyntaxError, AttributeError) as error:
        raise ScaffoldError(f"{project} cannot be read: {error}") from None
    if table is not None:
        raise ScaffoldError(f"{project} has a table [tool.greenlint] already")
    newline = "\r\n" if "\r\n" in text else "\n"
    added = config_template("tool.greenlint").replace("\n", newline)
    gap = "" if not text.strip() else newline if text.endswith("\n") else newline * 2
    try:
        TomlText((text + gap + added).removeprefix("\ufeff"))
    except TomlSyntaxError:
        raise ScaffoldError(f"{project} leaves no room for a table [tool.greenlint]") from None
    return FileChange(project, text + gap + added, added, created=False)


def config_template(table: str = "") -> str:
    """Every key with its meaning and an example, commented out; below the header of ``table``, if given."""
    head = f"[{table}]\n" if table else ""
    head += "# `greenlint config KEY` says more about each of these.\n\n"
    blocks = [_commented(key, table) for key in KEYS.values()]
    return head + "\n".join(blocks)


def _commented(key: Key, table: str) -> str:
    prefix = f"{table}." if table else ""
    example = re.sub(r"^(\[+)", rf"\g<1>{prefix}", key.example, flags=re.MULTILINE)
    lines = [f"{key.summary}.", *example.splitlines()]
    return "".join(f"# {line}\n" for line in lines)


_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+")


def plan_rule(name: str, folder: Path, taken: Collection[str] = ()) -> FileChange:
    """A rule file that passes ``greenlint test`` as it is, to be changed from there.

    ``taken`` are the names of installed rules, former ones included. Raises :class:`ScaffoldError`.
    """
    fault = _name_fault(name, taken)
    if fault is not None:
        raise ScaffoldError(fault)
    path = folder / (name.replace("-", "_") + ".py")
    if path.exists():
        raise ScaffoldError(f"{path} exists already")
    class_name = "".join(word.capitalize() for word in name.split("-"))
    text = _RULE.replace("CLASS_NAME", class_name)
    return FileChange(path, text, text, created=True)


def _name_fault(name: str, taken: Collection[str]) -> str | None:
    if name in taken:
        return f"there is a rule `{name}` already"
    if name == ALL.lower() or name in {each.value for each in Category}:
        return f"`{name}` is the name of a category"
    if _NAME.fullmatch(name):
        return "names of rules do not start with `test-`" if name.startswith("test-") else None
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
    meant = "-".join(words).lower()
    hint = f", such as `{meant}`" if _NAME.fullmatch(meant) and not meant.startswith("test-") else ""
    return f"`{name}` is no rule name: two or more lower-case words with dashes between them{hint}"


def write(change: FileChange) -> None:
    """Write a planned file, whole or not at all, keeping the mode of one that exists.

    Raises :class:`ScaffoldError` when it cannot be written or, where it must be new, exists by now.
    """
    target = change.path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(change.text.encode("utf-8"))
        if change.created:
            _put(temporary, target)
        else:
            temporary.chmod(target.stat().st_mode)
            temporary.replace(target)
    except OSError as error:
        if change.created and target.exists():
            raise ScaffoldError(f"{change.path} exists already") from None
        reason = (error.strerror or str(error)).lower()
        raise ScaffoldError(f"{change.path} cannot be written: {reason}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _put(temporary: Path, target: Path) -> None:
    """Give a file its final name; a link, unlike a rename, never replaces what somebody else just made."""
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError from None
        temporary.replace(target)


_RULE = '''\
"""Replace this line: the pattern in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Good, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings


class CLASS_NAME(Rule):
    """Flags calls of `torch.cuda.empty_cache`, as an example: replace it by the pattern you look for.

    The second paragraph says why the pattern wastes energy: what the hardware does that it need not do. Here,
    memory that is given back has to be asked for again, and the device waits meanwhile.

    The third says when to leave the code as it is, and where the finding points. Here, it points at the call.

    The last says how to fix it. Here: delete the call.
    """

    severity = Severity.INFO
    frameworks = ("torch",)
    words = (("empty_cache",),)

    examples = (
        Bad(
            """
            import torch

            torch.cuda.empty_cache()  # bad
            """
        ),
        Good(
            """
            import torch

            torch.cuda.memory_summary()
            """,
            why="it only reads",
        ),
    )

    @on_call("torch.cuda.empty_cache")
    def check(self, call: Call, facts: Facts) -> Findings:
        yield self.finding(
            call.node,
            "cached memory is given back and has to be asked for again",
            help="delete the call",
        )
'''
