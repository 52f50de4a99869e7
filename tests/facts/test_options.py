"""Options: what users may change has a default, and that default is never its value."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import UNKNOWN, Calls
from greenlint.facts.modules import Modules
from greenlint.facts.options import Options
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.values import Values

PARSER = "import argparse\nparser = argparse.ArgumentParser()\n"
DATACLASS = "from dataclasses import dataclass, field\n@dataclass\nclass Config:\n"


def facts_of(code: str) -> Facts:
    text = textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


def shown(code: str) -> tuple[Facts, cst.BaseExpression]:
    """The argument of the last ``show(...)``."""
    facts = facts_of(code)
    return facts, facts[Calls].methods("show")[-1].positional[0]


# -- declared --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "default"),
    [
        (PARSER + "parser.add_argument('--workers', default=4)", 4),
        (PARSER + "parser.add_argument('-w', '--workers', type=int, default=2 * 2)", 4),
        (PARSER + "parser.add_argument('-n', dest='workers', default=4)", 4),
        (PARSER + "parser.add_argument('--workers')", None),
        (PARSER + "parser.add_argument('--workers', **{'default': 4})", 4),
        (PARSER + "group = parser.add_argument_group('data')\ngroup.add_argument('--workers', default=4)", 4),
        (PARSER + "N = 4\nparser.add_argument('--workers', default=N)", 4),
        (PARSER + "parser.add_argument('--workers', action='store_true')", False),
        (PARSER + "parser.add_argument('--workers', action='store_false')", True),
        (PARSER + "parser.add_argument('--workers', action='store_true', default=None)", None),
        ("import click\n@click.option('--workers', default=4)\ndef main(workers):\n    pass", 4),
        ("import click\n@click.option('-w', '--workers', 'workers', default=4)\ndef main(workers):\n    pass", 4),
        ("from absl import flags\nflags.DEFINE_integer('workers', 4, 'how many')", 4),
        ("from absl import flags\nflags.DEFINE_bool('workers', False, 'whether')", False),
        (DATACLASS + "    workers: int = 4", 4),
        (DATACLASS + "    workers: int = field(default=4)", 4),
        ("import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass Config:\n    workers: int = 4", 4),
    ],
)
def test_declared_default(code: str, default: object) -> None:
    options = facts_of(code)[Options]
    assert "workers" in options
    assert options.default("workers") == default


@pytest.mark.parametrize(
    "code",
    [
        PARSER + "parser.add_argument('--workers', default=os.cpu_count())",
        PARSER + "parser.add_argument('--workers', default=argparse.SUPPRESS)",
        PARSER + "parser.add_argument('--workers', **settings)",
        PARSER + "parser.add_argument('--workers', action=Workers)",
        PARSER + "parser.add_argument('--workers', default=4)\nparser.set_defaults(workers=8)",
        PARSER + "parser.add_argument('--workers', default=4)\nother.add_argument('--workers', default=8)",
        PARSER + "parser.add_argument('--workers', default=1)\nother.add_argument('--workers', default=True)",
        "from absl import flags\nflags.DEFINE_integer('workers', compute(), 'how many')",
        DATACLASS + "    workers: list = field(default_factory=list)",
        DATACLASS + "    workers: int = 4\n@dataclass\nclass Other:\n    workers: int = 8",
    ],
)
def test_a_default_that_cannot_be_read_or_is_not_one(code: str) -> None:
    options = facts_of(code)[Options]
    assert "workers" in options
    assert options.default("workers") is UNKNOWN


@pytest.mark.parametrize(
    "code",
    [
        PARSER + "parser.add_argument(name, default=4)",
        PARSER + "parser.add_argument('--others', default=4)",
        DATACLASS + "    workers: int",
        "class Config:\n    workers: int = 4",
        "from lib import parser\nargs = parser.parse_args()\nprint(args.workers)",
    ],
)
def test_not_declared(code: str) -> None:
    options = facts_of(code)[Options]
    assert "workers" not in options
    assert options.default("workers") is UNKNOWN


# -- read ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        PARSER + "parser.add_argument('--workers', default=4)\nargs = parser.parse_args()\nshow(args.workers)",
        PARSER + "parser.add_argument('--workers', default=4)\nn = parser.parse_args().workers\nshow(n)",
        "import click\n@click.command()\n@click.option('--workers', default=4)\n"
        "def main(workers):\n    show(workers)\nmain()",
        "import click\n@click.command()\n@click.option('--workers')\ndef main(workers=4):\n    show(workers)\nmain()",
        "import typer\napp = typer.Typer()\n@app.command()\ndef main(workers=4):\n    show(workers)\nmain()",
        "import fire\ndef main(workers=4):\n    show(workers)\nfire.Fire(main)",
        "from absl import flags\nFLAGS = flags.FLAGS\nflags.DEFINE_integer('workers', 4, 'x')\nshow(FLAGS.workers)",
        DATACLASS + "    workers: int = 4\nconfig = Config()\nshow(config.workers)",
        DATACLASS + "    workers: int = 4\nshow(Config.workers)",
        DATACLASS + "    workers: int = 4\n    def run(self):\n        show(self.workers)",
        "def build(workers=4):\n    show(workers)",
        "def build(workers=4):\n    show(workers)\nbuild(**settings)",
        "def build(workers=4):\n    show(workers)\nbuild(*settings)",
    ],
)
def test_a_default_is_never_the_value(code: str) -> None:
    facts, node = shown(code)
    assert facts[Values].constant(node) is UNKNOWN
    assert facts[Values].default(node) == 4


@pytest.mark.parametrize(
    "code",
    [
        "import attr\n@attr.s(auto_attribs=True)\nclass C:\n    workers: int = 4\nshow(C().workers)",
        "from pydantic import BaseModel\nclass C(BaseModel):\n    workers: int = 4\nshow(C().workers)",
        "from typing import NamedTuple\nclass C(NamedTuple):\n    workers: int = 4\nshow(C().workers)",
        "from lib import *\nshow(args.workers)",
        "import os\nshow(int(os.environ.get('WORKERS', 4)))",
        "def build(**settings):\n    show(settings['workers'])\nbuild(workers=4)",
        "import yaml\nconfig = yaml.safe_load(text)\nshow(config['workers'])",
        "from omegaconf import OmegaConf\nconfig = OmegaConf.create({'workers': 4})\nshow(config.workers)",
    ],
)
def test_neither_value_nor_default(code: str) -> None:
    facts, node = shown(code)
    assert facts[Values].constant(node) is UNKNOWN
    assert facts[Values].default(node) is UNKNOWN


def test_a_call_that_leaves_a_plain_parameter_out_gives_its_default() -> None:
    facts, node = shown("def build(workers=4):\n    show(workers)\nbuild()")
    assert facts[Values].constant(node) == 4
