"""Hot: code behind an early return is built once where it leaves with what was kept."""

from __future__ import annotations

import pytest

from greenlint import reading
from greenlint.facts.calls import Calls
from greenlint.facts.hot import Heat, Hot
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings


def heat(first: str, last: str) -> Heat | None:
    """How hot ``show()`` is in a forward pass between two lines."""
    text = f"class Net(Base):\n    def forward(self, x):\n        {first}\n        table = show()\n        {last}\n"
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources({"main.py": text}), RunSettings())
    spot = facts[Hot].of(facts[Calls].methods("show")[-1].node)
    return spot.heat if spot is not None else None


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("if self.mask is not None: return self.mask", "self.mask = table", None),
        ("if self.mask is not None and len(x) <= len(self.mask): return", "self.mask = table", None),
        ("if len(x) in self.masks: return self.masks[len(x)]", "self.masks[len(x)] = table", None),
        ("if self.training: return x", "self.mask = table", Heat.FORWARD),
        ("if self.mask is None: return x", "self.mask = table", Heat.FORWARD),
        ("if not self.mask: return x", "self.mask = table", Heat.FORWARD),
        ("if self.mask is not None: x = x * self.mask", "self.mask = table", Heat.FORWARD),
        ("if self.step % self.every != 0: return x", "self.mask = table", None),
        ("if self.step % self.every: return x", "self.mask = table", None),
        ("if self.step % self.every == 0: return x", "self.mask = table", Heat.FORWARD),
        ("self.mask = None", "if self.mask is not None: return table", Heat.FORWARD),
    ],
)
def test_an_early_return_with_what_was_kept(first: str, last: str, expected: Heat | None) -> None:
    assert heat(first, last) is expected


def test_an_early_return_nested_in_tests() -> None:
    inner = "if self.step % 100 != 0 or x.done:\n                return"
    assert heat(f"if x is None:\n            return\n        else:\n            {inner}", "pass") is None


NETWORK = "class {}(Base):\n    def forward(self, x):\n        show()\n"
PROGRAM = {
    "losses.py": NETWORK.format("Used") + NETWORK.format("Left"),
    "train.py": "from losses import Used\n",
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [Heat.FORWARD, None]),
        ({"train.py": "from losses import *\n"}, [Heat.FORWARD, Heat.FORWARD]),
        ({"train.py": "import losses\n"}, [Heat.FORWARD, Heat.FORWARD]),
        ({"train.py": "from package import losses as kinds\n"}, [Heat.FORWARD, Heat.FORWARD]),
        ({"test.py": "from losses import Left\n"}, [Heat.FORWARD, Heat.FORWARD]),
        ({"setup.py": "setup()\n"}, [Heat.FORWARD, Heat.FORWARD]),
        ({"train.py": "x = 1\n"}, [Heat.FORWARD, Heat.FORWARD]),
    ],
)
def test_classes_that_no_part_of_a_program_names_never_run(more: dict[str, str], expected: list[Heat | None]) -> None:
    files = {**PROGRAM, **more}
    document = reading.parse("losses.py", files["losses.py"].encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources(files), RunSettings())
    spots = [facts[Hot].of(call.node) for call in facts[Calls].methods("show")]
    assert [spot.heat if spot is not None else None for spot in spots] == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, [Heat.STEP, None]),
        ({"other.py": "from main import left\n"}, [Heat.STEP, Heat.STEP]),
        ({"setup.py": "setup()\n"}, [Heat.STEP, Heat.STEP]),
    ],
)
def test_functions_that_no_part_of_a_script_names_never_run(files: dict[str, str], expected: list[Heat | None]) -> None:
    step = "    for x in loader:\n        show()\n        model(x).mean().backward()\n        optimizer.step()\n"
    text = f"def train(loader):\n{step}\ndef left(loader):\n{step}\nif __name__ == '__main__':\n    train(data)\n"
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources({"main.py": text, **files}), RunSettings())
    spots = [facts[Hot].of(call.node) for call in facts[Calls].methods("show")]
    assert [spot.heat if spot is not None else None for spot in spots] == expected
