"""Tensors made from lists of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings, Fix, Outline, cst


class TensorFromListOfArrays(Rule):
    """`torch.tensor` gets a Python list of NumPy arrays and copies it element by element.

    PyTorch reads every number of such a list as a Python object. Stacking the arrays first copies whole blocks of
    memory, tens of times faster. In input code and replay buffers the accelerator waits meanwhile.

    The finding stands at the call that makes the tensor.

    Leave it for lists of Python numbers and for short lists built once.

    To fix it, write `torch.from_numpy(np.stack(arrays))`; for a list of tensors, `torch.stack(tensors)`.
    """

    severity = Severity.WARNING
    frameworks = ("torch",)
    words = (("tensor", "*Tensor", "as_tensor"), ("numpy", "np", "librosa", "soundfile", "cv2"))
    premises = (Premise.NOT_A_TEST,)
    references = (
        "https://github.com/pytorch/pytorch/issues/39842",
        "https://github.com/huggingface/transformers/pull/24765",
    )
    evidence = (
        Evidence(
            Grade.TIMED,
            "0.745 s to 0.013 s in one report, 3.6 times faster in another",
            "https://github.com/huggingface/transformers/pull/24765",
        ),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return outline.listed_tensor

    @on_call(
        "torch.tensor",
        "torch.as_tensor",
        "torch.Tensor",
        "torch.FloatTensor",
        "torch.LongTensor",
        "torch.DoubleTensor",
        "torch.cuda.FloatTensor",
        "torch.cuda.LongTensor",
    )
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import Contexts

        if not call.positional or facts[Contexts].dead(call.node) or _is_short_and_once(call, facts):
            return
        built = _list_of_arrays(call.positional[0], facts)
        if built is None:
            return
        yield self.finding(
            call.node,
            "a list of arrays is copied into this tensor number by number",
            help="stack the arrays first: torch.from_numpy(np.stack(arrays))",
            notes=("arrays of different lengths need padding first", "from_numpy shares memory and keeps the dtype"),
            related=((built, "an array"),),
            fix=self._fix(call, facts),
        )

    def _fix(self, call: Call, facts: Facts) -> Fix | None:
        """One array first; constructors of one type, as ``FloatTensor``, refuse arrays of another."""
        from greenlint import replace_node, spelled

        numpy = spelled(facts.document, "numpy", "np")
        if call.name not in ("torch.tensor", "torch.as_tensor") or numpy is None:
            return None
        imported, np = numpy
        listed = call.positional[0]
        edits = replace_node(facts.document, listed, f"{np}.array({facts.document.source(listed)})")
        reason = "of arrays of several types NumPy makes another type than PyTorch, and of no array float64"
        return self.unsafe_fix("make one array of them first", *imported, *edits, reason=reason)

    examples = (
        Bad(
            """
            import numpy as np
            import torch

            def collate(rows):
                return torch.tensor([np.asarray(row["pixels"]) for row in rows])  # bad
            """,
            fixed="""
            import numpy as np
            import torch

            def collate(rows):
                return torch.tensor(np.array([np.asarray(row["pixels"]) for row in rows]))
            """,
        ),
        Bad(
            """
            import numpy as np
            import torch

            frames = []
            for path in paths:
                frames.append(np.load(path))
            batch = torch.FloatTensor(frames)  # bad
            """
        ),
        Bad(
            """
            import torch
            import librosa

            def clips(paths):
                waves = [librosa.load(path)[0] for path in paths]
                return torch.as_tensor(waves)  # bad
            """,
            fixed="""
            import torch
            import librosa
            import numpy as np

            def clips(paths):
                waves = [librosa.load(path)[0] for path in paths]
                return torch.as_tensor(np.array(waves))
            """,
        ),
        Good(
            """
            import numpy as np
            import torch

            batch = torch.from_numpy(np.stack([np.load(path) for path in paths]))
            """,
            why="stacked first",
        ),
        Good(
            """
            import torch

            lengths = torch.tensor([len(row) for row in rows])
            """,
            why="Python numbers",
        ),
        Good(
            """
            import numpy as np
            import torch

            weights = torch.tensor(np.array([np.ones(3), np.zeros(3)]))
            """,
            why="one array",
        ),
        Good(
            """
            import numpy as np
            import torch

            scores = torch.tensor([np.mean(row) for row in rows])
            """,
            why="each element is one number",
        ),
        Good(
            """
            import torch

            batch = torch.tensor([encode(row) for row in rows])
            """,
            why="what encode returns is not known",
        ),
        Good(
            """
            import numpy as np
            import torch

            sentences = ["the cat sleeps", "a dog barks", "birds sing"]
            ids = torch.LongTensor([np.asarray([index[word] for word in each.split()]) for each in sentences])
            """,
            why="three short arrays, once",
        ),
    )


_SHORT = 100


def _is_short_and_once(call: Call, facts: Facts) -> bool:
    """Whether a short list is made a tensor in no loop and no method: a few arrays, once."""
    from greenlint import Hot, Searches, Tree, cst

    tree = facts[Tree]
    function = tree.function(call.node)
    if facts[Hot].repeated(call.node) is not None or (function is not None and tree.class_of(function) is not None):
        return False
    given = call.positional[0]
    iterable = given.for_in.iter if isinstance(given, cst.ListComp) and given.for_in.inner_for_in is None else given
    count = facts[Searches].length(iterable)
    return count is not None and count <= _SHORT


_NUMBERS = frozenset(
    """mean sum max min std var median argmax argmin prod dot percentile quantile float32 float64 int64 int32 log exp
    sqrt round floor ceil abs random rand randint choice uniform normal log10 log2 power count_nonzero linalg.norm
    average any all""".split()
)


def _list_of_arrays(node: cst.BaseExpression, facts: Facts, depth: int = 3) -> cst.BaseExpression | None:
    """An element of a list that is certainly an array."""
    from greenlint import Calls, Names, Tree, cst

    if isinstance(node, cst.ListComp):
        return node.elt if _is_array(node.elt, facts) else None
    if isinstance(node, cst.List):
        arrays = [each.value for each in node.elements if _is_array(each.value, facts)]
        return arrays[0] if arrays and len(arrays) == len(node.elements) else None
    if not isinstance(node, cst.Name) or not depth:
        return None
    bindings = facts[Names].reaching(node)
    if len(bindings) != 1 or bindings[0].value is None or bindings[0].path:
        return None
    value = bindings[0].value
    if isinstance(value, cst.List) and not value.elements:
        tree = facts[Tree]
        for call in facts[Calls].methods("append"):
            same = isinstance(call.receiver, cst.Name) and facts[Names].reaching(call.receiver) == bindings
            if same and tree.first(call.node) < tree.first(node) and call.positional:
                return call.positional[0] if _is_array(call.positional[0], facts) else None
        return None
    return _list_of_arrays(value, facts, depth - 1)


_READERS = ("librosa.load", "librosa.core.load", "soundfile.read")
"""Functions that return an array and a rate."""


def _is_array(node: cst.BaseExpression, facts: Facts, depth: int = 4) -> bool:
    """Whether an expression is certainly a NumPy array rather than one number."""
    from greenlint import Calls, Names, cst

    if depth == 0:
        return False
    if isinstance(node, cst.Subscript):
        if any(isinstance(each.slice, cst.Slice) for each in node.slice):
            return _is_array(node.value, facts, depth - 1)
        return isinstance(node.value, cst.Call) and facts[Calls].of(node.value).name in _READERS
    if isinstance(node, cst.Name):
        found = facts[Names].reaching(node)
        return bool(found) and all(_binds_array(each, facts, depth) for each in found)
    return isinstance(node, cst.Call) and _makes_array(node, facts, depth)


def _binds_array(binding: Binding, facts: Facts, depth: int) -> bool:
    from greenlint import BindingKind, Calls, cst

    value = binding.value
    if value is None or binding.kind is not BindingKind.ASSIGN:
        return False
    if binding.path:
        return binding.path == (0,) and isinstance(value, cst.Call) and facts[Calls].of(value).name in _READERS
    return _is_array(value, facts, depth - 1)


def _makes_array(node: cst.Call, facts: Facts, depth: int) -> bool:
    from greenlint import Calls, Kind, Values

    call = facts[Calls].of(node)
    if call.method in _NUMBERS:
        return False
    if call.method == "numpy" and call.receiver is not None:
        return True
    if call.method in ("astype", "reshape", "transpose", "copy", "flatten") and call.receiver is not None:
        return _is_array(call.receiver, facts, depth - 1)
    named = call.name is not None and call.name.startswith(("numpy.", "cv2.imread"))
    return named and facts[Values].of(node).kind is Kind.ARRAY


if TYPE_CHECKING:
    from greenlint import Binding
