"""Functions compiled anew each time round a loop."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, Severity, on_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Call, Facts, Findings, Outline, cst

_WRAPPERS = frozenset(
    """jax.jit jax.pmap flax.nnx.jit flax.nnx.pmap equinox.filter_jit equinox.filter_pmap haiku.jit tensorflow.function
    torch.compile jax.experimental.pjit.pjit""".split()
)
_MAKERS = frozenset(
    """jax.vmap jax.grad jax.value_and_grad jax.checkpoint jax.remat jax.jacfwd jax.jacrev jax.hessian functools.partial
    flax.nnx.grad flax.nnx.value_and_grad flax.nnx.vmap equinox.filter_vmap equinox.filter_grad
    equinox.filter_value_and_grad jax.tree_util.Partial""".split()
)
"""What gives a new function each time, even for the same argument."""
_BODIES = frozenset("""jax.lax.scan jax.lax.fori_loop jax.lax.while_loop jax.lax.map jax.lax.cond""".split())
"""What compiles the function that it is given when it is called outside of compiled code."""
_BODY_AT = {"jax.lax.fori_loop": 2, "jax.lax.while_loop": 1, "jax.lax.cond": 1}
_WRAPPER_NAMES = frozenset(each.rpartition(".")[2] for each in _WRAPPERS)
_MAKER_NAMES = frozenset(each.rpartition(".")[2] for each in _MAKERS)
_BODY_NAMES = frozenset(each.rpartition(".")[2] for each in _BODIES)
_HOT_METHODS = re.compile(r"^(?:update\w*|_?step|train_step|train_batch|learn|act|select_action|get_action|predict)$")
_VERIFIES = re.compile(r"assert_allclose|assert_array|\bprofiler\b|\bassertEqual")
_DEPTH = 3
_FEW = 4
_KEPT = re.compile(r"\bis None\b|\bnot in\b|hasattr\(|\bnot self\.|__contains__|\bfirst\b|== 0\b|\bcache\b|compiled")
"""Conditions under which something is built once and kept."""
_CACHES = re.compile(r"cache|lru|memo|once|property")
_ONCE = re.compile(r"^(?:__init__|__post_init__|setup|setUp|build|_build|make_\w+|create_\w+|get_\w*fns?|compile)$")


@dataclass(frozen=True)
class _Fresh:
    """A compiled function that is made again and again."""

    node: cst.CSTNode
    what: str
    loop: cst.CSTNode
    """The loop that makes it again, or a method that by its name is called again and again."""
    loop_facts: Facts
    certain: bool = True


class CompileFreshCallableInLoop(Rule):
    """A loop compiles a function that is new each time, so that no compilation is ever reused.

    JAX, TensorFlow and PyTorch keep compiled programs under the function object that was compiled. A lambda, a partial,
    the result of `vmap` or `grad`, or a function defined in the loop is another object each time round, so tracing and
    compilation start again: seconds of CPU work for a program that may run for milliseconds.

    The finding stands at the call that compiles, or at the decorated function.

    Leave it where each pass really needs another program: other shapes, another network, or thousands of calls before
    the next one.

    To fix it, compile once before the loop and pass what changes as arguments; numbers that select a program may be
    static (`static_argnames`), when they take few values.
    """

    severity = Severity.WARNING
    frameworks = ("jax", "flax", "equinox", "haiku", "tensorflow", "torch")
    words = (
        ("jit", "pmap", "pjit", "filter_jit", "filter_pmap", "function", "compile", "scan", "fori_loop", "while_loop"),
    )
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = (
        "https://docs.jax.dev/en/latest/jit-compilation.html",
        "https://www.tensorflow.org/guide/function",
    )
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "JAX asks to avoid calling jit on temporary functions in loops: each call compiles again",
            "https://docs.jax.dev/en/latest/jit-compilation.html",
        ),
        Evidence(Grade.REASONED, "no energy measurement of repeated compilation was found", "own survey, 2026"),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        bodies = (
            _BODY_NAMES if {"jax", "*"} & {*outline.roots, *outline.modules} or outline.project_names else frozenset()
        )
        return outline.wraps_fresh(_WRAPPER_NAMES, _MAKER_NAMES, bodies)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint import cst

        for fresh in _found(facts):
            called = isinstance(fresh.loop, cst.FunctionDef)
            what = "called again and again" if called else "the loop"
            place = (fresh.loop, what) if fresh.loop_facts is facts else (fresh.loop, what, fresh.loop_facts.document)
            yield self.finding(
                fresh.node,
                f"this compiles {fresh.what} again in each {'call' if called else 'pass of a loop'}",
                help="compile once, outside, and pass what changes as arguments",
                severity=None if fresh.certain else Severity.INFO,
                related=(place,),
            )

    examples = (
        Bad(
            """
            import jax

            for scale in scales:
                f = jax.jit(lambda x: model(x) * scale)  # bad
                results.append(f(data))
            """
        ),
        Bad(
            """
            import functools
            import jax

            def predict(params, batch):
                return jax.jit(functools.partial(network, params))(batch)  # bad

            for batch in batches:
                outputs.append(predict(params, batch))
            """
        ),
        Bad(
            """
            import tensorflow as tf

            for images, labels in dataset:
                @tf.function
                def step(x, y):  # bad
                    return loss_fn(y, model(x))
                losses.append(step(images, labels))
            """
        ),
        Bad(
            """
            import jax

            class Agent:
                def update(self, rewards, values):
                    advantages = jax.jit(jax.vmap(self.advantages))  # bad
                    return advantages(rewards, values)

            agent = Agent()
            for episode in range(10000):
                agent.update(*play())
            """
        ),
        Bad(
            """
            import torch

            for batch in loader:
                def forward(x):
                    return model(x).softmax(-1)
                fast = torch.compile(forward)  # bad
                outputs.append(fast(batch))
            """
        ),
        Bad(
            """
            from flax import nnx

            for batch in loader:
                step = nnx.jit(nnx.value_and_grad(loss_fn))  # bad
                loss, grads = step(model, batch)
            """
        ),
        Bad(
            """
            import equinox as eqx

            while not done:
                value = eqx.filter_jit(lambda m, x: m(x).sum())(model, state)  # bad
                done = value > limit
            """
        ),
        Bad(
            """
            import haiku as hk
            import jax

            network = hk.transform(forward)
            for observation in observations:
                act = jax.jit(lambda p, x: network.apply(p, None, x))  # bad
                actions.append(act(params, observation))
            """
        ),
        Bad(
            """
            import jax

            class Learner:
                def update(self, batches):
                    self.params, _ = jax.lax.scan(self.step, self.params, batches)  # bad
            """
        ),
        Good(
            """
            import jax

            def accuracy(predict, params, dataset):
                @jax.jit
                def of_batch(x, y):
                    return (predict(params, x) == y).mean()
                return sum(of_batch(x, y) for x, y in dataset)

            for epoch in range(100):
                print(accuracy(predict, params, dataset))
            """,
            why="one compilation serves a whole data set",
        ),
        Good(
            """
            import jax

            def step(params, batch):
                return params

            for batch in batches:
                params = jax.jit(step)(params, batch)
            """,
            why="the same function each time: JAX finds the compiled program",
        ),
        Good(
            """
            import jax

            for seed in seeds:
                step = jax.jit(lambda p, x: update(p, x, seed))
                for batch in batches:
                    params = step(params, batch)
            """,
            why="one compilation serves a whole inner loop",
        ),
        Good(
            """
            import jax

            def make_step(loss_fn):
                return jax.jit(jax.grad(loss_fn))

            step = make_step(loss)
            for batch in batches:
                grads = step(params, batch)
            """,
            why="a factory that runs once",
        ),
        Good(
            """
            import jax

            class Model:
                def predict(self, x):
                    if self._predict is None:
                        self._predict = jax.jit(lambda x: self.network(x))
                    return self._predict(x)

            model = Model()
            for batch in batches:
                model.predict(batch)
            """,
            why="built once and kept",
        ),
        Good(
            """
            import jax

            @jax.jit
            def outer(params, batches):
                for batch in batches:
                    params = jax.jit(lambda p: p - batch)(params)
                return params
            """,
            why="the loop itself is traced once",
        ),
        Good(
            """
            import functools
            import jax

            @functools.lru_cache
            def compiled(size):
                return jax.jit(lambda x: x[:size])

            for size in sizes:
                compiled(size)(data)
            """,
            why="kept in a cache",
        ),
        Good(
            """
            import re

            for line in lines:
                pattern = re.compile("a+")
            """,
            why="another kind of compile",
        ),
    )


def _found(facts: Facts) -> Iterator[_Fresh]:
    """The compiled functions that are made in each pass of a loop and used there as often as they are made."""
    from greenlint import Calls, Tree, cst

    for call in facts[Calls].named(*_WRAPPERS):
        what = _fresh(call, facts)
        fresh = _repeated(call.node, what, facts) if what is not None else None
        if fresh is not None and not _amortised(call.node, facts):
            yield fresh
    for call in facts[Calls].named(*_BODIES):
        body = call.positional[_BODY_AT.get(call.name or "", 0) :][:1]
        what = _fresh_body(body[0], call, facts) if body else None
        fresh = _repeated(call.node, what, facts) if what is not None else None
        if fresh is not None:
            yield replace(fresh, certain=False)
    for function in facts[Tree].of_type(cst.FunctionDef):
        if any(_is_wrapper(each.decorator, facts) for each in function.decorators):
            fresh = _repeated(function, f"`{function.name.value}`", facts)
            if fresh is not None and not _called_in_inner_loop(function.name.value, function, facts):
                yield fresh


def _is_wrapper(node: cst.BaseExpression, facts: Facts) -> bool:
    from greenlint import Calls, Names, cst

    if isinstance(node, cst.Call):
        call = facts[Calls].of(node)
        if call.name == "functools.partial" and call.positional:
            return facts[Names].resolve(call.positional[0]) in _WRAPPERS
        return call.name in _WRAPPERS
    return facts[Names].resolve(node) in _WRAPPERS


# -- what is compiled ------------------------------------------------------------------------------------------


def _fresh_body(node: cst.BaseExpression, call: Call, facts: Facts) -> str | None:
    """What new function a loop of ``jax.lax`` is given; a bound method is another object each time, too."""
    from greenlint import cst

    if isinstance(node, cst.Attribute) and isinstance(node.value, cst.Name) and node.value.value == "self":
        return f"the method `{facts.document.source(node)}`"
    return _fresh_function(node, call, facts)


def _fresh(call: Call, facts: Facts) -> str | None:
    """What new function a call compiles; ``None`` when it may be the same each time."""
    return _fresh_function(call.positional[0], call, facts) if call.positional else None


def _fresh_function(node: cst.BaseExpression, call: Call, facts: Facts) -> str | None:
    from greenlint import BindingKind, Calls, Names, Tree, cst

    if isinstance(node, cst.Lambda):
        return "a lambda"
    if isinstance(node, cst.Call):
        made = facts[Calls].of(node)
        if made.name in _MAKERS or made.name in _WRAPPERS:
            return f"the result of `{facts.document.source(node.func)}`"
        return None
    if not isinstance(node, cst.Name):
        return None
    bindings = facts[Names].reaching(node)
    if len(bindings) != 1:
        return None
    binding, tree = bindings[0], facts[Tree]
    if tree.function(binding.node) is not tree.function(call.node) or tree.loops_around(binding.node) != (
        tree.loops_around(call.node)
    ):
        return None
    if binding.kind is BindingKind.FUNCTION and (tree.function(call.node) or tree.loops_around(call.node)):
        return f"`{node.value}`"
    return _fresh_value(binding.value, facts) if binding.kind is BindingKind.ASSIGN and not binding.path else None


def _fresh_value(node: cst.BaseExpression | None, facts: Facts) -> str | None:
    from greenlint import Calls, cst

    if isinstance(node, cst.Lambda):
        return "a lambda"
    if isinstance(node, cst.Call) and facts[Calls].of(node).name in _MAKERS:
        return f"the result of `{facts.document.source(node.func)}`"
    return None


# -- how often -------------------------------------------------------------------------------------------------


def _repeated(node: cst.CSTNode, what: str, facts: Facts) -> _Fresh | None:
    """The finding for a function made at ``node``, when a loop certainly makes it again and again."""
    from greenlint import Compiled, Contexts, Tree

    if facts[Contexts].dead(node) or facts[Compiled].inside(node) is not False or _is_kept(node, facts):
        return None
    if _VERIFIES.search(facts.document.source(facts[Tree].function(node) or node)):
        return None
    found = _loop_of(node, facts, _DEPTH)
    if found is not None:
        return _Fresh(node, what, found[1], found[0])
    method = _hot_method(node, facts)
    return None if method is None else _Fresh(node, what, method, facts, certain=False)


def _hot_method(node: cst.CSTNode, facts: Facts) -> cst.FunctionDef | None:
    """The method around ``node``, when nobody is seen to call it and its name says that many do."""
    from greenlint import Project, Tree

    function = facts[Tree].function(node)
    if function is None or facts[Tree].class_of(function) is None or not _HOT_METHODS.match(function.name.value):
        return None
    return None if facts[Project].callers(function) else function


def _loop_of(node: cst.CSTNode, facts: Facts, depth: int) -> tuple[Facts, cst.For | cst.While] | None:
    from greenlint import Loops, Project, Tree

    for loop in facts[Tree].loops_around(node):
        count = facts[Loops].of(loop).iterations
        return None if count is not None and count <= _FEW else (facts, loop)
    function = facts[Tree].function(node)
    if function is None or not depth or _is_once(function, facts):
        return None
    for call in facts[Project].callers(function):
        if _is_kept(call.node, call.facts):
            continue
        found = _loop_of(call.node, call.facts, depth - 1)
        if found is not None:
            return found
    return None


def _is_once(function: cst.FunctionDef, facts: Facts) -> bool:
    """Whether a function runs once for each object, or keeps its results."""
    if _ONCE.match(function.name.value):
        return True
    return any(_CACHES.search(facts.document.source(each.decorator)) for each in function.decorators)


def _is_kept(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether something is built only where it is not there yet, or handed to somebody who may keep it."""
    from greenlint import Tree, cst

    tree, below = facts[Tree], node
    for above in tree.ancestors(node):
        if isinstance(above, cst.FunctionDef):
            return False
        branch = isinstance(above, (cst.If, cst.IfExp)) and below is not above.test
        if branch and _KEPT.search(facts.document.source(above.test)):  # type: ignore[attr-defined]
            return True
        if isinstance(above, (cst.Return, cst.Yield, cst.Dict, cst.List, cst.Tuple)) and not _is_called(below, facts):
            return True
        if isinstance(above, cst.Assign) and any(isinstance(each.target, cst.Subscript) for each in above.targets):
            return not _is_called(below, facts)
        below = above
    return False


