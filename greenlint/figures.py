"""Numbers with a unit in prose: what a text claims that somebody must have measured. Text in, data out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Figure", "figures"]


class Figure(NamedTuple):
    """One number or range with its unit."""

    low: float
    high: float
    unit: str
    """``%``, ``x`` (a factor), ``W``, ``kWh``, ``J``, ``s`` or ``GB``."""
    text: str
    """As it is written."""

    def is_backed_by(self, low: object, high: object, unit: object) -> bool:
        """Whether a recorded range says the same: one of its ends, or both, whatever the sign."""
        ends = [
            abs(float(each)) for each in (low, high) if isinstance(each, (int, float)) and not isinstance(each, bool)
        ]
        return unit == self.unit and all(any(_same(mine, end) for end in ends) for mine in (self.low, self.high))


_WORDS = {
    word: number
    for number, word in enumerate(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen twenty".split(),
        start=1,
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60}
_UNITS = {
    "%": ("%", 1.0),
    "percent": ("%", 1.0),
    "x": ("x", 1.0),
    "\N{MULTIPLICATION SIGN}": ("x", 1.0),
    "times": ("x", 1.0),
    "fold": ("x", 1.0),
    "W": ("W", 1.0),
    "watt": ("W", 1.0),
    "watts": ("W", 1.0),
    "kW": ("W", 1000.0),
    "Wh": ("kWh", 0.001),
    "kWh": ("kWh", 1.0),
    "MWh": ("kWh", 1000.0),
    "J": ("J", 1.0),
    "kJ": ("J", 1e3),
    "MJ": ("J", 1e6),
    "ms": ("s", 0.001),
    "s": ("s", 1.0),
    "second": ("s", 1.0),
    "seconds": ("s", 1.0),
    "minute": ("s", 60.0),
    "minutes": ("s", 60.0),
    "h": ("s", 3600.0),
    "hour": ("s", 3600.0),
    "hours": ("s", 3600.0),
    "MB": ("GB", 0.001),
    "MiB": ("GB", 0.001),
    "GB": ("GB", 1.0),
    "GiB": ("GB", 1.0),
    "TB": ("GB", 1000.0),
}
_NUMBER = rf"(?:\d+(?:[.,]\d+)*|\b(?:{'|'.join(_WORDS)})\b)"
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_FIGURE = re.compile(
    rf"""(?<![\w.,/-])[+\u2212-]?(?P<low>{_NUMBER})
    (?:\s?(?:-|\u2013|to|or|and)\s?[+\u2212-]?(?P<high>{_NUMBER}))?
    (?:\s(?!fold\b)|-(?!second\b))?(?P<unit>{_UNIT})(?![\w(])(?!(?<=fold)\s(?:cross|CV|internal))
    |\b(?:factor|factors)\s(?:of\s)?(?P<flow>{_NUMBER})(?:\s?(?:-|\u2013|to|or|and)\s?(?P<fhigh>{_NUMBER}))?""",
    re.VERBOSE,
)


def figures(text: str) -> Iterator[Figure]:
    """The figures in a text, in order. ``32-bit``, ``num_workers=4`` and ``A100`` are none: they have no unit."""
    for found in _FIGURE.finditer(" ".join(text.split())):
        low = _number(found["low"] or found["flow"])
        high = found["high"] or found["fhigh"]
        unit, scale = _UNITS[found["unit"]] if found["unit"] is not None else ("x", 1.0)
        yield Figure(low * scale, (_number(high) if high is not None else low) * scale, unit, found.group().strip())


def _number(text: str) -> float:
    return float(_WORDS.get(text, 0)) or float(text.replace(",", ""))


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-9 * max(1.0, abs(one), abs(other))
