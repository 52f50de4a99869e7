"""``greenlint check --interactive``: asks about each fix before it is made."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from greenlint.engine import Analysis
from greenlint.finding import Edit, Finding
from greenlint.fix_files import EditedFile, Fixed
from greenlint.fixer import apply_to_source
from greenlint.output.full import finding_lines
from greenlint.results import place
from greenlint.suppress import ignore_edits

if TYPE_CHECKING:
    from greenlint.document import Document
    from greenlint.output.terminal import Style

__all__ = ["Interview"]

_QUESTION = "make this change? [y]es, [n]o, [a]ll of this rule, [i]gnore with a reason, [q]uit: "
_ANSWERS = {"y": "yes", "n": "no", "a": "all", "i": "ignore", "q": "quit"}


def _ask(question: str) -> str | None:
    """What the user types; ``None`` at the end of the input."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    return line.strip() if line else None


class Interview:
    """Goes through the fixes of one file after the other, until the user has enough."""

    def __init__(
        self, tell: Callable[[Iterable[str]], None], style: Style, ask: Callable[[str], str | None] = _ask
    ) -> None:
        self._tell, self._style, self._ask = tell, style, ask
        self._wanted: set[str] = set()
        self.ended = False

    def edit(self, file: EditedFile) -> Fixed:
        """The file with the changes that the user wants."""
        text, applied = file.text, Counter[str]()
        seen = {text}
        after: tuple[int, str] = (0, "")
        while not self.ended and (document := file.parse(text)) is not None:
            left = (each for each in file.findings(document) if each.fix is not None and each.fix.can_be_made)
            finding = next((each for each in left if _at(each) > after), None)
            if finding is None or finding.fix is None:
                break
            after = _at(finding)
            edits = self._decide(file, document, finding)
            edited = apply_to_source(text, document, edits)
            if not edits or edited is None or edited in seen or file.parse(edited) is None:
                continue
            text = edited
            seen.add(text)
            applied[finding.rule] += edits == finding.fix.edits
            moved = sum(len(each.text) - each.span.end + each.span.start for each in edits if each.span.end <= after[0])
            # What remains at this place comes again.
            after = (after[0] + moved, "")
        return file.with_text(text, +applied)

    def _decide(self, file: EditedFile, document: Document, finding: Finding) -> Sequence[Edit]:
        """The edits that the user wants for a finding."""
        assert finding.fix is not None
        if finding.rule not in self._wanted:
            shown, _ = place(document, Analysis((finding,)), {})
            self._tell((*finding_lines(file.task.path, shown[0], self._style), ""))
            answer = self._answer()
            if answer == "ignore":
                return ignore_edits(document, [finding], self._ask("reason: ") or None)
            if answer == "all":
                self._wanted.add(finding.rule)
            elif answer != "yes":
                return ()
        return finding.fix.edits

    def _answer(self) -> str:
        while True:
            said = self._ask(_QUESTION)
            if said is None:
                said = "quit"
            answer = _ANSWERS.get(said[:1].lower())
            if answer is not None and answer.startswith(said.lower()):
                self.ended = answer == "quit"
                return answer


def _at(finding: Finding) -> tuple[int, str]:
    """Where to go on after a finding: findings come in this order."""
    return finding.span.start, finding.rule
