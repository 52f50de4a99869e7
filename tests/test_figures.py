"""Figures: numbers with a unit are found in prose, and nothing else is."""

from __future__ import annotations

import pytest

from greenlint.figures import Figure, figures

FOUND = {
    "28.7 % less CO2e": [(28.7, 28.7, "%")],
    "28.7% less": [(28.7, 28.7, "%")],
    "saves 2-15 % of a step": [(2, 15, "%")],
    "saves 2\N{EN DASH}15 %": [(2, 15, "%")],
    "15.3 to 75.8 % of the energy": [(15.3, 75.8, "%")],
    "-10 to +40 % of the energy": [(10, 40, "%")],
    "up to 3 times faster": [(3, 3, "x")],
    "about seven times faster": [(7, 7, "x")],
    "1.5 to 5.5 times faster, a further 1.3 to 2.5 times": [(1.5, 5.5, "x"), (1.3, 2.5, "x")],
    "2.16x and 4\N{MULTIPLICATION SIGN} as fast": [(2.16, 2.16, "x"), (4, 4, "x")],
    "a ten-fold gain": [(10, 10, "x")],
    "by a factor of 3": [(3, 3, "x")],
    "by factors of 2 to 4": [(2, 4, "x")],
    "draws 26-66 W while idle": [(26, 66, "W")],
    "0.745 s to 0.013 s": [(0.745, 0.745, "s"), (0.013, 0.013, "s")],
    "47.2 ms": [(0.0472, 0.0472, "s")],
    "every one to five minutes": [(60, 300, "s")],
    "24 hours": [(86400, 86400, "s")],
    "0.02 kWh or 20 Wh": [(0.02, 0.02, "kWh"), (0.02, 0.02, "kWh")],
    "1.4 MJ": [(1.4e6, 1.4e6, "J")],
    "40 GB, 186 MiB": [(40, 40, "GB"), (0.186, 0.186, "GB")],
    "1,000 W": [(1000, 1000, "W")],
    "twenty\nper cent, fifty percent": [(50, 50, "%")],
}
NONE = [
    "several times as long",
    "many times, a few times, at times",
    "num_workers=4, 16-bit, float32, A100, H200",
    "fp64 runs at 1/2 of fp32, at 1/32 to 1/64",
    "arXiv 2007.06775",
    "torch 2.15 since 2.0",
    "every 100 steps and 10 epochs, ten samples",
    "3x3 kernels",
    "layer4 s3://bucket",
    "%d of %s",
    "three workers",
    "a five-fold cross-validation, one fold, hundreds of times, some hundred times",
    "half the rate, a thirty-second of it",
]


@pytest.mark.parametrize(("text", "found"), FOUND.items(), ids=FOUND)
def test_figures(text: str, found: list[tuple[float, float, str]]) -> None:
    read = list(figures(text))
    assert [each.unit for each in read] == [unit for _, _, unit in found]
    assert [each.low for each in read] == pytest.approx([low for low, _, _ in found])
    assert [each.high for each in read] == pytest.approx([high for _, high, _ in found])


@pytest.mark.parametrize("text", NONE)
def test_no_figures(text: str) -> None:
    assert list(figures(text)) == []


def test_what_backs_a_figure() -> None:
    (figure,) = figures("saves 2 to 15 %")
    assert figure == Figure(2, 15, "%", "2 to 15 %")
    assert figure.is_backed_by(2, 15, "%")
    assert not figure.is_backed_by(2, 15, "x")
    assert not figure.is_backed_by(2, 14, "%")
    assert not figure.is_backed_by(None, 15, "%")
    (one,) = figures("up to 15 %")
    assert one.is_backed_by(2, 15, "%")
    assert one.is_backed_by(15, 15.0, "%")
    assert not one.is_backed_by(2, 20, "%")
