"""Transfers: which calls move a value to a device, whether they convert it, and whether the program waits."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.transfers import Move, Transfers
from greenlint.facts.tree import Tree
from greenlint.facts.values import Device

ACCELERATOR, HOST = Device.ACCELERATOR, Device.HOST


def facts_of(code: str) -> Facts:
    text = "import jax\nimport torch\nfrom lib import network\n" + textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    return Modules.begin(document, DictSources({"main.py": text}), RunSettings())


def moves(code: str) -> list[Move]:
    return list(facts_of(code)[Transfers].all)


def move(code: str) -> Move:
    (found,) = moves(code)
    return found


@pytest.mark.parametrize(
    ("code", "target"),
    [
        ("x.cuda()", ACCELERATOR),
        ("x.cuda(1)", ACCELERATOR),
        ("x.xpu()", ACCELERATOR),
        ("x.npu()", ACCELERATOR),
        ("x.to('cuda')", ACCELERATOR),
        ("x.to(0)", ACCELERATOR),
        ("x.to(f'cuda:{rank}')", ACCELERATOR),
        ("x.to(torch.device('cuda'))", ACCELERATOR),
        ("x.to(device='cuda')", ACCELERATOR),
        ("device = 'cuda' if torch.cuda.is_available() else 'cpu'\nx.to(device)", ACCELERATOR),
        ("x.to('cpu')", HOST),
        ("x.to(device)", None),
        ("x.to(args.device)", None),
        ("x.to(self.device)", None),
        ("x.to(y.device)", None),
        ("x.to(rank)", None),
        ("x.to(args.gpu)", None),
        ("x.to(get_device())", None),
        ("x.to('cuda' + index)", ACCELERATOR),
        ("x.to(kind + ':0')", None),
        ("from lib import *\nx.to(dev)", None),
        ("jax.device_put(x)", None),
        ("jax.device_put(x, device)", None),
    ],
)
def test_moves(code: str, target: Device | None) -> None:
    assert move(code).target is target


@pytest.mark.parametrize(
    "code",
    [
        "x.cpu()",
        "x.to(torch.float16)",
        "x.to(dtype=torch.float16)",
        "x.to(y.dtype)",
        "x.to(y)",
        "x.to(torch.zeros(3))",
        "x.to(memory_format=torch.channels_last)",
        "x.to(non_blocking=True)",
        "x.to(None)",
        "x.to(True)",
        "x.to()",
        "x.to(*options)",
        "x.to(**options)",
        "x.to(pick())",
        "x.to(half if small else full)",
        "network.to('cuda')",
        "network.cuda()",
        "torch.cuda.synchronize()",
        "to('cuda')",
        "jax.device_put()",
    ],
)
def test_no_moves(code: str) -> None:
    assert moves(code) == []


@pytest.mark.parametrize(
    ("code", "casts"),
    [
        ("x.to('cuda')", False),
        ("x.to('cuda', torch.float16)", True),
        ("x.to('cuda', dtype=torch.float16)", True),
        ("x.to(torch.float16, device='cuda')", True),
        ("x.to('cuda', args.dtype)", True),
        ("x.to('cuda', non_blocking=True)", False),
        ("x.to('cuda', memory_format=torch.channels_last)", False),
        ("x.to('cuda', copy=True)", False),
        ("x.cuda(non_blocking=True)", False),
    ],
)
def test_casts(code: str, casts: bool) -> None:
    assert move(code).casts is casts


@pytest.mark.parametrize(
    ("code", "blocking"),
    [
        ("x.to('cuda')", True),
        ("x.to('cuda', non_blocking=False)", True),
        ("x.to('cuda', non_blocking=True)", False),
        ("x.to('cuda', torch.float16, True)", False),
        ("x.to('cuda', **{'non_blocking': True})", False),
        ("x.to('cuda', **{'copy': True})", True),
        ("overlap = True\nx.to('cuda', non_blocking=overlap)", False),
        ("x.cuda()", True),
        ("x.cuda(0)", True),
        ("x.cuda(0, True)", False),
        ("x.cuda(non_blocking=True)", False),
        ("x.to('cuda', non_blocking=args.overlap)", None),
        ("def run(overlap=True):\n    x.to('cuda', non_blocking=overlap)", None),
        ("x.to('cuda', **options)", None),
        ("x.cuda(*options)", None),
        ("x.cuda(**options)", None),
    ],
)
def test_blocking(code: str, blocking: bool | None) -> None:
    assert move(code).blocking is blocking


def test_what_is_moved_and_where_it_is_written() -> None:
    found = move("batch['image'].to(device, non_blocking=True)")
    source = found.call.facts.document.source
    assert source(found.source) == "batch['image']"
    assert found.device is not None and source(found.device) == "device"
    assert move("x.cuda()").device is None


def test_moves_within_a_node_in_source_order() -> None:
    facts = facts_of("a.cuda()\nfor x in y:\n    b.to('cuda').to('cpu')\n    c.cuda()\nd.cuda()\n")
    (loop,) = facts[Tree].of_type(cst.For)
    source = facts.document.source
    assert [source(each.source) for each in facts[Transfers].within(loop)] == ["b.to('cuda')", "b", "c"]
    assert len(list(facts[Transfers].all)) == 5
