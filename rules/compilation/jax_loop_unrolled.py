"""Python loops that JAX unrolls into one long program."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlint import Bad, Evidence, Good, Grade, Premise, Rule, RuleOptions, Severity, on_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlint import Facts, Findings, Outline, cst

_STEPS = re.compile(r"step|iter|horizon|length|seq_len|time|\bT\b|\bn\b")
"""Names of numbers that are many, unlike those of axes, devices and heads."""


class JaxLoopUnrolled(Rule):
    """A Python loop inside compiled JAX code carries a value through many equal passes.

    While JAX traces a function, a Python loop runs once and leaves a copy of its body for each pass. The program grows
    with the number of passes, and compilation takes energy in proportion or worse, again for each new shape.
    `jax.lax.scan` and `fori_loop` compile the body once.

    The finding stands at the loop.

    Leave it where passes differ, where there are few of them, and where the compiler gains by seeing them together;
    an unrolled program may run faster. Measure compilation and one step. For that reason the rule is off by default.

    To fix it, use `jax.lax.fori_loop`, or `jax.lax.scan` where gradients are needed or results are collected, with
    `unroll=` for a few copies of the body.
    """

    class Options(RuleOptions):
        passes: int = 16
        """Report loops of at least so many passes, where they can be counted."""

    severity = Severity.INFO
    default = False
    frameworks = ("jax",)
    words = (("for",), ("range",))
    premises = (Premise.NOT_A_TEST, Premise.NOT_A_BENCHMARK)
    references = ("https://docs.jax.dev/en/latest/control-flow.html",)
    evidence = (
        Evidence(
            Grade.DOCUMENTED,
            "Python loops are unrolled while tracing, while scan and fori_loop compile their body once",
            "https://docs.jax.dev/en/latest/control-flow.html",
        ),
        Evidence(Grade.REASONED, "no energy measurement of compiling unrolled loops was found", "own survey, 2026"),
    )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        return "range" in outline.calls

    @on_node("For")
    def check(self, node: cst.For, facts: Facts) -> Findings:
        from greenlint import Compiled, Contexts, Tree

        if facts[Tree].function(node) is None or not self._is_long(node, facts):
            return
        if not _carries(node, facts) or not _is_uniform(node, facts) or facts[Contexts].dead(node):
            return
        if facts[Compiled].inside(node) is True:
            yield self.finding(
                node,
                "JAX copies the body of this loop into the compiled program for each pass",
                help="use jax.lax.scan or jax.lax.fori_loop, which compile the body once",
                notes=("compilation may take 2-20 times the energy (estimate); the program itself may run faster",),
            )

    def _is_long(self, node: cst.For, facts: Facts) -> bool:
        """Whether a loop over a range is not certainly short."""
        from greenlint import Calls, Loops, cst

        iterated = node.iter
        if not isinstance(iterated, cst.Call) or facts[Calls].of(iterated).name != "builtins.range":
            return False
        count = facts[Loops].of(node).iterations
        if count is None:
            return _STEPS.search(facts.document.source(iterated)) is not None
        return count >= int(self.options.passes)

    examples = (
        Bad(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def simulate(state):
                for step in range(1000):  # bad
                    state = state + 0.01 * jnp.sin(state)
                return state
            """
        ),
        Bad(
            """
            import jax
            import jax.numpy as jnp

            def rollout(params, hidden, steps):
                for t in range(steps):  # bad
                    hidden = jnp.tanh(hidden @ params)
                return hidden

            fast = jax.jit(rollout, static_argnums=2)
            """
        ),
        Bad(
            """
            import functools
            import jax
            import jax.numpy as jnp

            @functools.partial(jax.jit, static_argnames="n")
            def power(matrix, vector, n=64):
                for _ in range(n):  # bad
                    vector = matrix @ vector
                    vector = vector / jnp.linalg.norm(vector)
                return vector
            """
        ),
        Good(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def simulate(state):
                return jax.lax.fori_loop(0, 1000, lambda i, s: s + 0.01 * jnp.sin(s), state)
            """,
            why="the body is compiled once",
        ),
        Good(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def simulate(state):
                for step in range(4):
                    state = state + 0.01 * jnp.sin(state)
                return state
            """,
            why="a few copies cost little",
        ),
        Good(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def contract(x):
                for axis in range(x.ndim):
                    x = jnp.cumsum(x, axis)
                return x
            """,
            why="arrays have few axes",
        ),
        Good(
            """
            import jax
            import jax.numpy as jnp

            def simulate(state):
                for step in range(1000):
                    state = state + 0.01 * jnp.sin(state)
                return state

            simulate(start)
            """,
            why="not compiled",
        ),
        Good(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def sample(params, tokens):
                for step in range(100):
                    tokens = jnp.concatenate((tokens, jnp.argmax(network(params, tokens))[None]))
                return tokens
            """,
            why="what is carried grows, which scan cannot do",
        ),
        Good(
            """
            import jax

            @jax.jit
            def forward(layers, x):
                for i in range(len(layers)):
                    x = layers[i](x)
                return x
            """,
            why="each pass runs another layer",
        ),
        Good(
            """
            import jax
            import jax.numpy as jnp

            @jax.jit
            def total(xs):
                parts = []
                for i in range(100):
                    parts.append(jnp.sin(xs[i]))
                return jnp.stack(parts)
            """,
            why="nothing is carried from pass to pass; vmap is the answer there",
        ),
    )


