"""What a rule reports: findings, related places, and fixes made of text edits."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = [
    "Applicability",
    "Confidence",
    "Crash",
    "Edit",
    "Finding",
    "Fix",
    "Related",
    "Severity",
    "Span",
    "apply_edits",
]


class Severity(enum.Enum):
    """How much a finding matters; a run fails on ``WARNING`` and above by default."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the mildest."""
        return _SEVERITY_RANK[self]


_SEVERITY_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}


class Confidence(enum.Enum):
    """How surely the facts behind a finding are known."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Applicability(enum.Enum):
    """Whether a fix keeps values and side effects (safe), may change them (unsafe), or is only shown."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    DISPLAY = "display"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of code-point offsets into ``Document.text``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text of ``span`` by ``text``."""

    span: Span
    text: str


def conflict(one: Span, other: Span) -> bool:
    """Whether two edits cannot both be made: they overlap, or it is not clear which comes first."""
    return one.start == other.start or (one.start < other.end and other.start < one.end)


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """``text`` with edits that do not overlap."""
    parts: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda each: each.span):
        parts += [text[at : edit.span.start], edit.text]
        at = edit.span.end
    return "".join(parts) + text[at:]


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that are applied together or not at all."""

    title: str
    edits: tuple[Edit, ...] = ()
    applicability: Applicability = Applicability.DISPLAY
    reason: str | None = None
    """Why the fix is not safe."""

    @property
    def can_be_made(self) -> bool:
        """Whether there are edits, and nobody says that only a person may make them."""
        return bool(self.edits) and self.applicability is not Applicability.DISPLAY


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that explains a finding, in the same file unless ``path`` is given."""

    message: str
    span: Span
    path: str | None = None
    line: int | None = None
    """Line in ``path``, from 1; only with ``path``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One wasteful place."""

    rule: str
    message: str
    span: Span
    severity: Severity
    confidence: Confidence = Confidence.HIGH
    help: str | None = None
    """The remedy, in the imperative."""
    notes: tuple[str, ...] = ()
    """Evidence and caveats."""
    related: tuple[Related, ...] = ()
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Crash:
    """A rule that raised on a file; the other rules went on."""

    rule: str
    error: str
    traceback: str = field(default="", compare=False)
