"""What of a cost is shown beside the code."""

from __future__ import annotations

import pytest

from greenlint.lsp.costs import brief


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        ("saves 2-20 % of the loop (estimate)", "saves 2-20 % of the loop (estimate)"),
        (
            "saves 2-15 % of a step, up to 50 % with many small kernels (estimate)",
            "saves 2-15 % of a step (estimate)\N{HORIZONTAL ELLIPSIS}",
        ),
        (
            "10-40 % less energy is our estimate; small models gain nothing",
            "10-40 % less energy is our estimate\N{HORIZONTAL ELLIPSIS}",
        ),
        ("saves 1.5 times, once", "saves 1.5 times\N{HORIZONTAL ELLIPSIS}"),
        # Without the second clause there is no figure.
        ("large for transformers, 0-15 % elsewhere (estimate)", "large for transformers, 0-15 % elsewhere (estimate)"),
    ],
)
def test_the_figure_and_what_it_is_about(cost: str, shown: str) -> None:
    assert brief(cost) == shown
