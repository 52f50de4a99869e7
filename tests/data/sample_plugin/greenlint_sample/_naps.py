"""A fact of this package's own; the underscore keeps the module from being taken for a rule."""

from __future__ import annotations

from greenlint import Calls, Facts, Tree, cst


class Naps:
    """Where the program sleeps in a loop."""

    def __init__(self, facts: Facts) -> None:
        tree = facts[Tree]
        self.calls: list[cst.Call] = [
            call.node for call in facts[Calls].named("time.sleep") if tree.loops_around(call.node)
        ]
