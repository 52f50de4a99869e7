"""Outlines miss nothing that a file could hold, and rule out what it plainly does not."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap

import pytest

from greenlint.outline import Outline


def outline(code: str) -> Outline:
    return Outline.of(ast.parse(textwrap.dedent(code)))


def test_needs_no_libcst() -> None:
    parse = "import ast, sys; from greenlint.outline import Outline; Outline.of(ast.parse('f()'))"
    code = f"{parse}; sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- names ---------------------------------------------------------------------------------------------------------


def test_calls_go_by_their_last_name() -> None:
    found = outline("a(b.c(d), *e.f.g(), **h()[0](i))\n@j\n@k()\nclass L(m()): pass\n")
    assert found.calls == {"a", "c", "g", "h", "", "k", "m"}


RENAMED = {
    "import": "from lib import train as go\ngo()",
    "import below": "def f():\n    go()\nfrom lib import train as go",
    "import in a function": "def f():\n    from lib import train as go\n    go()",
    "import under a condition": "try:\n    from lib import train as go\nexcept ImportError:\n    pass\ngo()",
    "assignment": "go = train\ngo()",
    "assigned attribute": "go = lib.train\ngo()",
    "annotated": "go: Callable = lib.train\ngo()",
    "one of several targets": "stop = go = lib.train\ngo()",
    "in an expression": "(go := lib.train)\ngo()",
    "one of two": "go = lib.train if fast else lib.other\ngo()",
    "the other of two": "go = lib.other if a else lib.third if b else lib.train\ngo()",
    "renamed twice": "from lib import train as run\ngo = run\ngo()",
    "renamed in a circle": "go = train\ntrain = go\ngo()",
    "partial": "go = functools.partial(lib.train, 1)\ngo()",
}


@pytest.mark.parametrize("code", RENAMED.values(), ids=RENAMED)
def test_what_is_renamed_goes_by_both_names(code: str) -> None:
    assert {"go", "train"} <= outline(code).calls


def test_what_is_renamed_but_not_called_is_no_call() -> None:
    assert outline("go = train\nstop()").calls == {"stop"}
    assert outline("go = train()\ngo()").calls == {"go", "train"}


def test_calls_are_known_by_function() -> None:
    found = outline(
        """
        a()
        class C:
            b()
            def f(self):
                c()
                def g():
                    d()
                e(lambda: h())
        """
    )
    assert found.function_calls == {("", "a"), ("C", "b"), ("f", "c"), ("g", "d"), ("f", "e"), ("f", "h")}
    assert found.functions == {"C", "f", "g"}


def test_imports() -> None:
    found = outline(
        """
        import torch.nn, os as system
        from a.b import c, d as e
        from . import f
        from ..g import h
        def late():
            import jax
        """
    )
    assert found.roots == {"torch", "os", "a", "", "jax"}
    assert found.modules == {"c": "a.b", "e": "a.b", "f": ".", "h": "..g"}


def test_project_names_stem_from_no_known_library() -> None:
    found = outline(
        "from torch import nn\nfrom os import path\nfrom mine import a, b as c\nfrom . import d\nfrom .torch import e"
    )
    assert found.project_names == {"a", "c", "d", "e"}


# -- loops ---------------------------------------------------------------------------------------------------------


def test_loops_with_what_they_run_over() -> None:
    found = outline(
        """
        for a in Loader.items(enumerate(valid_loader)): pass
        async def f():
            async for b in self.batches: pass
        while queue: pass
        """
    )
    assert sorted((each.place.function, each.place.loops, sorted(each.iterated)) for each in found.loops) == [
        ("", 0, []),
        ("", 0, ["enumerate", "items", "loader", "valid_loader"]),
        ("f", 0, ["batches", "self"]),
    ]


def test_loops_around_end_with_the_function() -> None:
    found = outline("for a in b:\n    while c:\n        def f():\n            for d in e: pass\n")
    assert [each.place.loops for each in found.loops] == [0, 1, 0]


NESTED = {
    "two loops": "for a in x:\n    for b in y:\n        train()",
    "with code between": "for a in x:\n    if a:\n        for b in y:\n            with z:\n                train()",
    "three loops, one over data": "for a in x:\n    for batch in loader:\n        for b in y:\n            train()",
    "below the loop of an inner one": "for a in x:\n    for b in y: pass\n    else:\n        for c in z: train()",
    "product": "for a, b in itertools.product(x, y):\n    train()",
    "product with a count": "for i, (a, b) in enumerate(product(x, y)):\n    train()",
    "product kept in a list": "grid = list(product(x, y))\nfor a, b in grid:\n    train()",
    "product kept in a list, annotated": "grid: list = list(product(x, y))\nfor a, b in grid:\n    train()",
    "product kept twice": "grid = product(x, y)\nall = sorted(grid)\nfor a, b in all:\n    train()",
    "product kept as an attribute": "def f(self):\n    self.grid = product(x, y)\nfor a in b.grid:\n    train()",
    "product kept beside another value": "grid, n = list(product(x, y)), 4\nfor a in grid:\n    train()",
    "product returned": "def grid():\n    return product(x, y)\nfor a in grid():\n    train()",
    "product handed in": "def run(all):\n    for a in all:\n        train()\nrun(product(x, y))",
    "product handed in by name": "def run(all):\n    for a in all:\n        train()\nrun(all=list(product(x, y)))",
    "product handed to a method": "def run(self, all):\n    for a in all:\n        train()\nmine.run(product(x, y))",
    "unpacked product": "*all, = product(x, y)\nfor a in all:\n    train()",
    "renamed product": "from itertools import product as combine\nfor a in combine(x, y):\n    train()",
    "product renamed below": "for a in combine(x, y):\n    train()\nfrom itertools import product as combine",
    "product renamed by assignment": "combine = itertools.product\nfor a in combine(x, y):\n    train()",
    "grid of scikit-learn": "for a in ParameterGrid(x):\n    train()",
    "renamed function": "from lib import train as go\nfor a in x:\n    for b in y:\n        go()",
    "function renamed below": "def f():\n    for a in x:\n        for b in y:\n            go()\ngo = train",
}


@pytest.mark.parametrize("code", NESTED.values(), ids=NESTED)
def test_nested_calls(code: str) -> None:
    assert "train" in outline(code).nested_calls


NOT_NESTED = {
    "no loop": "train()",
    "one loop": "for a in x:\n    train()",
    "epochs": "for epoch in range(9):\n    for step in range(9):\n        train()",
    "seeds": "for lr in x:\n    for seed in range(3):\n        train()",
    "data": "for lr in x:\n    for a in train_loader:\n        train()",
    "batches": "for lr in x:\n    for a in batches(y):\n        train()",
    "while": "while x:\n    for lr in y:\n        train()",
    "beside the inner loop": "for a in x:\n    for b in y: pass\n    train()",
    "function of its own": "for a in x:\n    def f():\n        for b in y:\n            train()",
    "product elsewhere": "grid = product(x, y)\nz = f(y)\nfor a in z:\n    train()",
}


@pytest.mark.parametrize("code", NOT_NESTED.values(), ids=NOT_NESTED)
def test_not_nested_calls(code: str) -> None:
    assert "train" not in outline(code).nested_calls


NETWORKS = {
    "model": ("model(x)", True),
    "attribute": ("self.net(x)", True),
    "anything": ("something(x)", True),
    "item": ("models[0](x)", True),
    "project": ("from mine import forward\n{}forward(x)", True),
    "method of anything": ("self.predict(x)", True),
    "method of an attribute": ("self.best.predict(x)", True),
    "in a comprehension": ("y = [model(z) for z in x]", True),
    "no call": ("y = x", False),
    "builtin": ("print(len(x))", False),
    "common method": ("loss.item().append(1)", False),
    "library": ("import numpy as np\n{}np.concatenate(x)", False),
    "dotted library": ("import torch.nn\n{}torch.softmax(x)", False),
    "from a library": ("from numpy import stack\n{}stack(x)", False),
    "own function": ("def show(x): pass\n{}show(x)", False),
    "own function of such a name": ("def model(x): pass\n{}model(x)", True),
}


@pytest.mark.parametrize(("code", "answer"), NETWORKS.values(), ids=NETWORKS)
def test_may_run_network(code: str, answer: bool) -> None:
    before, _, body = code.rpartition("{}")
    found = outline(f"{before}for x in loader:\n    {body}\n")
    assert found.may_run_network(found.loops[0]) is answer


def test_what_a_loop_runs_over_is_no_part_of_its_body() -> None:
    found = outline("for x in model(y): pass\nelse:\n    model(z)\n")
    assert not found.may_run_network(found.loops[0])


# -- gradients -----------------------------------------------------------------------------------------------------

MANAGERS = {
    "torch.no_grad()": True,
    "no_grad()": True,
    "torch.inference_mode()": True,
    "torch.inference_mode(True)": True,
    "torch.inference_mode(mode=True)": True,
    "torch.set_grad_enabled(False)": True,
    "torch.set_grad_enabled(mode=False)": True,
    "torch.no_grad(model)": True,
    "keras_nograd()": True,
    "open(x), torch.no_grad()": True,
    "open(x)": False,
    "torch.inference_mode(False)": False,
    "torch.inference_mode(fast)": False,
    "torch.set_grad_enabled(True)": False,
    "torch.set_grad_enabled(phase == 'train')": False,
    "torch.no_grad() if fast else nullcontext()": False,
    "torch.no_grad(), torch.enable_grad()": False,
}


@pytest.mark.parametrize(("managers", "off"), MANAGERS.items())
def test_no_grad_by_with(managers: str, off: bool) -> None:
    for keyword in ("with", "async with"):
        found = outline(f"async def f():\n    {keyword} {managers}:\n        for x in y: pass\n")
        assert [each.place.no_grad for each in found.loops] == [off]


DECORATORS = {
    "@torch.no_grad()": True,
    "@torch.no_grad": True,
    "@torch.inference_mode": True,
    "@torch.set_grad_enabled(False)": True,
    "@torch.set_grad_enabled(True)": False,
    "@staticmethod\n@torch.no_grad()": True,
    "@staticmethod": False,
}


@pytest.mark.parametrize(("decorators", "off"), DECORATORS.items())
def test_no_grad_by_decorator(decorators: str, off: bool) -> None:
    for keyword in ("def", "async def"):
        found = outline(f"{decorators}\n{keyword} f():\n    for x in y: pass\n")
        assert [each.place.no_grad for each in found.loops] == [off]


def test_no_grad_holds_below_and_no_further() -> None:
    found = outline(
        """
        with torch.no_grad():
            if a:
                for x in b: pass
            with torch.enable_grad():
                for x in c: pass
            def f():
                for x in d: pass
        for x in e: pass
        """
    )
    places = {next(iter(each.iterated)): each.place.no_grad for each in found.loops}
    assert places == {"b": True, "c": False, "d": False, "e": False}


SUMS = {
    "added": "total += loss",
    "added part": "total += loss / n",
    "added negative": "total += -loss",
    "added call": "total += criterion(x)",
    "added to an attribute": "self.total += loss",
    "added to an entry": "totals['a'] += loss",
    "appended": "losses.append(loss)",
    "list added": "losses += [loss]",
    "plain elsewhere": "loss = 0\ntotal += loss\nloss = f(x)",
    "plain elsewhere, annotated": "loss: Tensor = f(x)\ntotal += loss\nloss = 0.0",
    "plain elsewhere, in an expression": "loss = 0.0\ntotal += (loss := f(x))\nother += loss",
    "gradients on": "with torch.set_grad_enabled(True):\n    total += loss",
}


@pytest.mark.parametrize("code", SUMS.values(), ids=SUMS)
@pytest.mark.parametrize("loop", ["for x in y:", "while x:"])
def test_sums_of_graphs(code: str, loop: str) -> None:
    assert outline(f"{loop}\n{textwrap.indent(code, '    ')}").sums_graph


NO_SUMS = {
    "number": "total += 1",
    "text": "text += f'{loss}'",
    "item": "total += loss.item()",
    "item of a sum": "total += loss.item() * n.item()",
    "detached": "losses.append(loss.detach())",
    "length": "total += len(x)",
    "name for a number": "value = loss.item()\ntotal += value",
    "compared": "total += a == b",
    "subtracted": "total -= loss",
    "no gradients": "with torch.no_grad():\n    total += loss",
    "no sum": "total = total + 1",
    "function of its own": "def f():\n    total += loss",
}


@pytest.mark.parametrize("code", NO_SUMS.values(), ids=NO_SUMS)
def test_no_sums_of_graphs(code: str) -> None:
    assert not outline(f"for x in y:\n{textwrap.indent(code, '    ')}").sums_graph


def test_sums_outside_loops_are_none() -> None:
    assert not outline("total += loss\nlosses.append(loss)").sums_graph


# -- tensors and devices -------------------------------------------------------------------------------------------

FACTORIES = {
    "at once": "torch.zeros(3).cuda()",
    "to": "torch.randn(3).to(device)",
    "to a type and a device": "torch.zeros(3).to(device, torch.float32)",
    "other accelerators": "torch.zeros(3).xpu()",
    "like": "torch.zeros_like(x).cuda()",
    "through methods": "torch.arange(3).float().view(1).cuda()",
    "through a function": "Variable(torch.zeros(3)).cuda()",
    "from an array": "torch.from_numpy(x).cuda()",
    "sum": "(torch.ones(3) * 2).cuda()",
    "part": "torch.eye(3)[0].T.cuda()",
    "negative": "(-torch.ones(3)).cuda()",
    "one of two": "(torch.ones(3) if a else x).cuda()",
    "put on a device": "jax.device_put(jnp.zeros(3))",
    "renamed put": "from jax import device_put as put\nput(jnp.zeros(3))",
    "typed on a device": "torch.cuda.FloatTensor(numpy.zeros(3))",
    "name": "x = torch.zeros(3)\nx.cuda()",
    "name, annotated": "x: Tensor = torch.zeros(3)\nx.cuda()",
    "name, in an expression": "f(x := torch.zeros(3))\nx.cuda()",
    "name moved above": "def f():\n    while a:\n        x.cuda()\n        x = torch.zeros(3)",
    "name of a name": "x = torch.zeros(3)\ny = x + 1\ny.cuda()",
    "one of several names": "x, y = torch.zeros(3), z\nx.cuda()",
    "attribute": "class A:\n    def f(self):\n        self.x = torch.zeros(3)\n        self.x.cuda()",
    "returned": "def f():\n    return torch.zeros(3)\nf().cuda()",
    "returned name": "def f():\n    x = torch.zeros(3)\n    return x\nf().cuda()",
    "renamed": "from torch import zeros as nothing\nnothing(3).cuda()",
    "renamed by assignment": "make = torch.zeros if a else torch.ones\nmake(3).cuda()",
}


@pytest.mark.parametrize("code", FACTORIES.values(), ids=FACTORIES)
def test_moved_factories(code: str) -> None:
    assert outline(code).moves_factory


NO_FACTORIES = {
    "not moved": "x = torch.zeros(3)",
    "made there": "torch.zeros(3, device='cuda')",
    "something else moved": "x = torch.zeros(3)\nmodel.cuda()",
    "cast": "torch.zeros(3).to(torch.float16)",
    "cast like another": "torch.zeros(3).to(x.dtype)",
    "made in another function": "def f():\n    x = torch.zeros(3)\ndef g(x):\n    x.cuda()",
    "no factory": "load(3).cuda()",
    "compared": "f(torch.zeros(3) == y)\nmodel.cuda()",
}


@pytest.mark.parametrize("code", NO_FACTORIES.values(), ids=NO_FACTORIES)
def test_no_moved_factories(code: str) -> None:
    assert not outline(code).moves_factory


INVARIANT = {
    "name": "weights.cuda()",
    "method of a name": "model.to(device).train()",
    "attribute": "f(self.weights.to(device))",
    "entry": "f(tables[0].to(device))",
    "call": "load().to(device)",
    "text": "f('cuda').to(device)",
    "put on a device": "jax.device_put(table)",
    "renamed put": "from jax import device_put as put\nput(table)",
    "beside one that changes": "x.cuda()\nweights.cuda()",
    "in an inner loop": "for z in x:\n    weights.cuda()",
}


@pytest.mark.parametrize("code", INVARIANT.values(), ids=INVARIANT)
@pytest.mark.parametrize("loop", ["for x in y:", "while y:"])
def test_invariant_moves(code: str, loop: str) -> None:
    assert outline(f"{loop}\n{textwrap.indent(code, '    ')}").moves_invariant


NOT_INVARIANT = {
    "target": "for x in y:\n    x.cuda()",
    "part of the target": "for i, (x, *z) in y:\n    x.cuda()\n    z[0].to(device)",
    "bound inside": "while y:\n    x = next(y)\n    x.cuda()",
    "bound by a comprehension": "while y:\n    [x.cuda() for x in next(y)]",
    "bound by an inner loop": "while y:\n    for x in z:\n        x.cuda()",
    "cast": "for x in y:\n    weights.to(torch.float16)",
    "outside the loop": "weights.cuda()\nfor x in y: pass",
    "no move": "for x in y:\n    weights.float()",
}


@pytest.mark.parametrize("code", NOT_INVARIANT.values(), ids=NOT_INVARIANT)
def test_no_invariant_moves(code: str) -> None:
    assert not outline(code).moves_invariant


def test_a_fresh_tensor_kept_as_an_attribute_is_invariant_anywhere() -> None:
    code = """
    class Net:
        def __init__(self):
            self.places = {}
        def forward(self, x):
            return x + self.places[: x.size(1)].to(x.device)
    """
    assert outline(code.format("torch.arange(9).float()")).moves_invariant
    assert not outline(code.format("nn.Embedding(9)")).moves_invariant


FETCHED = {
    "at once": "torch.tensor(x.cpu()).cuda()",
    "made on the device": "torch.tensor(x.item(), device=device)",
    "through a library": "torch.from_numpy(np.argmax(x.cpu().numpy()))",
    "moved by name": "y = x.to('cpu')\ny.cuda()",
    "name": "y = x.cpu()\nz = y * 2\nz.cuda()",
    "name, annotated": "y: Array = x.cpu()\ny.cuda()",
    "name, in an expression": "f(y := x.cpu())\ny.cuda()",
    "unpacked": "y, z = x.cpu(), 3\ny.cuda()",
    "list": "y = [x.item(), 3]\ntorch.tensor(y)",
    "loop": "for y in x.tolist():\n    torch.tensor(y)",
    "parameter": "def f(y):\n    return torch.tensor(y)\nf(x.cpu())",
    "parameter by name": "def f(*, y):\n    return torch.tensor(y)\nf(y=x.cpu())",
    "parameter of a parameter": "def f(y):\n    g(y)\ndef g(z):\n    torch.tensor(z)\nf(x.cpu())",
    "parameter of a method": "class A:\n    def f(self, y):\n        torch.tensor(y)\na.f(x.cpu())",
    "parameter of a renamed function": "def f(y):\n    torch.tensor(y)\ng = f\ng(x.cpu())",
    "renamed maker": "from torch import tensor as make\nmake(x.item())",
    "JAX": "import jax\njnp.asarray(np.asarray(x))",
    "renamed read of JAX": "import jax\nfrom numpy import asarray as read\njnp.array(read(x))",
}


@pytest.mark.parametrize("code", FETCHED.values(), ids=FETCHED)
def test_fetched_values_that_return(code: str) -> None:
    assert outline(code).returns_fetched


NOT_FETCHED = {
    "nothing moved": "y = x.cpu()",
    "something else moved": "y = x.cpu()\nz.cuda()",
    "nothing read": "y = f(x)\ny.cuda()\ntorch.tensor(y)",
    "moved to somewhere": "y = x.to(device)\ny.cuda()",
    "moved to a number": "y = x.to(0)\ny.cuda()",
    "called with a text": "y = f('cpu')\ny.cuda()",
    "other function": "def f():\n    y = x.cpu()\ndef g(y):\n    y.cuda()",
    "arrays of NumPy": "torch.from_numpy(np.asarray(x))",
    "other argument": "y = f(x, key=z.item())\ny.cuda()",
}


@pytest.mark.parametrize("code", NOT_FETCHED.values(), ids=NOT_FETCHED)
def test_no_fetched_values_that_return(code: str) -> None:
    assert not outline(code).returns_fetched


LISTED = {
    "list": "torch.tensor([f(x), y, z[0]])",
    "comprehension": "torch.FloatTensor([np.load(x) for x in y])",
    "name": "rows = [f(x)]\ntorch.tensor(rows)",
    "name, annotated": "rows: list = [f(x)]\ntorch.tensor(rows)",
    "name below": "def f():\n    torch.as_tensor(rows)\nrows = [g(x) for x in y]",
    "filled later": "rows = []\nrows.append(x)\ntorch.tensor(rows)",
    "name of a name": "rows = []\nall = rows\ntorch.tensor(all)",
    "renamed maker": "from torch import tensor as make\nmake([x])",
    "maker renamed by assignment": "make = torch.FloatTensor\nmake([x])",
    "TensorFlow": "tf.convert_to_tensor([x])",
}


@pytest.mark.parametrize("code", LISTED.values(), ids=LISTED)
def test_tensors_of_lists(code: str) -> None:
    assert outline(code).listed_tensor


NOT_LISTED = {
    "numbers": "torch.tensor([1, 2])",
    "numbers by name": "rows = [1, 2]\ntorch.tensor(rows)",
    "numbers in a comprehension": "torch.tensor([x + 1 for x in y])",
    "something else": "torch.tensor(f(x))",
    "something else by name": "rows = f(x)\ntorch.tensor(rows)",
    "no argument": "torch.tensor()",
    "other function": "stack([f(x)])",
    "other list": "rows = []\ntorch.tensor(x)",
}


@pytest.mark.parametrize("code", NOT_LISTED.values(), ids=NOT_LISTED)
def test_no_tensors_of_lists(code: str) -> None:
    assert not outline(code).listed_tensor


# -- what is stored, named and given -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "for c in cs:\n    m.fit(X, y)",
        "while True:\n    if a:\n        m.fit_transform(X)",
        "from xgboost import DMatrix as D\nfor c in cs:\n    D(X)",
        "m.fit(X, y)\nprint(m)\nn.fit(X, y)",
        "def f():\n    m.fit(X, y)\n    n.fit_transform(X, y)",
    ],
)
def test_refits(code: str) -> None:
    assert outline(code).refits


@pytest.mark.parametrize(
    "code",
    [
        "for c in cs:\n    m.predict(X)",
        "m.fit(X, y)\nm.fit(Z, y)",
        "m.fit(X, y)\ndef f():\n    m.fit(X, y)",
        "fit\nfor c in cs:\n    pass",
    ],
)
def test_no_refits(code: str) -> None:
    assert not outline(code).refits


def test_stored_keys() -> None:
    found = outline(
        """
        os.environ["A"] = x
        a = os.environ["B"] = x
        os.environ.setdefault("C", x)
        jax.config.update("D", x)
        os.putenv("E", x)
        KEY = "F"
        os.environ[KEY] = x
        os.environ[Settings.G] = x
        class Settings:
            G: str = "G"
        from os import putenv as put
        put("H", x)
        print(os.environ["no"], {"no": x}, x.get("no"))
        NUMBER = 3
        os.environ[0] = os.environ[NUMBER] = os.environ[other] = x
        """
    )
    assert found.stored_keys == {"A", "B", "C", "D", "E", "F", "G", "H"}


def test_stored_attributes() -> None:
    assert outline("a.b.c = x\nd.e: int = 1\nf.g: int\nh.i += 1\nj = k.l").stored_attributes == {"c", "e"}


def test_texts_that_say_where_something_is_put() -> None:
    found = outline(
        """
        x.to("a")
        torch.device("b", 0)
        with tf.device("c"): pass
        CPU = "d"
        y.to(CPU)
        z.to(self.place)
        self.place = "e"
        put = jax.device_put
        put(x, "f")
        f("no").to(x, copy="no")
        OTHER = "no"
        """
    )
    assert found.texts == {"a", "b", "c", "d", "e", "f"}


GIVEN = {
    "by keyword": ("f(a=1)", True),
    "by position": ("f(0, 1)", True),
    "perhaps by position": ("f(*x, 1)", True),
    "perhaps by keyword": ("f(**x)", True),
    "method": ("b.f(a=1)", True),
    "renamed": ("from b import f as g\ng(a=1)", True),
    "other keyword": ("f(b=1)", False),
    "too few": ("f(0)", False),
    "nothing": ("f()", False),
    "other function": ("g(a=1)", False),
}


@pytest.mark.parametrize(("code", "answer"), GIVEN.values(), ids=GIVEN)
def test_given_arguments(code: str, answer: bool) -> None:
    assert outline(code).given({"f"}, "a", 1) is answer


# -- depth ---------------------------------------------------------------------------------------------------------


def test_depth_and_where_it_is() -> None:
    assert outline("").depth == outline("a\nb").depth - 1
    assert outline("a\nif b:\n    c").depth == outline("if b:\n    c\nd").depth
    for extra in range(5):
        assert outline(f"{'-' * (extra + 1)}f()").depth == outline("-f()").depth + extra
    assert outline("a\nb = f(\n  g(\n    h()))\nc").deepest_line == 4


@pytest.mark.parametrize(
    ("pattern", "depth"),
    [("_", 1), ("1", 2), ("[a, b]", 2), ("A()", 3), ("[[a]]", 3), ("A(b=[1 | 2])", 5), ("{'a': {'b': c}}", 3)],
)
def test_depth_of_patterns(pattern: str, depth: int) -> None:
    found = outline(f"match x:\n    case _: pass\n    case {pattern}: pass\n    case _: pass\n")
    assert found.pattern_depth == depth


def test_code_without_patterns() -> None:
    assert outline("f([[[1]]])").pattern_depth == 0


@pytest.mark.parametrize(
    ("code", "grows"),
    [
        ("x = concat([x, y])", True),
        ("self.x = concat((y, self.x), axis=1).reset_index()", True),
        ("d[k] = append(d[k], y)", True),
        ("x = x.append(y)", True),
        ("df.loc[len(df)] = y", True),
        ("x = concat([y, z])", False),
        ("x = x.copy()", False),
        ("x, y = f([x, y])", False),
    ],
)
def test_what_grows_is_seen(code: str, grows: bool) -> None:
    assert outline(f"for y in ys:\n    {code}").grows is grows
    assert not outline(code).grows


@pytest.mark.parametrize(
    ("code", "repeats"),
    [
        ("read('a')\nread('b')", False),
        ("read('a')\nread('a')", True),
        ("read('a')\nread(path)", True),
        ("read('a')", False),
        ("for x in y:\n    read('a')", True),
        ("def f():\n    read('a')\nfor x in y:\n    f()", True),
        ("def f():\n    read('a')\nstudy.optimize(f)", True),
        ("from lib import read as get\nget('a')\nget('a')", True),
    ],
)
def test_what_may_be_called_again_is_seen(code: str, repeats: bool) -> None:
    assert outline(code).repeats("read".__eq__) is repeats


@pytest.mark.parametrize(
    ("code", "takes"),
    [
        ("for i in range(len(df)):\n    df.loc[i, 'a'] = 1", True),
        ("for i in df.index:\n    x += df['a'][i]", True),
        ("for i in range(df.shape[0]):\n    x = df.iloc[i]", True),
        ("for i in range(len(x)):\n    y = x[i]", False),
        ("for i in range(9):\n    y = df.loc[i]", False),
        ("for i in range(len(df)):\n    y = df.loc[j]", False),
    ],
)
def test_rows_that_are_picked_one_by_one_are_seen(code: str, takes: bool) -> None:
    assert outline(code).takes_rows is takes


# -- what a loop repeats -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("for i in range(len(x)):\n    y[i] = x[i] * 2", True),
        ("for i in range(x.size(0)):\n    y[i] = x[i] * 2", True),
        ("for i in range(x.shape[0]):\n    y[i] = x[i] * 2", True),
        ("for i in range(n):\n    y[i] = x[i] * 2", False),
        ("for i in range(0, len(x)):\n    y[i] = x[i] * 2", False),
        ("for i in range(len(x)):\n    if x[i]: y[i] = x[i] * 2", False),
        ("while i < len(x):\n    y[i] = x[i] * 2", False),
    ],
)
def test_loops_over_the_length_of_something_that_only_compute_are_seen(code: str, counts: bool) -> None:
    assert outline(code).counts_tensor is counts


def test_lists_of_results_for_named_lists_are_seen() -> None:
    assert outline("ys = [f(p, x) for x in xs]").maps_list
    assert not outline("ys = [f(x) for x in xs]").maps_list
    assert not outline("ys = [f(p, x) for x in g()]").maps_list


FRESH = {
    "lambda": "jit(lambda x: x)",
    "made": "jit(vmap(f))",
    "wrapped": "jit(jit(f))",
    "own function": "def f(): pass\njit(f)",
    "assigned": "f = vmap(g)\njit(f)",
    "decorated": "@jit\ndef f(): pass",
    "decorated by a partial": "@partial(lib.jit, static=0)\ndef f(): pass",
    "partial": "fast = partial(jit, static=0)\nfast(lambda x: x)",
    "renamed": "from lib import jit as go\ngo(lambda x: x)",
    "body": "scan(self.step, x)",
}


@pytest.mark.parametrize("code", FRESH.values(), ids=FRESH)
def test_functions_that_may_be_made_on_the_spot_are_seen(code: str) -> None:
    assert outline(code).wraps_fresh({"jit"}, {"vmap"}, {"scan"})


@pytest.mark.parametrize("code", ["jit('a+')", "jit(f)", "jit(read(f))", "go(lambda x: x)", "jit(optimizer=f())"])
def test_functions_from_elsewhere_are_not_made_on_the_spot(code: str) -> None:
    assert not outline(code).wraps_fresh({"jit"}, {"vmap"}, {"scan"})


@pytest.mark.parametrize(
    ("code", "may"),
    [
        ("Loader(data)", True),
        ("Loader(data, 1)", True),
        ("Loader(data, size=1)", True),
        ("Loader(data, size=n)", True),
        ("Loader(data, **settings)", True),
        ("Loader(*arguments)", True),
        ("partial(Loader, shuffle=True)", True),
        ("Loader(data, 32)", False),
        ("Loader(data, size=32)", False),
        ("Other(data)", False),
    ],
)
def test_values_of_arguments_are_ruled_out_where_they_are_written_out(code: str, may: bool) -> None:
    assert outline(code).may_give({"Loader"}, "size", 1, 1, 1) is may


def test_arguments_and_values_go_by_their_names() -> None:
    assert outline("f(cache=False)").names_argument("cache")
    assert outline("model.config.cache = False").names_argument("cache")
    assert not outline("f(cache)").names_argument("cache")


@pytest.mark.parametrize(
    ("code", "extends"),
    [
        ("x = cat([x, y])", True),
        ("x = f(cat((x, y), 1).to(d))", True),
        ("x = cat([y, x])", False),
        ("x = cat([x, y, z])", False),
    ],
)
def test_what_a_loop_extends_is_seen(code: str, extends: bool) -> None:
    assert outline(f"while True:\n    {code}").extends is extends
    assert not outline(code).extends


@pytest.mark.parametrize(
    ("code", "single"),
    [
        ("x[None]", True),
        ("x[np.newaxis, ...]", True),
        ("x[i:i + 1]", True),
        ("x.unsqueeze(0)", True),
        ("x.unsqueeze(dim=axis)", True),
        ("x.reshape(1, -1)", True),
        ("x.reshape((1, -1))", True),
        ("f([x])", True),
        ("x[0]", False),
        ("x.unsqueeze(1)", False),
        ("x.reshape(-1, 8)", False),
        ("f([x, y])", False),
    ],
)
def test_batches_of_one_are_seen_in_loops(code: str, single: bool) -> None:
    assert outline(f"for i in j:\n    {code}").makes_single is single
    assert outline(f"z = [{code} for i in j]").makes_single is single
    assert not outline(code).makes_single


def test_calls_from_a_function_are_found_through_others() -> None:
    found = outline("def a(): self.b(x)\ndef b(x): x.c(); a()\ndef d(): e()\nf()")
    assert found.called_from("a") == {"a", "b", "c"}
    assert not found.called_from("f")


def test_loops_over_what_a_loop_gives_are_seen() -> None:
    assert outline("for batch in loader:\n    for x in batch: f(x)").takes_batch_apart
    assert outline("for batch in loader:\n    y = [f(x) for x in batch]").takes_batch_apart
    assert outline("for batch in loader:\n    xs = batch[0]\n    for x, z in zip(xs, zs): f(x)").takes_batch_apart
    assert not outline("for epoch in epochs:\n    for batch in loader: f(batch)").takes_batch_apart
    assert not outline("for i in range(n):\n    for x in parts[i]: f(x)").takes_batch_apart


LOADED = {
    "loop": "for x in xs: load(x)",
    "comprehension": "[load(x) for x in xs]",
    "own function": "def f(): load()\nwhile True: f()",
    "through another": "def f(): load()\ndef g(): f()\nwhile True: g()",
    "own class": "class A:\n    def __init__(self): load()\nfor x in xs: A()",
    "own method": "class A:\n    def get(self): load()\nfor x in xs: a.get()",
    "project": "from project import get\nfor x in xs: get()",
    "project's module": "import project\nfor x in xs: project.get()",
    "project's class": "from project import A\na = A()\nfor x in xs: a.get()",
}


@pytest.mark.parametrize("code", LOADED.values(), ids=LOADED)
def test_loads_in_loops_are_seen(code: str) -> None:
    assert outline(code).loads_again("load".__eq__, open_names=False)


NOT_LOADED = {
    "before the loop": "load()\nfor x in xs: f(x)",
    "not called": "def f(): load()\nfor x in xs: g(x)",
    "usual method": "from project import A\na = A()\nfor x in xs: a.train()",
}


@pytest.mark.parametrize("code", NOT_LOADED.values(), ids=NOT_LOADED)
def test_loads_elsewhere_are_not_in_loops(code: str) -> None:
    assert not outline(code).loads_again("load".__eq__, open_names=False)


def test_functions_that_load_may_be_mapped() -> None:
    assert outline("def f(x): load()\nframe.apply(f)").loads_again("load".__eq__, open_names=True)
