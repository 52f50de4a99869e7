"""Devices: which device an expression names, through conditions, functions, parameters, attributes and modules."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.devices import Devices
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.values import Device, Values

ACCELERATOR, HOST = Device.ACCELERATOR, Device.HOST


def shown(code: str, files: dict[str, str] | None = None) -> tuple[Facts, cst.BaseExpression]:
    """The argument of the last ``show(...)``."""
    text = "import torch\nfrom torch import nn\n" + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources({**(files or {}), "main.py": text}), RunSettings())
    return facts, facts[Calls].methods("show")[-1].positional[0]


def named(code: str, files: dict[str, str] | None = None) -> Device | None:
    """The device that the shown expression names."""
    facts, node = shown(code, files)
    return facts[Devices].of(node)


def place(code: str) -> Device | None:
    """The device that the shown value lies on."""
    facts, node = shown(code)
    return facts[Values].of(node).device


# -- expressions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "device"),
    [
        ("'cuda'", ACCELERATOR),
        ("'cuda:3'", ACCELERATOR),
        ("'mps'", ACCELERATOR),
        ("'xpu'", ACCELERATOR),
        ("'/device:GPU:0'", ACCELERATOR),
        ("'cpu'", HOST),
        ("'/device:CPU:0'", HOST),
        ("0", ACCELERATOR),
        ("torch.device('cuda')", ACCELERATOR),
        ("torch.device('cuda', 1)", ACCELERATOR),
        ("torch.device(type='cpu')", HOST),
        ("torch.device(f'cuda:{rank}')", ACCELERATOR),
        ("f'cuda:{rank}'", ACCELERATOR),
        ("f'cpu'", HOST),
        ("'cuda:' + str(rank)", ACCELERATOR),
        ("'cuda:%d' % rank", ACCELERATOR),
        ("'cuda' if torch.cuda.is_available() else 'cpu'", ACCELERATOR),
        ("torch.device('cpu' if args.cpu else 'cuda')", ACCELERATOR),
        ("'cpu' if args.small else torch.device('cpu')", HOST),
        ("torch.zeros(3).device", HOST),
        ("nn.Linear(2, 2).cuda()(x).device", ACCELERATOR),
        ("{'device': 'cuda'}['device']", ACCELERATOR),
    ],
)
def test_named(expression: str, device: Device) -> None:
    assert named(f"show({expression})") is device
    assert named(f"device = {expression}\nshow(device)") is device


@pytest.mark.parametrize(
    "expression",
    [
        "args.device",
        "torch.device(args.device)",
        "args.device or 'cuda'",
        "args.device if args.device else 'cpu'",
        "getattr(args, 'device', 'cpu')",
        "f'{kind}:0'",
        "kind + ':0'",
        "torch.device()",
        "'meta'",
        "None",
        "True",
        "-1",
        "config['device']",
        "os.environ['DEVICE']",
        "os.environ.get('DEVICE', 'cuda')",
        "pick_device()",
        "next(model.parameters()).device",
        "x.device",
        "cfg.train.device",
    ],
)
def test_not_known(expression: str) -> None:
    assert named(f"import os\nshow({expression})") is None
    assert named(f"import os\ndevice = {expression}\nshow(device)") is None


@pytest.mark.parametrize(
    ("code", "device"),
    [
        ("device = 'cpu'\nif torch.cuda.is_available():\n    device = 'cuda'\nshow(device)", ACCELERATOR),
        ("device = 'cpu'\nif args.device:\n    device = args.device\nshow(device)", None),
        ("device = 'cuda'\ndevice = 'cpu'\nshow(device)", HOST),
        ("number, device = 1, 'cuda'\nshow(device)", ACCELERATOR),
        ("for device in ['cuda', 'cpu']:\n    show(device)", None),
        ("device = 'cpu'\nfor x in y:\n    show(device)\n    device = pick()", None),
        ("with torch.cuda.device(0) as device:\n    show(device)", ACCELERATOR),
    ],
)
def test_variables(code: str, device: Device | None) -> None:
    assert named(code) is device


@pytest.mark.parametrize(
    "option",
    [
        "parser.add_argument('--device', default='cpu')",
        "parser.add_argument('--device', default='cuda', choices=['cuda'])",
        "parser.set_defaults(device='cuda')",
    ],
)
def test_the_default_of_an_option_is_not_its_value(option: str) -> None:
    parser = f"import argparse\nparser = argparse.ArgumentParser()\n{option}\nargs = parser.parse_args()\n"
    assert named(f"{parser}show(args.device)") is None
    assert named(f"{parser}device = torch.device(args.device)\nshow(device)") is None


# -- launchers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "device"),
    [
        ("accelerate.Accelerator()", ACCELERATOR),
        ("accelerate.Accelerator(cpu=args.cpu)", ACCELERATOR),
        ("accelerate.Accelerator(cpu=True)", HOST),
        ("Fabric()", ACCELERATOR),
        ("Fabric(accelerator='cuda', devices=2)", ACCELERATOR),
        ("Fabric(accelerator='cpu')", HOST),
        ("unseen()", None),
    ],
)
def test_devices_of_accelerate_and_fabric(made: str, device: Device | None) -> None:
    code = f"import accelerate\nfrom lightning.fabric import Fabric\nlauncher = {made}\n"
    assert named(f"{code}show(launcher.device)") is device


def test_what_accelerate_prepares_lies_where_it_runs() -> None:
    code = "import accelerate\na = accelerate.Accelerator({})\nm, o = a.prepare(nn.Linear(2, 2), opt)\nshow(m)"
    assert place(code.format("")) is ACCELERATOR
    assert place(code.format("cpu=True")) is HOST


# -- parameters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "device"),
    [
        ("run('cuda')", ACCELERATOR),
        ("run('cpu')", HOST),
        ("run(device='cuda')", ACCELERATOR),
        ("run('cuda:0')\nrun('cuda:1')", ACCELERATOR),
        ("run('cuda')\nrun(args.device)", ACCELERATOR),
        ("run('cpu')\nrun(args.device)", None),
        ("run(args.device)", None),
        ("run(*options)", None),
        ("run(**options)", None),
        ("run(**{'device': 'cuda'})", ACCELERATOR),
        ("start(run, 'cuda')", None),
        ("", None),
    ],
)
def test_parameters_have_what_all_callers_pass(calls: str, device: Device | None) -> None:
    assert named(f"def run(device):\n    show(device)\n{calls}\n") is device


@pytest.mark.parametrize(
    ("calls", "device"),
    [("", None), ("run()", ACCELERATOR), ("run(**options)", None), ("run('cpu')", HOST)],
)
def test_the_default_of_a_parameter_counts_only_where_a_caller_leaves_it(calls: str, device: Device | None) -> None:
    assert named(f"def run(device='cuda'):\n    show(device)\n{calls}\n") is device


@pytest.mark.parametrize(
    "decorator",
    [
        "@click.command()\n@click.option('--device')",
        "@gin.configurable",
        "@experiment.capture",
        "@hydra.main()",
        "@wrap",
    ],
)
def test_a_decorator_of_an_unseen_library_may_fill_in_parameters(decorator: str) -> None:
    code = f"import click, gin, hydra\n{decorator}\ndef run(device='cpu'):\n    show(device)\nrun()\n"
    assert named(code) is None


def test_a_decorated_class_may_get_other_arguments() -> None:
    code = """
    class Run:
        def __init__(self, device='cpu'):
            self.device = device
        def go(self):
            show(self.device)
    Run()
    """
    assert named(code) is HOST
    assert named("import gin\n@gin.configurable" + textwrap.dedent(code)) is None


def test_callers_in_another_module() -> None:
    code = "def run(device):\n    show(device)\n"
    assert named(code, {"go.py": "from main import run\nrun('cuda')\n"}) is ACCELERATOR
    assert named(code, {"go.py": "from main import run\nrun(load())\n"}) is None


def test_a_function_that_calls_itself_ends() -> None:
    assert named("def run(device):\n    show(device)\n    run(device)\n") is None


# -- attributes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "calls", "device"),
    [
        ("self.device = torch.device('cuda')", "", ACCELERATOR),
        ("self.device = 'cpu'", "", HOST),
        ("self.device = 'cpu'\n        if gpu:\n            self.device = 'cuda'", "", ACCELERATOR),
        ("self.device = device", "Run('cuda')", ACCELERATOR),
        ("self.device = device", "Run(device='cpu')", HOST),
        ("self.device = torch.device(device)", "Run(args.device)", None),
        ("self.device = device", "", None),
        ("pass", "", None),
        ("self.device = 'cpu'", "run = Run()\nrun.device = 'cuda'", ACCELERATOR),
        ("self.device = 'cpu'", "run = Run()\nrun.device = args.device", None),
        ("self.device = 'cpu'", "class Own(Run):\n    device = 'cuda'", ACCELERATOR),
        ("self.device = 'cpu'", "class Own(Run):\n    def go(self):\n        self.device = load()", None),
    ],
)
def test_attributes_of_self(start: str, calls: str, device: Device | None) -> None:
    code = f"""