def _is_called(node: cst.CSTNode, facts: Facts) -> bool:
    """Whether ``node`` is ``jit(f)(x)``: what is kept is a result, and not the function."""
    from greenlint import cst

    return isinstance(node, cst.Call) and isinstance(node.func, cst.Call)


# -- what it is used for ---------------------------------------------------------------------------------------


def _amortised(node: cst.Call, facts: Facts) -> bool:
    """Whether what was compiled is called in a loop inside, or its use is not seen."""
    from greenlint import Tree, cst

    above = facts[Tree].parent(node)
    if isinstance(above, cst.Call) and above.func is node:
        return False
    if isinstance(above, cst.Assign) and len(above.targets) == 1 and isinstance(above.targets[0].target, cst.Name):
        return _called_in_inner_loop(above.targets[0].target.value, node, facts)
    return True


def _in_comprehension(node: cst.CSTNode, facts: Facts) -> bool:
    from greenlint import Tree, cst

    for above in facts[Tree].ancestors(node):
        if isinstance(above, (cst.ListComp, cst.GeneratorExp, cst.DictComp, cst.SetComp)):
            return True
        if isinstance(above, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
            return False
    return False


def _called_in_inner_loop(name: str, node: cst.CSTNode, facts: Facts) -> bool:
    """Whether a name is called in a loop deeper than ``node``, passed on, returned or kept, or never called at all."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    around, depth = tree.function(node) or tree.root, len(tree.loops_around(node))
    called = False
    for use in tree.below(around, cst.Name):
        if use.value != name or tree.first(use) < tree.first(node) or tree.contains(node, use):
            continue
        above = tree.parent(use)
        if isinstance(above, cst.Call) and above.func is use:
            if (
                len(tree.loops_around(use)) > depth
                or _in_comprehension(use, facts)
                or tree.function(use) is not tree.function(node)
            ):
                return True
            called = True
        elif not isinstance(above, (cst.AssignTarget, cst.FunctionDef)):
            return True
    return not called
