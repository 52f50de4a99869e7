"""Training or inference of a network in double precision."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Call, Edit, Facts, Findings, Fix, Outline, cst

_DOUBLE = ("float64", "double")


class Float64Compute(Rule):
    """A network is trained or run in float64: its weights, the default type, or each batch.

    Double precision runs at half the rate of float32 on data-centre GPUs and at a thirty-second or less on others,
    and every value crosses the memory bus with twice the bytes. It is often only there because NumPy and pandas hand
    out float64 and a cast made the types match.

    The finding stands at the line that chooses float64: the default type, the cast of the model or of the batch.

    Leave it for solvers, Gaussian processes, physics and statistics that need the digits, and for sums over many
    values; libraries and calls of that kind silence the rule.

    To fix it, keep weights and data in float32: cast arrays once at load with `astype(np.float32)`, and use float64
    only for the sensitive reduction.
    """

    severity = Severity.WARNING
    frameworks = ("torch", "keras", "tensorflow", "jax", "lightning", "pytorch_lightning")
    words = (("*double*", "*float64*", "*Double*", "*x64*", "*X64*"),)
    premises = (
        Premise.NOT_A_TEST,
        Premise.NOT_A_BENCHMARK,
        Premise.NOT_SCIENCE,
        Premise.CPU_NOT_INTENDED,
        Premise.MAYBE_ON_ACCELERATOR,
    )
    references = ("https://docs.pytorch.org/docs/stable/notes/cuda.html",)
    evidence = (
        Evidence(
            Grade.REASONED,
            "data sheets: fp64 runs at 1/2 of fp32 on A100 and H100, at 1/32 to 1/64 on consumer and inference cards",
            "data sheets of the makers",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return bool(outline.calls & {"double", "to", "type", "update", *_DEFAULTS})

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        defaults, casts = _defaults(facts), _casts(facts)
        if not (defaults or casts) or _excused(facts) or not _runs_network(facts):
            return
        chosen = [(call, "the default type puts weights and activations") for call in defaults]
        chosen += [(call, what) for call in casts if (what := _cast_of(call, facts)) is not None]
        fix = self._fix(casts, facts) if chosen and not defaults else None
        for call, what in chosen:
            yield self.finding(
                call.node,
                f"{what} in float64",
                help="keep weights and batches in float32, and use float64 only for a sensitive reduction",
                notes=(
                    "2 times on data-centre cards, 10 times and more on consumer cards: an estimate from data sheets",
                ),
                fix=fix,
            )

    def _fix(self, casts: list[Call], facts: Facts) -> Fix | None:
        """Make the network and all it is fed float32 at once: one of them alone would not run."""
        if not _is_all_float64(casts, facts):
            return None
        edits = [edit for each in casts for edit in _single(each)]
        if len(edits) != len(casts):
            return None
        return self.unsafe_fix("compute in float32", *edits, reason="changes rounding")

    examples = (
        Bad(
            """
            import torch
            from torch import nn

            torch.set_default_dtype(torch.float64)  # bad
            model = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)).cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.LSTM(64, 512).double().cuda()  # bad
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                output, _ = model(x.cuda())
                loss = nn.functional.mse_loss(output, y.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            from tensorflow import keras

            keras.backend.set_floatx("float64")  # bad
            model = keras.Sequential([keras.layers.Dense(256), keras.layers.Dense(1)])
            model.compile("adam", "mse")
            model.fit(x, y, epochs=10)
            """
        ),
        Bad(
            """
            import jax
            import optax

            jax.config.update("jax_enable_x64", True)  # bad
            for batch in batches:
                grads = jax.grad(loss)(params, batch)
                updates, state = optimizer.update(grads, state)
                params = optax.apply_updates(params, updates)
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = Net().to("cuda")
            model = model.to(torch.float64)  # bad
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.to("cuda")), y.to("cuda"))
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.LSTM(64, 512).cuda()
            model.double()  # bad
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                output, _ = model(x.double().cuda())  # bad
                loss = nn.functional.mse_loss(output, y.double().cuda())
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch import nn

            model = nn.LSTM(64, 512).cuda()
            model.float()
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                output, _ = model(x.float().cuda())
                loss = nn.functional.mse_loss(output, y.float().cuda())
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)).to(device)
            model = model.to(torch.float64)  # bad
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                x, y = x.to(device), y.to(device)
                loss = nn.functional.cross_entropy(model(x.to(torch.float64)), y)  # bad
                loss.backward()
                optimizer.step()
            """,
            fixed="""
            import torch
            from torch import nn

            device = "cuda" if torch.cuda.is_available() else "cpu"
            model = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)).to(device)
            model = model.to(torch.float32)
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                x, y = x.to(device), y.to(device)
                loss = nn.functional.cross_entropy(model(x.to(torch.float32)), y)
                loss.backward()
                optimizer.step()
            """,
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.LSTM(64, 512).cuda()
            model.double()  # bad
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                output, _ = model(x.double().cuda())  # bad
                loss = nn.functional.mse_loss(output, y.cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.LSTM(64, 512).cuda()
            model.double()  # bad
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                output, _ = model(x.double().cuda())  # bad
                loss = nn.functional.mse_loss(output, y.double().cuda())
                loss.backward()
                optimizer.step()
                total += loss.detach().double()
            """
        ),
        Bad(
            """
            import torch
            from torch import nn

            model = nn.LSTM(64, 512).cuda()
            model.double()  # bad
            optimizer = torch.optim.Adam(model.parameters())
            weights = torch.from_numpy(table)
            for x, y in loader:
                output, _ = model(x.double().cuda())  # bad
                loss = nn.functional.mse_loss(output * weights, y.double().cuda())
                loss.backward()
                optimizer.step()
            """
        ),
        Good(
            """
            import torch
            from torch import nn

            model = Net().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            total = 0.0
            for x, y in loader:
                loss = nn.functional.mse_loss(model(x.cuda()), y.cuda())
                loss.backward()
                optimizer.step()
                total += loss.detach().double()
            """,
            why="only the sum is kept in float64",
        ),
        Good(
            """
            import gpytorch
            import torch

            torch.set_default_dtype(torch.float64)
            model = Process().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for step in range(1000):
                loss = -likelihood(model(x))
                loss.backward()
                optimizer.step()
            """,
            why="Gaussian processes need the digits",
        ),
        Good(
            """
            import torch

            betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64).cuda()
            model = Net().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for x in loader:
                loss = model(x.cuda(), betas.float())
                loss.backward()
                optimizer.step()
            """,
            why="a short schedule, computed once",
        ),
        Good(
            """
            import torch

            torch.set_default_dtype(torch.float64)
            model = Net()
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = ((model(x) - y) ** 2).mean()
                loss.backward()
                optimizer.step()
            """,
            why="a CPU computes float64 at half the rate, not at a thirty-second: nothing here uses an accelerator",
        ),
        Good(
            """
            import torch

            model = Net().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            correct = 0
            for x, y in loader:
                output = model(x.cuda())
                loss = torch.nn.functional.cross_entropy(output, y.cuda())
                loss.backward()
                optimizer.step()
                correct += output.argmax(1).eq(y.cuda()).double().sum()
            """,
            why="a metric",
        ),
        Good(
            """
            import jax
            import optax

            jax.config.update("jax_enable_x64", False)
            for batch in batches:
                grads = jax.grad(loss)(params, batch)
                updates, state = optimizer.update(grads, state)
                params = optax.apply_updates(params, updates)
            """,
            why="it is switched off",
        ),
        Good(
            """
            import torch

            torch.set_default_dtype(torch.float64)
            print(torch.rand(2).dtype)
            torch.set_default_dtype(torch.float32)
            model = Net().cuda()
            optimizer = torch.optim.Adam(model.parameters())
            for x, y in loader:
                loss = ((model(x.cuda()) - y.cuda()) ** 2).mean()
                loss.backward()
                optimizer.step()
            """,
            why="the default is set back before anything is trained",
        ),
        Good(
            """
            import torch
            from torch.autograd import gradcheck

            torch.set_default_dtype(torch.float64)
            model = Net().cuda()
            assert gradcheck(model, torch.rand(2, 3).cuda())
            """,
            why="a gradient check needs float64",
        ),
    )