class Run:
    def __init__(self, device=None):
        {start}
    def run(self):
        show(self.device)
{calls}
"""
    assert named(code) is device


@pytest.mark.parametrize(
    ("code", "device"),
    [
        ("class C:\n    device = 'cuda'\nshow(C.device)", ACCELERATOR),
        ("class C:\n    device = 'cuda'\nC.device = args.device\nshow(C.device)", ACCELERATOR),
        ("class C:\n    device = 'cpu'\nC.device = args.device\nshow(C.device)", None),
        ("class B:\n    device = 'cpu'\nclass C(B):\n    pass\nshow(C().device)", HOST),
        (
            "class C:\n    def pick(self):\n        return 'cuda'\n    def go(self):\n        show(self.pick())",
            ACCELERATOR,
        ),
        (
            "import dataclasses\n@dataclasses.dataclass\nclass C:\n    device: str = 'cpu'\nc = C()\nshow(c.device)",
            None,
        ),
        ("from typing import NamedTuple\nclass C(NamedTuple):\n    device: str = 'cpu'\nshow(C().device)", None),
    ],
)
def test_attributes_of_classes(code: str, device: Device | None) -> None:
    assert named(code) is device


# -- other modules ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "device"),
    [
        ("DEVICE = 'cuda'\n", ACCELERATOR),
        ("DEVICE = 'cpu'\n", HOST),
        ("import torch\nDEVICE = torch.device('cuda' if torch.cuda.is_available() else 'cpu')\n", ACCELERATOR),
        ("import os\nDEVICE = os.environ['DEVICE']\n", None),
        ("from lib import DEVICE\n", None),
        ("from lib import *\n", None),
        ("", None),
    ],
)
def test_imported_constants(config: str, device: Device | None) -> None:
    files = {"config.py": config}
    assert named("from config import DEVICE\nshow(DEVICE)", files) is device
    assert named("import config\nshow(config.DEVICE)", files) is device
    assert named("from config import *\nshow(DEVICE)", files) is device


def test_a_constant_that_is_set_from_outside_is_not_known() -> None:
    files = {"config.py": "DEVICE = 'cpu'\nclass C:\n    device = 'cpu'\n"}
    assert named("import config\nconfig.DEVICE = args.device\nshow(config.DEVICE)", files) is None
    assert named("from config import C\nC.device = args.device\nshow(C.device)", files) is None
    assert named("from config import C\nshow(C.device)", files) is HOST


def test_of_two_star_imports_the_last_one_counts() -> None:
    files = {"a.py": "DEVICE = 'cuda'\ndef pick():\n    return 'cuda'\n", "b.py": "DEVICE = 'cpu'\n"}
    files["c.py"] = "def pick():\n    return 'cpu'\n"
    files["both.py"] = "from a import *\nfrom c import *\n"
    assert named("from a import *\nfrom b import *\nshow(DEVICE)", files) is HOST
    assert named("from a import *\nfrom c import *\nshow(pick())", files) is HOST
    assert named("from both import pick\nshow(pick())", files) is HOST


# -- functions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "device"),
    [
        ("def pick():\n    return torch.device('cuda')\n", ACCELERATOR),
        ("def pick():\n    return 'cpu'\n", HOST),
        ("def pick():\n    if torch.cuda.is_available():\n        return 'cuda'\n    return 'cpu'\n", ACCELERATOR),
        ("def pick():\n    return args.device\n", None),
        ("def pick():\n    if args.cpu:\n        return 'cpu'\n    return args.device\n", None),
        ("def pick():\n    def inner():\n        return 'cuda'\n    return args.device\n", None),
        ("import functools\n@functools.lru_cache\ndef pick():\n    return 'cuda'\n", ACCELERATOR),
        ("from lib import wrap\n@wrap\ndef pick():\n    return 'cuda'\n", None),
        ("from lib import *\n@wrap()\ndef pick():\n    return 'cpu'\n", None),
        ("def log(f):\n    return f\n@log\ndef pick():\n    return 'cuda'\n", ACCELERATOR),
    ],
)
def test_functions_that_return_a_device(definition: str, device: Device | None) -> None:
    assert named(f"{definition}show(pick())") is device
    assert named("from util import pick\nshow(pick())", {"util.py": f"import torch\n{definition}"}) is device


# -- values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "device"),
    [
        ("show(x.cuda())", ACCELERATOR),
        ("show(torch.zeros(3).cuda())", ACCELERATOR),
        ("show(torch.zeros(3).to('cuda'))", ACCELERATOR),
        ("show(torch.zeros(3).to(device='cuda', dtype=torch.half))", ACCELERATOR),
        ("show(torch.zeros(3).cuda().to(torch.half))", ACCELERATOR),
        ("show(torch.zeros(3).cuda().cpu())", HOST),
        ("show(torch.zeros(3).cuda().to('cpu'))", HOST),
        ("show(torch.zeros(3).cuda() + 1)", ACCELERATOR),
        ("show(torch.zeros(3, device='cuda')[0])", ACCELERATOR),
        ("show(torch.zeros(3).to(args.device))", None),
        ("show(torch.zeros(3, device=args.device))", None),
        ("show(torch.zeros(3, **options))", None),
        ("show(torch.cuda.FloatTensor(3))", None),
        ("show(load().float())", None),
    ],
)
def test_where_values_lie(code: str, device: Device | None) -> None:
    assert place(code) is device


@pytest.mark.parametrize("test", ["x is None", "x is not None", "1 in x", "1 not in x"])
def test_identity_and_membership_give_no_tensor(test: str) -> None:
    assert place(f"x = torch.zeros(3).cuda()\nshow({test})") is None
    assert place("x = torch.zeros(3).cuda()\nshow(x > 1)") is ACCELERATOR
