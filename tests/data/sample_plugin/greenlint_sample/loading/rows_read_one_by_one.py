"""Tables read row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlint import Bad, Good, Rule, Severity, on_call

if TYPE_CHECKING:
    from greenlint import Call, Facts, Findings


class RowsReadOneByOne(Rule):
    """`sample_store.read_row` in place of `read_rows` asks the store once for each row.

    Each question costs a round trip during which nothing is computed.

    The finding stands at the call.

    Leave it for tables of one row.

    To fix it, call `read_rows`.
    """

    severity = Severity.WARNING
    frameworks = ("sample_store",)
    words = (("read_row",),)

    @on_call("sample_store.read_row")
    def check(self, call: Call, facts: Facts) -> Findings:
        from greenlint import replace_node

        fix = self.unsafe_fix(
            "read all rows",
            *replace_node(facts.document, call.node.func.attr, "read_rows"),
            reason="all rows are held in memory",
        )
        yield self.finding(call.node, "each row costs a round trip to the store", fix=fix)

    examples = (
        Bad(
            """
            import sample_store

            row = sample_store.read_row("table")  # bad
            """,
            fixed="""
            import sample_store

            row = sample_store.read_rows("table")
            """,
        ),
        Good(
            """
            import sample_store

            rows = sample_store.read_rows("table")
            """,
            why="all at once",
        ),
    )