def _excused(facts: Facts) -> bool:
    from greenlint import Frameworks

    frameworks = facts[Frameworks]
    places_itself = frameworks.roots & {"keras", "tensorflow", "jax", "flax"}
    return frameworks.gpu_intent is False or (frameworks.gpu_intent is None and not places_itself)


_DEFAULTS = ("set_default_dtype", "set_default_tensor_type", "set_floatx")


def _defaults(facts: Facts) -> list[Call]:
    """The calls that make float64 the default type; none when another call sets it back."""
    from greenlint import Calls

    calls = facts[Calls]
    found = calls.methods(*_DEFAULTS)
    switches = [call for call in calls.methods("update") if _switches_x64(call)]
    return switches + (found if all(_is_double(call, 0, facts) for call in found) else [])


def _casts(facts: Facts) -> list[Call]:
    """The method calls that cast something to float64."""
    from greenlint import Calls

    return [
        call
        for call in facts[Calls].methods("double", "to", "type")
        if call.receiver is not None
        and (not call.node.args if call.method == "double" else any(_is_double(call, each, facts) for each in (0, 1)))
    ]


def _runs_network(facts: Facts) -> bool:
    """Whether this file trains a network or runs one over batches."""
    from greenlint import Calls, LoopRole, Loops

    loops = facts[Loops]
    if loops.steps or loops.with_role(LoopRole.EVALUATION):
        return True
    return any(call.receiver is not None and len(call.node.args) > 1 for call in facts[Calls].methods("fit"))


def _is_double(call: Call, position: int, facts: Facts) -> bool:
    from greenlint import Values

    plain = call.positional
    written = plain[position] if position < len(plain) else call.keyword("dtype")
    if written is None:
        return False
    value = facts[Values].of(written)
    if value.dtype is not None:
        return value.dtype in _DOUBLE
    if isinstance(value.constant, str):
        return value.constant in _DOUBLE or value.constant.endswith("DoubleTensor")
    return facts.document.source(written).endswith("DoubleTensor")


