"""Switches: settings of libraries by assignment, call and environment variable."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import UNKNOWN
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.switches import Switches

CUDNN, NANS = "torch.backends.cudnn.enabled", "jax.config.jax_debug_nans"


def facts_of(code: str) -> Facts:
    text = "import os\nimport jax\nimport torch\nfrom torch.backends import cudnn\n" + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("torch.backends.cudnn.enabled = False", [(CUDNN, False)]),
        ("cudnn.enabled = False", [(CUDNN, False)]),
        ("cudnn.enabled = args.cudnn", [(CUDNN, UNKNOWN)]),
        ("OFF = False\ncudnn.enabled = OFF", [(CUDNN, False)]),
        ("self.cudnn.enabled = False", []),
        ('jax.config.update("jax_debug_nans", True)', [(NANS, True)]),
        ('from jax.config import config\nconfig.update("jax_debug_nans", True)', [(NANS, True)]),
        ('from jax import config\nconfig.update("jax_debug_nans", True)', [(NANS, True)]),
        ("jax.config.jax_debug_nans = True", [(NANS, True)]),
        ('os.environ["JAX_DEBUG_NANS"] = "True"', [(NANS, True)]),
        ('os.environ["JAX_DEBUG_NANS"] = "0"', [(NANS, False)]),
        ("jax.config.update(name, True)", []),
    ],
)
def test_what_is_set(code: str, found: list[tuple[str, object]]) -> None:
    assert [(each.name, each.value) for each in facts_of(code)[Switches].all] == found


def test_by_name_in_source_order() -> None:
    code = 'jax.config.update("jax_debug_nans", True)\ncudnn.enabled = False\njax.config.jax_debug_nans = False'
    assert [each.value for each in facts_of(code)[Switches].set(NANS)] == [True, False]
    assert [each.value for each in facts_of(code)[Switches].set(NANS, CUDNN)] == [True, False, False]
