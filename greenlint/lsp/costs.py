"""What a finding says of its cost, and how much of it fits beside the code."""

from __future__ import annotations

import re

from greenlint.figures import figures
from greenlint.results import PlacedFinding

__all__ = ["brief", "cost_of"]

_CLAUSE_END = re.compile(r"[,;:] ")
_LEFT_OUT = "\N{HORIZONTAL ELLIPSIS}"


def cost_of(finding: PlacedFinding) -> str | None:
    """Of the notes the one with a figure, for others are about something else."""
    return next((each for each in finding.notes if any(figures(each))), None)


def brief(cost: str) -> str:
    """The figure and what it is about, since editors cut what is long; an estimate is still called one."""
    end = _CLAUSE_END.search(cost)
    if end is None or not any(figures(cost[: end.start()])):
        return cost
    clause = cost[: end.start()]
    guessed = "estimate" in cost and "estimate" not in clause
    return f"{clause} (estimate){_LEFT_OUT}" if guessed else f"{clause}{_LEFT_OUT}"