def _switches_x64(call: Call) -> bool:
    plain = call.positional
    if len(plain) != 2:
        return False
    from greenlint import Values

    values = call.facts[Values]
    return values.constant(plain[0]) == "jax_enable_x64" and values.constant(plain[1]) is True


def _cast_of(call: Call, facts: Facts) -> str | None:
    """What a cast to float64 brings into it: a model, or a batch on its way into one."""
    from greenlint import Models

    if call.receiver is not None and facts[Models].is_model(call.receiver):
        return "this cast puts the model's weights and activations"
    return "this cast puts each batch" if _is_fed(call, facts) else None


def _is_fed(call: Call, facts: Facts) -> bool:
    """Whether a cast batch goes straight into a network."""
    from greenlint import Calls, Models, Tree, Values, cst

    assert call.receiver is not None
    if not facts[Values].of(call.receiver).element:
        return False
    for above in facts[Tree].ancestors(call.node):
        if isinstance(above, cst.Call):
            inner = facts[Calls].of(above)
            if inner.method not in ("to", "cuda"):
                return bool(facts[Models].is_model(above.func))
        elif not isinstance(above, (cst.Arg, cst.Attribute)):
            return False
    return False


# -- the fix ---------------------------------------------------------------------------------------------------

_SAID = re.compile(r"double|float64|Double|x64", re.IGNORECASE)
_DELICATE = re.compile(
    r"LBFGS|1e-(?:9|[1-9]\d)|linalg|cholesky|lgamma|digamma|erf|finfo|assert_close|allclose|cumprod|\.type\("
)
"""Words of code that may need the digits."""
_OF_CLASSES = re.compile(r"cross_entropy|CrossEntropyLoss|nll_loss|NLLLoss")
_OF_NUMBERS = re.compile(r"mse_loss|MSELoss|l1_loss|L1Loss|[Hh]uber|binary_cross|BCE|kl_div|KLDiv|\*\* ?2|\.pow\(")


def _is_all_float64(casts: list[Call], facts: Facts) -> bool:
    """Whether the casts are that of the one network and those of its batches, and nothing else is float64."""
    from greenlint import Models, Values, is_remarked

    text = facts.document.text
    if len(_SAID.findall(text)) != len(casts) or _DELICATE.search(text):
        return False
    receivers = [each.receiver for each in casts if each.receiver is not None]
    models = [each for each in receivers if facts[Models].is_model(each)]
    others = [each for each in receivers if each not in models]
    if len(models) != 1 or not all(facts[Values].of(each).element for each in others):
        return False
    if any(is_remarked(facts.document, each.node) for each in casts):
        return False
    return _is_plain_around(facts) and _casts_batches(casts, facts)


def _is_plain_around(facts: Facts) -> bool:
    """Whether no tensor is made of an array, whose float64 would stay, and no module around speaks of it."""
    from greenlint import Calls, Imports, Portability

    portability = facts[Portability]
    if not portability.reads_all:
        return False
    for call in facts[Calls].named("torch.tensor", "torch.as_tensor", "torch.from_numpy"):
        if call.keyword("dtype") is None and not portability.feeds_dataset(call):
            return False
    around = (facts.sources.read(path) or "" for path in facts[Imports].reachable())
    return not any(_SAID.search(each) or "from_numpy" in each for each in around)


def _casts_batches(casts: list[Call], facts: Facts) -> bool:
    """Whether all that is taken from a loader is cast before it is used; labels of classes are whole numbers."""
    from greenlint import Portability

    nodes = {each.node for each in casts}
    text = facts.document.text
    has_labels = _OF_CLASSES.search(text) is not None and _OF_NUMBERS.search(text) is None
    return facts[Portability].treats_batches(lambda node: _is_cast(node, nodes), but=(1,) if has_labels else ())


def _is_cast(node: cst.BaseExpression, casts: set[cst.Call]) -> bool:
    """Whether a value, or each of several, is cast, before or after it is moved."""
    from greenlint import cst

    while isinstance(node, cst.Call):
        if node in casts:
            return True
        if not isinstance(node.func, cst.Attribute) or node.func.attr.value not in ("to", "cuda"):
            return False
        node = node.func.value
    return isinstance(node, (cst.Tuple, cst.List)) and all(_is_cast(each.value, casts) for each in node.elements)


def _single(call: Call) -> tuple[Edit, ...]:
    """The cast to float32 instead; nothing where it is written in an unusual way."""
    from greenlint import cst, replace_node

    func = call.node.func
    if call.method == "double" and isinstance(func, cst.Attribute):
        return replace_node(call.facts.document, func.attr, "float")
    written = [arg.value for arg in call.node.args if isinstance(arg.value, cst.Attribute)]
    types = [each for each in written if each.attr.value in _DOUBLE]
    return replace_node(call.facts.document, types[0].attr, "float32") if len(types) == 1 else ()
