"""Contexts: what holds at a place by ``with``, decorator, switch or caller; guards, dead code, clocks."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Call, Calls
from greenlint.facts.contexts import ContextKind, Contexts
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.tree import Tree


def shown(code: str, files: dict[str, str] | None = None) -> tuple[Facts, Call]:
    """The last ``show(...)``."""
    text = "import torch\n" + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources({**(files or {}), "main.py": text}), RunSettings())
    return facts, facts[Calls].methods("show")[-1]


def active(code: str, kind: ContextKind, files: dict[str, str] | None = None) -> bool | None:
    facts, call = shown(code, files)
    return facts[Contexts].active(call.node, kind)


def no_grad(code: str, files: dict[str, str] | None = None) -> bool | None:
    return active(code, ContextKind.NO_GRAD, files)


# -- by with and decorator ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("with torch.autocast('cuda'):\n    show()", ContextKind.AUTOCAST),
        ("with torch.amp.autocast('cuda', dtype=torch.bfloat16):\n    show()", ContextKind.AUTOCAST),
        ("from torch.cuda.amp import autocast as mixed\nwith mixed():\n    show()", ContextKind.AUTOCAST),
        ("with open(path) as file, torch.autocast('cuda'):\n    show()", ContextKind.AUTOCAST),
        ("@torch.autocast('cuda')\ndef step():\n    show()", ContextKind.AUTOCAST),
        ("with torch.no_grad():\n    show()", ContextKind.NO_GRAD),
        ("@torch.no_grad\ndef evaluate():\n    show()", ContextKind.NO_GRAD),
        ("@torch.inference_mode()\ndef evaluate():\n    show()", ContextKind.NO_GRAD),
        ("from torch.autograd import no_grad as quiet\n@quiet()\ndef evaluate():\n    show()", ContextKind.NO_GRAD),
        ("with torch.set_grad_enabled(False):\n    show()", ContextKind.NO_GRAD),
        ("with torch.set_grad_enabled(mode=False):\n    show()", ContextKind.NO_GRAD),
        ("async def evaluate():\n    with torch.no_grad():\n        show()", ContextKind.NO_GRAD),
        ("@torch.compile\ndef forward():\n    show()", ContextKind.COMPILED),
        ("import jax\n@jax.jit\ndef forward():\n    show()", ContextKind.COMPILED),
        ("from numba import njit\n@njit\ndef forward():\n    show()", ContextKind.COMPILED),
        ("with model.no_sync():\n    show()", ContextKind.NO_SYNC),
        ("with Timer() as t:\n    show()", ContextKind.TIMED),
    ],
)
def test_given(code: str, kind: ContextKind) -> None:
    assert active(code, kind) is True


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("show()", ContextKind.NO_GRAD),
        ("with torch.autocast('cuda'):\n    show()", ContextKind.NO_GRAD),
        ("with torch.no_grad():\n    pass\nshow()", ContextKind.NO_GRAD),
        ("with torch.autocast('cuda', enabled=False):\n    show()", ContextKind.AUTOCAST),
        ("with torch.inference_mode(False):\n    show()", ContextKind.NO_GRAD),
        ("with torch.inference_mode(mode=False):\n    show()", ContextKind.NO_GRAD),
        ("with torch.set_grad_enabled(True):\n    show()", ContextKind.NO_GRAD),
        ("with open(path) as file:\n    show()", ContextKind.NO_GRAD),
        ("import functools\n@functools.lru_cache\ndef evaluate():\n    show()", ContextKind.NO_GRAD),
        ("class Net:\n    @staticmethod\n    def evaluate():\n        show()", ContextKind.NO_GRAD),
        ("model = torch.compile(model)\nshow()", ContextKind.COMPILED),
        ("with torch.profiler.profile():\n    show()", ContextKind.NO_GRAD),
    ],
)
def test_not_given(code: str, kind: ContextKind) -> None:
    assert active(code, kind) is False


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("with torch.autocast('cuda', enabled=args.amp):\n    show()", ContextKind.AUTOCAST),
        ("with torch.cuda.amp.autocast(use_amp):\n    show()", ContextKind.AUTOCAST),
        ("with torch.autocast('cuda', **options):\n    show()", ContextKind.AUTOCAST),
        ("with torch.inference_mode(mode=frozen):\n    show()", ContextKind.NO_GRAD),
        ("with torch.set_grad_enabled(phase == 'train'):\n    show()", ContextKind.NO_GRAD),
        ("from lib import wrap\n@wrap\ndef evaluate():\n    show()", ContextKind.NO_GRAD),
        ("from lib import *\n@wrap\ndef evaluate():\n    show()", ContextKind.NO_GRAD),
        ("from lib import wrap\n@wrap\nclass Net:\n    def evaluate(self):\n        show()", ContextKind.NO_GRAD),
        ("from lib import quietly\nwith quietly():\n    show()", ContextKind.NO_GRAD),
        ("with trainer.context():\n    show()", ContextKind.NO_GRAD),
        ("def evaluate(manager):\n    with manager:\n        show()", ContextKind.NO_GRAD),
        ("import contextlib\nwith contextlib.ExitStack() as stack:\n    show()", ContextKind.NO_GRAD),
    ],
)
def test_not_known_whether_given(code: str, kind: ContextKind) -> None:
    assert active(code, kind) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("sampler", ContextKind.AUTOCAST), ("timestamps", ContextKind.AUTOCAST), ("jitter", ContextKind.COMPILED)],
)
def test_a_word_inside_a_longer_word_says_nothing(name: str, kind: ContextKind) -> None:
    assert active(f"from lib import {name}\nwith {name}():\n    show()", kind) is None
    assert active(f"def {name}():\n    return open(path)\nwith {name}():\n    show()", kind) is False


# -- which of several holds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("with torch.no_grad():\n    with torch.enable_grad():\n        show()", ContextKind.NO_GRAD),
        ("with torch.no_grad(), torch.set_grad_enabled(True):\n    show()", ContextKind.NO_GRAD),
        ("with torch.autocast('cuda'), torch.autocast('cuda', enabled=False):\n    show()", ContextKind.AUTOCAST),
        ("@torch.enable_grad()\ndef attack():\n    show()\nwith torch.no_grad():\n    attack()", ContextKind.NO_GRAD),
    ],
)
def test_the_innermost_manager_decides(code: str, kind: ContextKind) -> None:
    assert active(code, kind) is False


def test_an_unseen_manager_takes_nothing_back() -> None:
    assert no_grad("from lib import watch\nwith torch.no_grad():\n    with watch():\n        show()") is True


def test_gradients_switched_on_in_an_unseen_manager_are_not_certainly_on() -> None:
    assert no_grad("from lib import watch\nwith torch.enable_grad():\n    with watch():\n        show()") is None


# -- managers in variables and functions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("quiet = torch.no_grad()\nwith quiet:\n    show()", True),
        ("context = torch.no_grad() if frozen else torch.inference_mode()\nwith context:\n    show()", True),
        ("from contextlib import nullcontext\nquiet = nullcontext()\nwith quiet:\n    show()", False),
        ("from contextlib import nullcontext\nwith torch.no_grad() if frozen else nullcontext():\n    show()", None),
        ("manager = open(x)\nif frozen:\n    manager = torch.no_grad()\nwith manager:\n    show()", None),
        ("scope = open(x)\nif frozen:\n    scope = torch.no_grad()\nwith scope:\n    show()", None),
        ("context = pick()\nwith context:\n    show()", None),
        ("first, second = pick()\nwith first:\n    show()", None),
        ("from lib import context\nwith context:\n    show()", None),
    ],
)
def test_assigned_and_conditional_managers(code: str, expected: bool | None) -> None:
    assert no_grad(code) is expected


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("def quiet():\n    return torch.no_grad()\n", True),
        ("def quiet():\n    return open(path)\n", False),
        ("def quiet():\n    return torch.set_grad_enabled(flag)\n", None),
        ("def quiet():\n    return torch.inference_mode(mode=flag)\n", None),
        ("def quiet():\n    return torch.no_grad() if frozen else open(path)\n", None),
        ("def quiet():\n    if frozen:\n        return torch.no_grad()\n    return open(path)\n", None),
        (
            "import contextlib\n@contextlib.contextmanager\ndef quiet():\n    with torch.no_grad():\n        yield\n",
            True,
        ),
    ],
)
def test_managers_of_the_project(definition: str, expected: bool | None) -> None:
    assert no_grad(f"{definition}with quiet():\n    show()") is expected
    files = {"helpers.py": "import torch\n" + definition}
    assert no_grad("from helpers import quiet\nwith quiet():\n    show()", files) is expected


def test_a_decorator_of_the_project() -> None:
    code = """
    def evaluation(function):
        def inner(*args):
            with torch.no_grad():
                return function(*args)
        return inner

    @evaluation
    def run():
        show()
    """
    assert no_grad(code) is True


# -- torch.set_grad_enabled as a statement -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("torch.set_grad_enabled(False)\nshow()", True),
        ("show()\ntorch.set_grad_enabled(False)", False),
        ("torch.set_grad_enabled(False)\ntorch.set_grad_enabled(True)\nshow()", False),
        ("torch.set_grad_enabled(True)\ntorch.set_grad_enabled(False)\nshow()", True),
        ("torch.set_grad_enabled(False)\nshow()\ntorch.set_grad_enabled(True)", True),
        ("torch.set_grad_enabled(phase == 'train')\nshow()", None),
        ("if frozen:\n    torch.set_grad_enabled(False)\nshow()", None),
        ("if a:\n    torch.set_grad_enabled(True)\nelse:\n    torch.set_grad_enabled(False)\n    show()", True),
        ("if a:\n    torch.set_grad_enabled(False)\nelse:\n    show()", False),
        ("for x in y:\n    show()\n    torch.set_grad_enabled(False)", None),
        ("for x in y:\n    torch.set_grad_enabled(True)\n    show()\n    torch.set_grad_enabled(False)", False),
        ("torch.set_grad_enabled(True)\nfor x in y:\n    show()\n    torch.set_grad_enabled(False)", None),
        ("torch.set_grad_enabled(False)\nwith torch.enable_grad():\n    show()", False),
    ],
)
def test_gradients_switched_by_a_statement(code: str, expected: bool | None) -> None:
    assert no_grad(code) is expected
    assert no_grad("def run():\n" + textwrap.indent(code, "    ")) is expected


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("torch.set_grad_enabled(False)\n", True),
        ("torch.set_grad_enabled(True)\n", False),
        ("torch.set_grad_enabled(flag)\n", None),
        ("if frozen:\n    torch.set_grad_enabled(False)\n", None),
        ("torch.set_grad_enabled(False)\ntorch.set_grad_enabled(True)\n", None),
    ],
)
def test_gradients_switched_by_the_module_around_a_function(module: str, expected: bool | None) -> None:
    assert no_grad(f"{module}def run():\n    show()\n") is expected


# -- by the caller -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def run():\n    show()\nwith torch.no_grad():\n    run()", True),
        ("def run():\n    show()\nrun()", False),
        ("def run():\n    show()", False),
        ("def run():\n    show()\nwith torch.no_grad():\n    run()\nrun()", None),
        ("from lib import wrap\ndef run():\n    show()\n@wrap\ndef outer():\n    run()", None),
        ("def run():\n    show()\ndef outer():\n    run()\nwith torch.no_grad():\n    outer()", True),
        (
            "class T:\n    def run(self):\n        show()\n    @torch.no_grad()\n    def go(self):\n        self.run()",
            True,
        ),
        ("@torch.no_grad()\ndef outer():\n    def run():\n        show()\n    return [run() for x in y]", True),
        ("@torch.no_grad()\ndef outer():\n    def run():\n        show()\n    each(run)", True),
        ("with torch.no_grad():\n    def run():\n        show()\nrun()", False),
        ("def run():\n    show()\ntorch.set_grad_enabled(False)\nrun()", True),
    ],
)
def test_callers(code: str, expected: bool | None) -> None:
    assert no_grad(code) is expected


def test_callers_in_another_module() -> None:
    code = "def run():\n    show()\n"
    quiet = "import torch\nfrom main import run\n@torch.no_grad()\ndef evaluate():\n    run()\n"
    assert no_grad(code, {"evaluate.py": quiet}) is True
    assert no_grad(code, {"evaluate.py": quiet, "train.py": "from main import run\nrun()\n"}) is None


def test_callers_too_far_away_are_not_known() -> None:
    chain = "".join(f"def f{index}():\n    f{index - 1}()\n" for index in range(1, 9))
    assert no_grad(f"def f0():\n    show()\n{chain}with torch.no_grad():\n    f8()\n") is None


# -- guards --------------------------------------------------------------------------------------------------------


def guarded(code: str) -> bool:
    facts, call = shown(code)
    loop = facts[Tree].loops_around(call.node)[-1]
    return facts[Contexts].guarded(call.node, loop.body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("show()", False),
        ("if step % 100 == 0:\n    show()", True),
        ("if step % 1 == 0:\n    show()", False),
        ("if step % every == 0:\n    show()", True),
        ("if step % 1 == 0 and step > 1000:\n    show()", True),
        ("if step % 1 == 0 or last:\n    show()", False),
        ("if (step + 1) % 50 == 0:\n    for x in y:\n        show()", True),
        ("if step % 10 != 0:\n    continue\nshow()", True),
        ("if step % 1 != 0:\n    continue\nshow()", False),
        ("if step % 10 != 0: continue\nshow()", True),
        ("if x is None:\n    continue\nshow()", False),
        ("show()\nif step % 10 != 0:\n    continue", False),
        ("if True:\n    show()", False),
        ("if args.debug:\n    show()", True),
        ("if not self.verbose:\n    show()", True),
        ("if use_ema:\n    show()", False),
        ("if gradient is not None:\n    show()", False),
        ("if loss > 3:\n    show()", True),
        ("step % 10 == 0 and show()", True),
        ("show() if step % 10 == 0 else None", True),
        ("try:\n    pass\nexcept ValueError:\n    show()", True),
        ("try:\n    show()\nexcept ValueError:\n    pass", False),
    ],
)
def test_guarded(body: str, expected: bool) -> None:
    assert guarded("for step, x in enumerate(y):\n" + textwrap.indent(body, "    ")) is expected


@pytest.mark.parametrize(("default", "expected"), [("1", False), ("100", True), ("unknown()", True)])
def test_a_modulo_is_judged_by_the_default_of_its_option(default: str, expected: bool) -> None:
    parser = f"""
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("--log-interval", type=int, default={default})
    args = parser.parse_args()
    for step, x in enumerate(y):
        if step % args.log_interval == 0:
            show()
    """
    parameter = f"def train(every={default}):\n    for step in y:\n        if step % every == 0:\n            show()\n"
    option = f"""
    import click
    @click.command()
    @click.option("--every", default={default})
    def main(every):
        for step in y:
            if step % every == 0:
                show()
    """
    assert [guarded(parser), guarded(parameter), guarded(option)] == [expected] * 3


# -- dead code -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("if False:\n    show()", True),
        ("if 0:\n    for x in y:\n        show()", True),
        ("if not True:\n    show()", True),
        ("DEBUG = False\nif DEBUG:\n    show()", True),
        ("if False and x:\n    show()", True),
        ("if True:\n    pass\nelse:\n    show()", True),
        ("if True:\n    pass\nelif x:\n    show()", True),
        ("while False:\n    show()", True),
        ("def run(debug):\n    if debug:\n        show()\nrun(False)", True),
        ("show()", False),
        ("if True:\n    show()", False),
        ("if False:\n    pass\nelse:\n    show()", False),
        ("if False:\n    pass\nelif x:\n    show()", False),
        ("if False or x:\n    show()", False),
        ("while True:\n    show()", False),
        ("if x:\n    show()", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    show()", False),
    ],
)
def test_dead(code: str, expected: bool) -> None:
    facts, call = shown(code)
    assert facts[Contexts].dead(call.node) is expected


@pytest.mark.parametrize(
    "code",
    [
        "def run(debug=False):\n    if debug:\n        show()",
        "def run(debug=False):\n    if debug:\n        show()\nrun(**options)",
        "import click\n@click.command()\ndef run(debug=False):\n    if debug:\n        show()\nrun()",
        "DEBUG = False\ndef turn_on():\n    global DEBUG\n    DEBUG = True\ndef run():\n    if DEBUG:\n        show()",
        "first = True\nfor x in y:\n    if first:\n        first = False\n    else:\n        show()",
        "class A:\n    on = False\n    def go(self):\n        if self.on: show()\nclass B(A):\n    on = True",
        "class A:\n    on = False\n    def go(self):\n        if self.on:\n            show()\na = A()\na.on = True",
        "import config\nconfig.DEBUG = args.debug\nif config.DEBUG:\n    show()",
        "from lib import *\nif DEBUG:\n    show()",
    ],
)
def test_what_may_be_changed_leaves_nothing_dead(code: str) -> None:
    facts, call = shown(code, {"config.py": "DEBUG = False\n"})
    assert facts[Contexts].dead(call.node) is False


# -- clocks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("start = time.time()\nshow()\nspent = time.time() - start", True),
        ("start.record()\nx = model(y)\nshow()\nend.record()", True),
        ("start = time.perf_counter()\nwith lock:\n    show()\nprint(time.perf_counter() - start)", True),
        ("start = time.time()\nshow()", False),
        ("show()\nspent = time.time() - start", False),
        ("start = time.time()\na()\nb()\nc()\nshow()\nspent = time.time() - start", False),
        ("start = time.time()\nfor x in y:\n    show()\nspent = time.time() - start", False),
    ],
)
def test_timed(code: str, expected: bool) -> None:
    facts, call = shown("import time\n" + code)
    assert facts[Contexts].timed(call.node) is expected
