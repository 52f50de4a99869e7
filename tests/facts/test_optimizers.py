"""What optimisers train, whose turn it is, and which forward passes a backward call goes through."""

from __future__ import annotations

import textwrap

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Calls
from greenlint.facts.graphs import Graphs
from greenlint.facts.identities import Identities
from greenlint.facts.loops import Loops
from greenlint.facts.modules import Modules
from greenlint.facts.optimizers import Optimizers, Turn
from greenlint.facts.sources import DictSources, RunSettings


def facts(code: str, files: dict[str, str] | None = None) -> Facts:
    text = "import torch\nfrom torch import nn\n" + textwrap.dedent(code)
    document = reading.parse("train.py", text.encode()).document
    assert document is not None
    every = {name: textwrap.dedent(body) for name, body in (files or {}).items()}
    return Modules.begin(document, DictSources({**every, "train.py": text}), RunSettings())


def trained(code: str) -> list[str] | None:
    """What the one optimiser of ``code`` trains, as written."""
    (optimizer,) = facts(code)[Optimizers].all
    if optimizer.trained is None:
        return None
    return [each.facts.document.source(each.node) for each in optimizer.trained]


def turns(code: str) -> list[Turn]:
    known = facts(code)
    (step,) = known[Loops].steps
    return known[Optimizers].turns_of(step)


def test_what_an_optimizer_trains() -> None:
    net = "net = nn.Linear(2, 2)\n"
    assert trained(net + "torch.optim.SGD(net.parameters())") == ["net"]
    assert trained(net + "torch.optim.SGD(list(net.parameters()) + list(net.fc.parameters()))") == ["net", "net.fc"]
    assert trained(net + "torch.optim.SGD([{'params': net.parameters(), 'lr': 1}])") == ["net"]
    assert trained(net + "ps = [p for p in net.parameters() if p.requires_grad]\ntorch.optim.SGD(ps)") == ["net"]
    assert trained("x = torch.zeros(3, requires_grad=True)\ntorch.optim.SGD([x])") == ["x"]
    assert trained("x = load().requires_grad_()\ntorch.optim.SGD([x])") == ["x"]


def test_what_an_optimizer_trains_may_not_be_known() -> None:
    assert trained("torch.optim.SGD(groups(net))") is None
    assert trained("ps = []\nps.append(w)\ntorch.optim.SGD(ps)") is None
    assert trained("torch.optim.SGD(**options)") is None
    assert trained("torch.optim.SGD([w])") is None


GAN = """
G, D = nn.Linear(2, 2), nn.Linear(2, 1)
g_opt, d_opt = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
for x in loader:
    d_opt.zero_grad()
    fake = G(x)
    D(fake.detach()).mean().backward()
    d_opt.step()
    g_opt.zero_grad()
    D(fake).mean().backward()
    g_opt.step()
"""


def test_networks_updated_by_turns() -> None:
    first, second = turns(GAN)
    assert [each.facts.document.source(each.node) for each in first.trained or ()] == ["D"]
    assert [each.facts.document.source(each.node) for each in second.trained or ()] == ["G"]
    own = first.region.facts
    assert [len(own[Graphs].differentiated(turn.backwards[0])) for turn in (first, second)] == [1, 2]
    assert own[Optimizers].discards(second, first)
    assert own[Optimizers].discards(first, second)


def test_gradients_that_are_not_cleared_are_not_discarded() -> None:
    first, second = turns(GAN.replace("    g_opt.zero_grad()\n", ""))
    assert not first.region.facts[Optimizers].discards(first, second)


def test_gradients_may_be_cleared_by_a_method() -> None:
    code = """
    class Solver:
        def __init__(self):
            self.G, self.D = nn.Linear(2, 2), nn.Linear(2, 1)
            self.g_opt = torch.optim.Adam(self.G.parameters())
            self.d_opt = torch.optim.Adam(self.D.parameters())

        def reset_grad(self):
            self.g_opt.zero_grad()
            self.d_opt.zero_grad()

        def train(self):
            for x in loader:
                loss = self.D(self.G(x).detach()).mean()
                self.reset_grad()
                loss.backward()
                self.d_opt.step()
                loss = self.D(self.G(x)).mean()
                self.reset_grad()
                loss.backward()
                self.g_opt.step()
    """
    first, second = turns(code)
    assert first.region.facts[Optimizers].discards(second, first)