def _carries(node: cst.For, facts: Facts) -> bool:
    """Whether a pass computes a value from what the one before left under the same name."""
    from greenlint import Tree, cst

    tree = facts[Tree]
    for assign in tree.below(node.body, cst.Assign):
        read = {each.value for each in tree.below(assign.value, cst.Name)}
        if any(name in read for each in assign.targets for name in _bound(each.target)) and _computes(assign, facts):
            return True
    return any(_computes(each, facts) for each in tree.below(node.body, cst.AugAssign))


def _bound(target: cst.BaseExpression) -> Iterator[str]:
    from greenlint import cst

    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, (cst.Tuple, cst.List)):
        for each in target.elements:
            yield from _bound(each.value)


def _computes(statement: cst.CSTNode, facts: Facts) -> bool:
    """Whether a statement computes with arrays: it calls JAX or something unknown, or multiplies matrices."""
    from greenlint import Calls, Tree, cst

    calls = list(facts[Calls].within(statement))
    if any(not (each.name or "").startswith("builtins.") for each in calls):
        return True
    return any(
        isinstance(each.operator, cst.MatrixMultiply) for each in facts[Tree].below(statement, cst.BinaryOperation)
    )


def _is_uniform(node: cst.For, facts: Facts) -> bool:
    """Whether passes do the same: no branch, no early end, nothing that grows, no layer picked by number."""
    from greenlint import Calls, Tree, cst

    tree = facts[Tree]
    if any(tree.below(node.body, cst.If, cst.IfExp, cst.Break, cst.Continue, cst.Try, cst.FormattedString)):
        return False
    if facts[Calls].methods("concatenate", "append", "stack", "hstack", "vstack", within=node.body):
        return False
    index = node.target.value if isinstance(node.target, cst.Name) else ""
    for each in tree.below(node.body, cst.Subscript):
        picks = any(part.value == index for piece in each.slice for part in tree.below(piece, cst.Name))
        called = isinstance(tree.parent(each), cst.Call) and tree.parent(each).func is each  # type: ignore[union-attr]
        if picks and called:
            return False
    return not (
        isinstance(node.iter, cst.Call) and "len(" in facts.document.source(node.iter) and _indexes(node, facts)
    )


def _indexes(node: cst.For, facts: Facts) -> bool:
    """Whether the body picks elements by the number of the pass, perhaps of a list of parameters."""
    from greenlint import Tree, cst

    return any(facts[Tree].below(node.body, cst.Subscript))
