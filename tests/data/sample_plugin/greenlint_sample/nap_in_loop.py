"""Loops that sleep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Good, Rule, RuleOptions, Severity, on_file

if TYPE_CHECKING:
    from greenlint import Facts, Findings, cst


class NapInLoop(Rule):
    """`time.sleep` in a loop keeps reserved hardware idle.

    While the program sleeps, the accelerator it has reserved draws idle power.

    The finding stands at the call.

    Leave it where a service has to be polled.

    To fix it, wait for an event.
    """

    class Options(RuleOptions):
        most: int = 0
        """How many naps are fine."""

    severity = Severity.WARNING
    words = (("sleep",),)

    @on_file
    def check(self, tree: cst.Module, facts: Facts) -> Findings:
        from greenlint_sample._naps import Naps

        for call in facts[Naps].calls[self.options.most :]:
            yield self.finding(call, "the machine sleeps in a loop", help="wait for an event")

    examples = (
        Bad(
            """
            import time

            while busy():
                time.sleep(1)  # bad
            """
        ),
        Good(
            """
            import time

            while busy():
                time.sleep(1)
            """,
            why="one nap is allowed here",
            options={"most": 1},
        ),
        Good("import time\n\ntime.sleep(1)\n", why="once"),
    )
