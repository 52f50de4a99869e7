"""The rules about suppression comments: the engine's own, found whatever rule packages are installed.

They have no hooks. :mod:`greenlint.suppress` speaks in their name when they are among the rules of a run, so
they are selected, ignored, graded and documented as any other rule. Importable without libcst.
"""

from __future__ import annotations

from greenlint.finding import Severity
from greenlint.rule import Bad, Category, Good, Rule

__all__ = [
    "SUPPRESSION_RULES",
    "ExpiredSuppression",
    "MalformedSuppression",
    "SuppressionWithoutReason",
    "UnknownSuppression",
    "UnusedSuppression",
]

_WORDS = (("greenlint", "Greenlint", "GREENLINT"),)


class UnusedSuppression(Rule):
    """Flags a suppression comment that suppresses nothing.

    What it once excused has been mended or has moved. The comment now only misleads readers, and will hide
    the next finding of that name that turns up in its place without anybody having looked at it.

    A name is judged only when its rule ran on the file without crashing: a run with fewer rules selected, or
    with a rule's plug-in missing, calls nothing unused. `# noqa` comments are never judged, because they are
    shared with other tools. The finding points at the comment.

    The fix removes the name, and the whole comment when no name is left.
    """

    name = "unused-suppression"
    category = Category.SUPPRESSION
    severity = Severity.INFO
    words = _WORDS
    examples = (
        Bad(
            "workers = 4  # greenlint: ignore[dataloader-no-workers]  # bad",
            fixed="workers = 4",
        ),
        Bad(
            """
            # greenlint: file-ignore[dataloader-no-workers] the loader is elsewhere  # bad
            workers = 4
            """,
            fixed="workers = 4",
        ),
        Bad(
            """
            # The loader is built by the caller.
            # greenlint: ignore[dataloader-no-workers]  # bad
            workers = 4
            """,
            fixed="""
            # The loader is built by the caller.
            workers = 4
            """,
        ),
        Good("workers = 4  # noqa: dataloader-no-workers", why="`# noqa` is shared with other tools"),
        Good("workers = '# greenlint: ignore[dataloader-no-workers]'", why="a string is no comment"),
    )


class UnknownSuppression(Rule):
    """Flags a suppression comment that names a rule which does not exist.

    The comment has no effect on that name: the finding it was written for is still reported, or will be.
    Usually the name is misspelt, or the rule has been renamed; a former name still works, and is reported so
    that it gets updated.

    Leave it when the rule belongs to a plug-in that is not installed where this run happens. The finding
    points at the name.

    The fix writes the current name of a renamed rule. For a misspelt one it offers the nearest name, which is
    a guess.
    """

    name = "unknown-suppression"
    category = Category.SUPPRESSION
    severity = Severity.INFO
    words = _WORDS
    examples = (
        Bad(
            "workers = 4  # greenlint: ignore[dataloader-no-worker]  # bad",
            fixed="workers = 4  # greenlint: ignore[dataloader-no-workers]",
        ),
        Bad("workers = 4  # greenlint: ignore[line-too-long]  # bad"),
        Bad("workers = 4  # greenlint: file-ignore[line-too-long]  # bad"),
        Good("workers = 4  # noqa: line-too-long", why="`# noqa` is shared with other tools"),
        Good("workers = 4  # greenlint: ignore[dataloader-no-workers]", why="the name is that of a rule"),
    )


class MalformedSuppression(Rule):
    """Flags a suppression comment that cannot be read, and therefore suppresses nothing.

    A suppression names the rules it is about, between brackets: `# greenlint: ignore[name, other] reason`.
    There is no form for all rules at once, because nobody can say of rules yet to be written that they do not
    matter here. An expiry date is written `until=2027-03-01`.

    There is no reason to keep such a comment: it does nothing. The finding points at the comment.

    The fix writes the comment in its right form where its meaning is plain.
    """

    name = "malformed-suppression"
    category = Category.SUPPRESSION
    severity = Severity.INFO
    words = _WORDS
    examples = (
        Bad("workers = 4  # greenlint: ignore  # bad"),
        Bad(
            "workers = 4  # greenlint: ignore(dataloader-no-workers)  # bad",
            fixed="workers = 4  # greenlint: ignore[dataloader-no-workers]",
        ),
        Bad("workers = 4  # greenlint: ignore[dataloader-no-workers, until=soon]  # bad"),
        Good("workers = 4  # greenlint: ignore[dataloader-no-workers]", why="the form is right"),
        Good("workers = 4  # greenlint says four is enough", why="prose is no suppression"),
    )


class ExpiredSuppression(Rule):
    """Flags a suppression comment whose date has passed.

    Whoever wrote `until=2027-03-01` meant to look again by then. From the day after, the comment suppresses
    nothing and the findings it excused are reported once more.

    Set a later date where the reason still holds, rather than removing the date. The finding points at the
    comment.

    There is no fix: mend the code, or set a new date.
    """

    name = "expired-suppression"
    category = Category.SUPPRESSION
    severity = Severity.WARNING
    words = _WORDS
    examples = (
        Bad(
            "# greenlint: file-ignore[line-too-long, until=2024-12-31] the old node goes  # bad",
            settings={"today": "2025-01-01"},
        ),
        Good(
            "# greenlint: file-ignore[line-too-long, until=2025-01-01] the old node goes",
            why="the last day counts",
            settings={"today": "2025-01-01"},
        ),
    )


class SuppressionWithoutReason(Rule):
    """Flags a suppression comment that does not say why the finding does not matter.

    Off unless selected, or switched on by `require-reason = true`. A reason saves the next reader from
    finding out again why the pattern is right here, and tells when it stops being so.

    Leave it off where a review asks for the reason elsewhere. The finding points at the comment.

    There is no fix: write the reason behind the bracket.
    """

    name = "suppression-without-reason"
    category = Category.SUPPRESSION
    severity = Severity.INFO
    default = False
    words = _WORDS
    examples = (
        Bad("workers = 4  # greenlint: ignore[dataloader-no-workers]  # bad"),
        Good("workers = 4  # greenlint: ignore[dataloader-no-workers] one core", why="it has one"),
    )


SUPPRESSION_RULES: tuple[type[Rule], ...] = (
    UnusedSuppression,
    UnknownSuppression,
    MalformedSuppression,
    ExpiredSuppression,
    SuppressionWithoutReason,
)
