"""One form of an example: what is stored where, and which of its lines is which of those as written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Form"]


@dataclass(frozen=True, slots=True)
class Form:
    """An example as a file, and how its lines differ from those of the example as written."""

    path: str
    source: str
    """The text, or the JSON of a notebook."""
    lines: Sequence[int] | None = None
    """For each line of the source, the line of the example as written that it stands for; ``None``: itself."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files of the project that this form needs."""

    def original(self, line: int) -> int:
        """The line of the example as written for a line of this form."""
        if self.lines is None:
            return line
        return self.lines[line - 1] if line <= len(self.lines) else line