def test_one_backward_pass_for_two_optimizers_is_one_turn() -> None:
    code = """
    A, B = nn.Linear(2, 2), nn.Linear(2, 1)
    first, second = torch.optim.Adam(A.parameters()), torch.optim.Adam(B.parameters())
    for x in loader:
        B(A(x)).mean().backward()
        first.step()
        second.step()
    """
    (turn,) = turns(code)
    assert turn.trained is not None
    assert len(turn.trained) == 2


def test_unknown_optimizers_make_a_turn_unknown() -> None:
    code = """
    net = nn.Linear(2, 2)
    optimizer = build(net)
    for x in loader:
        net(x).mean().backward()
        optimizer.step()
    """
    (turn,) = turns(code)
    assert turn.trained is None


def test_what_may_be_an_optimizer_makes_a_turn_unknown() -> None:
    code = """
    net = nn.Linear(2, 2)
    first = torch.optim.Adam(net.parameters())
    for x in loader:
        net(x).mean().backward()
        first.step()
        scheduler.step()
        for each in {}:
            each.step()
    """
    assert [turn.trained is None for turn in turns(code.format("others"))] == [True]
    assert [turn.trained is None for turn in turns(code.replace("each.", "scheduler.").format("others"))] == [False]


def test_frozen() -> None:
    net = "net = nn.Linear(2, 2)\n"

    def frozen(code: str) -> bool | None:
        known = facts(net + code + "\nnet(x)")
        *_, call = known[Calls].methods("net")
        identity = known[Identities].of(call.node.func)
        assert identity is not None
        return known[Optimizers].frozen(identity)

    assert frozen("") is False
    assert frozen("x = torch.zeros(2, requires_grad=True)") is False
    assert frozen("x = torch.zeros(2, requires_grad=False)") is False
    assert frozen("# for p in net.parameters(): p.requires_grad = False") is False
    assert frozen("set_requires_grad(net, False)") is None
    assert frozen("net.requires_grad_(False)") is True
    assert frozen("for p in net.parameters():\n    p.requires_grad = False") is True
    assert frozen("for p in net.parameters():\n    if skip(p):\n        p.requires_grad = False") is None
    assert frozen("other.requires_grad_(False)") is None


def test_moves_and_wrappers_change_no_identity() -> None:
    code = """
    net = nn.Linear(2, 2)
    net = nn.DataParallel(net).cuda()
    other = nn.Linear(2, 2)

    def train(model):
        model(x)
        other(x)

    train(net)
    """
    known = facts(code)
    identities = known[Identities]
    (model,), (other,) = known[Calls].methods("model"), known[Calls].methods("other")
    (passed,) = known[Calls].methods("train")
    assert identities.of(model.node.func) == identities.of(passed.positional[0])
    assert identities.of(model.node.func) != identities.of(other.node.func)


def test_parts_are_held() -> None:
    code = """
    head = nn.Linear(2, 2)
    net = nn.Sequential(nn.Linear(2, 2), head)
    net(x)
    head(x)
    net.fc(x)
    """
    known = facts(code)
    identities = known[Identities]
    net, head, part = (identities.of(known[Calls].methods(name)[0].node.func) for name in ("net", "head", "fc"))
    assert net is not None
    assert head is not None
    assert part is not None
    assert identities.holds(net, head)
    assert identities.holds(net, part)
    assert not identities.holds(head, net)


def test_graphs_are_followed_through_functions_and_sums() -> None:
    code = """
    net = nn.Linear(2, 2)

    def objective(out):
        return out.mean() + net(out).mean()

    for x in loader:
        loss = 0
        loss += objective(net(x))
        with torch.no_grad():
            loss = loss + net(x).mean()
        loss.backward()
        optimizer.step()
    """
    known = facts(code)
    (backward,) = known[Calls].methods("backward")
    assert len(known[Graphs].differentiated(backward)) == 2
