"""Tests rules by the examples they carry: for ``greenlint test`` and for the test suites of plug-in authors.

With pytest::

    import pytest
    from greenlint.testing import RuleCase, rule_examples

    @pytest.mark.parametrize("case", rule_examples("my_package"), ids=str)
    def test_rule(case: RuleCase) -> None:
        case.check()
"""

from __future__ import annotations

import datetime
import difflib
import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from greenlint.document import Document
from greenlint.engine import Analysis, analyze
from greenlint.facts.glance import Glance
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.finding import Applicability, Crash, Finding, Fix
from greenlint.fixer import FixResult, fix
from greenlint.gate import Gate
from greenlint.outline import Outline
from greenlint.passage import Passage
from greenlint.reading import UnreadableError, parse
from greenlint.registry import RuleLoader
from greenlint.rule import MARK, Bad, Example, Good, Rule
from greenlint.rule_check import rule_faults
from greenlint.suppression_rules import SUPPRESSION_RULES
from greenlint.variants import VARIANTS, Form, expected_of, variants

__all__ = [
    "ExampleFailure",
    "RuleCase",
    "TestReport",
    "check_example",
    "check_rule",
    "rule_examples",
    "run_tests",
]

_EVERY_LEVEL = frozenset(Applicability)


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """Something wrong with a rule or one of its examples."""

    rule: str
    message: str
    example: int | None = None
    """Which example, from 1 in the order they are written; ``None`` for the rule as a whole."""
    form: str | None = None
    """The form in which the example failed, when not as written: a key of ``VARIANTS``."""
    line: int | None = None
    """The line of the example, from 1."""

    def __str__(self) -> str:
        place = "" if self.example is None else f", example {self.example}"
        place += "" if self.line is None else f", line {self.line}"
        form = "" if self.form is None else f" [as {self.form}]"
        return f"{self.rule}{place}{form}: {self.message}"


@dataclass(frozen=True, slots=True)
class TestReport:
    """What came of testing some rules."""

    __test__ = False  # not a test class, whatever pytest makes of its name

    rules: int
    examples: int
    failures: tuple[ExampleFailure, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class RuleCase:
    """One test for pytest: a rule as a whole, or one of its examples."""

    rule: type[Rule]
    example: int | None = None
    beside: tuple[type[Rule], ...] = ()

    def failures(self) -> list[ExampleFailure]:
        """What is wrong."""
        if self.example is None:
            return list(_contract(self.rule))
        return check_example(self.rule, self.example, beside=self.beside)

    def fixes(self) -> list[Fix]:
        """The fixes with edits that the rule offers for the example, each once."""
        if self.example is None:
            return []
        return _ExampleTest(self.rule, self.example, self.beside).offered()

    def check(self) -> None:
        """Raise ``AssertionError`` that says what is wrong, if anything is."""
        found = self.failures()
        if found:
            raise AssertionError("\n\n".join(map(str, found)))

    def __str__(self) -> str:
        return self.rule.name if self.example is None else f"{self.rule.name}-{self.example}"


def rule_examples(package: str) -> list[RuleCase]:
    """A case for each rule of an importable package and for each of its examples.

    Raises ``ImportError`` when the package, or a rule of it, cannot be loaded.
    """
    registry = RuleLoader([package]).registry()
    if registry.problems:
        raise ImportError("\n".join(map(str, registry.problems)))
    prefix = f"{package}."
    rules = [rule for rule in registry.rules.values() if f"{rule.__module__}.".startswith(prefix)]
    return [case for rule in rules for case in _cases(rule)]


def _cases(rule: type[Rule], beside: tuple[type[Rule], ...] = ()) -> Iterator[RuleCase]:
    yield RuleCase(rule)
    for number in range(1, len(rule.examples) + 1):
        yield RuleCase(rule, number, beside)


def run_tests(rules: Iterable[type[Rule]]) -> TestReport:
    """Test rules by their examples; the engine's own, which have no hooks, are left out.

    Never raises for what a rule does wrong.
    """
    every = [rule for rule in rules if rule not in SUPPRESSION_RULES]
    failures = [failure for rule in every for failure in check_rule(rule)]
    return TestReport(len(every), sum(len(rule.examples) for rule in every), tuple(failures))


def check_rule(rule: type[Rule], *, beside: Sequence[type[Rule]] = ()) -> list[ExampleFailure]:
    """What is wrong with a rule and its examples; ``beside`` are other rules whose names its examples mention.

    The examples of a rule that could not even be loaded are not run.
    """
    whole, *examples = _cases(rule, tuple(beside))
    failures = whole.failures()
    if any(rule_faults(rule)):
        return failures
    return failures + [failure for case in examples for failure in case.failures()]


def check_example(rule: type[Rule], number: int, *, beside: Sequence[type[Rule]] = ()) -> list[ExampleFailure]:
    """What is wrong with one example of a rule, counted from 1."""
    return list(_ExampleTest(rule, number, tuple(beside)).failures())


# -- the rule as a whole ----------------------------------------------------------------------------------


def _contract(rule: type[Rule]) -> Iterator[ExampleFailure]:
    faults = list(rule_faults(rule))
    for message in (*faults, *_documentation_faults(rule)):
        yield ExampleFailure(rule.name, message)
    if faults:
        return
    seen: dict[object, int] = {}
    for number, example in enumerate(rule.examples, 1):
        first = seen.setdefault(_identity(example), number)
        if first != number:
            yield ExampleFailure(rule.name, f"the same as example {first}", number)


def _documentation_faults(rule: type[Rule]) -> Iterator[str]:
    documentation = inspect.cleandoc(rule.__dict__.get("__doc__") or "")
    if documentation and len(re.split(r"\n\s*\n", documentation)) < 2:
        yield "the docstring has no paragraph below its first that says why the pattern wastes energy"


def _identity(example: Example) -> object:
    parts = (example.options, example.files, example.settings)
    return MARK.sub("", example.code), example.path, *(repr(sorted(each.items())) for each in parts)


# -- one example ------------------------------------------------------------------------------------------


class _FaultError(Exception):
    """An example that cannot be run."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message, self.line = message, line


class _ExampleTest:
    """Runs one example in all its forms."""

    def __init__(self, rule: type[Rule], number: int, beside: tuple[type[Rule], ...]) -> None:
        self._rule, self._number, self._beside = rule, number, beside
        self._example = rule.examples[number - 1]
        self._code = MARK.sub("", self._example.code)
        self._marked = [line for line, text in enumerate(self._example.code.split("\n"), 1) if MARK.search(text)]

    def failures(self) -> Iterator[ExampleFailure]:
        try:
            yield from self._as_written()
        except _FaultError as fault:
            yield self._failure(fault.message, line=fault.line)

    def _failure(self, message: str, *, form: str | None = None, line: int | None = None) -> ExampleFailure:
        return ExampleFailure(self._rule.name, message, self._number, form, line)

    def _as_written(self) -> Iterator[ExampleFailure]:
        yield from self._faults_of_marks()
        form = Form(self._example.path, self._code)
        document = self._document(form)
        analysis = self._analysis(document, form)
        if analysis.crashes:
            yield from (self._failure(_crash_in_words(each)) for each in analysis.crashes)
            return
        findings = analysis.findings
        lines = Counter(document.line(finding.span.start) for finding in findings)
        yield from self._faults_of_lines(lines, findings, document)
        yield from (self._failure(message) for message in self._faults_of_words(findings))
        if isinstance(self._example, Bad):
            yield from self._faults_of_fixes(self._example, findings)
        yield from self._other_forms(form, document, lines)

    def _faults_of_marks(self) -> Iterator[ExampleFailure]:
        example = self._example
        if isinstance(example, Bad):
            if not self._marked:
                yield self._failure("no line is marked with `# bad`")
            if example.fixed is not None and MARK.search(example.fixed):
                yield self._failure("`fixed` holds a line marked with `# bad`")
        elif self._marked:
            yield self._failure("a `Good` example is marked with `# bad`", line=self._marked[0])
        if isinstance(example, Good) and not example.why.strip():
            yield self._failure("`why` does not say what makes this innocent")
        for name in set(example.not_as) - set(VARIANTS):
            yield self._failure(f"`not_as` names no form: `{name}`; there are {', '.join(VARIANTS)}")

    def _faults_of_lines(
        self, lines: Counter[int], findings: Sequence[Finding], document: Document
    ) -> Iterator[ExampleFailure]:
        for line in sorted(lines.keys() - set(self._marked)):
            said = next(each.message for each in findings if document.line(each.span.start) == line)
            yield self._failure(f"a finding that no mark expects: {said}", line=line)
        for line in sorted(set(self._marked) - lines.keys()):
            yield self._failure("a mark without a finding", line=line)

    def _faults_of_words(self, findings: Sequence[Finding]) -> Iterator[str]:
        names = frozenset(part for each in self._rule.frameworks for part in re.split(r"[\W_]", each))
        for finding in dict.fromkeys(findings):
            yield from _faults_of_words(finding, names)

    # -- fixes --------------------------------------------------------------------------------------------

    def _faults_of_fixes(self, example: Bad, findings: Sequence[Finding]) -> Iterator[ExampleFailure]:
        offered = [each.fix for each in findings if each.fix is not None and each.fix.edits]
        if offered and example.fixed is None:
            yield self._failure(f"a fix without `fixed`; it makes this:\n{self._fixed().source}")
        if example.fixed is None or not offered:
            if example.fixed is not None:
                yield self._failure("`fixed` is given, but no finding has a fix with edits")
            return
        self._document(Form(example.path, example.fixed), "`fixed` does not parse")
        result = self._fixed()
        for fault in _faults_of_result(result):
            yield self._failure(fault)
        if result.source != example.fixed:
            yield self._failure(f"the fix does not make `fixed`:\n{_difference(example.fixed, result.source)}")
        left = self._run(result.source).findings
        if left:
            yield self._failure(f"the fixed code still has a finding: {left[0].message}")

    def offered(self) -> list[Fix]:
        """The fixes with edits, each once."""
        found = (each.fix for each in self._run(self._code).findings)
        return list(dict.fromkeys(each for each in found if each is not None and each.edits))

    def _fixed(self, form: Form | None = None) -> FixResult:
        form = form or Form(self._example.path, self._code)

        def parsed(source: str) -> Document | None:
            try:
                return self._document(replace(form, source=source))
            except _FaultError:
                return None

        def found(document: Document) -> Sequence[Finding]:
            source = document.cells.raw if document.cells is not None else document.text
            return self._analysis(document, replace(form, source=source)).findings

        return fix(form.source, parse=parsed, analyze=found, levels=_EVERY_LEVEL)

    def _run(self, source: str) -> Analysis:
        form = Form(self._example.path, source)
        return self._analysis(self._document(form), form)

    # -- other forms --------------------------------------------------------------------------------------

    def _other_forms(self, form: Form, document: Document, lines: Counter[int]) -> Iterator[ExampleFailure]:
        for name, other in variants(form, document, self._example.files, lines):
            if name in self._example.not_as:
                continue
            try:
                yield from self._faults_of_form(name, other, lines)
            except _FaultError as fault:
                yield self._failure(fault.message, form=name, line=fault.line)

    def _faults_of_form(self, name: str, form: Form, lines: Counter[int]) -> Iterator[ExampleFailure]:
        document = self._document(form)
        analysis = self._analysis(document, form)
        for crash in analysis.crashes:
            yield self._failure(_crash_in_words(crash), form=name)
        found = Counter(form.original(document.line(each.span.start)) for each in analysis.findings)
        for line in sorted((found - lines).keys()):
            yield self._failure("a finding that is not there in the example as written", form=name, line=line)
        for line in sorted((lines - found).keys()):
            yield self._failure("a finding of the example as written is missing", form=name, line=line)
        if isinstance(self._example, Bad) and self._example.fixed is not None:
            yield from self._faults_of_fixed_form(name, form, self._example.fixed)

    def _faults_of_fixed_form(self, name: str, form: Form, fixed: str) -> Iterator[ExampleFailure]:
        """A fix keeps line ends, indentation, comments and the shape of a notebook."""
        result = self._fixed(form)
        for fault in _faults_of_result(result):
            yield self._failure(fault, form=name)
        expected = expected_of(name, self._document(Form(self._example.path, fixed)))
        made = self._document(Form(form.path, result.source)).text
        if expected is not None and made != expected:
            yield self._failure(f"the fix does not make `fixed`:\n{_difference(expected, made)}", form=name)
        meant = Counter(_comments(self._code)) - Counter(_comments(fixed))
        lost = Counter(_comments(form.source)) - Counter(_comments(result.source)) - meant
        if lost:
            yield self._failure(f"the fix loses comments: {', '.join(lost)}", form=name)

    # -- running ------------------------------------------------------------------------------------------

    def _document(self, form: Form, what: str = "the example does not parse") -> Document:
        try:
            parsed = parse(form.path, form.source.encode())
        except UnreadableError as error:
            raise _FaultError(f"{what}: {error}", error.line) from None
        if parsed.problems or parsed.document is None:
            raise _FaultError(f"{what}: {parsed.skipped or parsed.problems[0].message}")
        return parsed.document

    def _analysis(self, document: Document, form: Form) -> Analysis:
        """The findings of the rule alone, which the byte gate must not have ruled out."""
        example = self._example
        extra = dict(example.settings)
        today = extra.pop("today", None)
        rule = self._made()
        sources, settings = DictSources({**example.files, **form.files, form.path: form.source}), self._settings(extra)
        analysis = analyze(
            document,
            [rule, *(each() for each in self._beside)],
            sources=sources,
            settings=settings,
            gate=False,
            today=datetime.date.fromisoformat(str(today)) if today is not None else None,
        )
        findings = tuple(each for each in analysis.findings if each.rule == rule.name)
        data, gate = form.source.encode(), Gate((rule,))
        if findings and not gate.admits(data):
            raise _FaultError("the rule has a finding in a file that its `frameworks` or `words` rule out")
        if findings and not _passes(gate, form.path, data, sources, settings):
            raise _FaultError("the rule has a finding in a file that its `concerns` rules out")
        crashes = tuple(each for each in analysis.crashes if each.rule == rule.name)
        return Analysis(findings, (), crashes)

    def _made(self) -> Rule:
        try:
            return self._rule(self._rule.Options(**self._example.options))
        except Exception as error:
            raise _FaultError(f"the rule cannot be made with these options: {error}") from None

    def _settings(self, given: dict[str, object]) -> RunSettings:
        try:
            return RunSettings(**given)  # type: ignore[arg-type]
        except TypeError as error:
            raise _FaultError(f"no such settings: {error}") from None


def _passes(gate: Gate, path: str, data: bytes, sources: DictSources, settings: RunSettings) -> bool:
    """Whether the gates let a file through that has a finding."""
    passed = True

    def wanted(text: str, outline: Outline, _: Sequence[Passage]) -> bool:
        nonlocal passed
        glance = Glance(path, text, sources, settings, is_notebook=path.endswith(".ipynb"))
        passed = bool(gate.wants(glance, outline))
        return False

    parse(path, data, wanted)
    return passed


def _comments(source: str) -> list[str]:
    """The words of comments; in a notebook of what looks like one."""
    return re.findall(r"#[^\r\n\\\"]*", source)


def _faults_of_result(result: FixResult) -> Iterator[str]:
    if result.unstable:
        yield "the fix never comes to rest"
    if result.rejected:
        yield "the fix leaves code that does not parse"


def _difference(expected: str, found: str) -> str:
    lines = difflib.unified_diff(
        expected.splitlines(keepends=True), found.splitlines(keepends=True), "`fixed`", "what the fix makes"
    )
    return "".join(lines)


# -- words ------------------------------------------------------------------------------------------------

_CAPITALISED = re.compile(r"([A-Z][a-z]*)(?![\w.])")
"""A first word with a capital that is no name such as ``DataLoader`` or ``GPU``."""


def _crash_in_words(crash: Crash) -> str:
    places = re.findall(r'File "([^"]+)", line (\d+)', crash.traceback)
    where = f" ({PurePath(places[-1][0]).name}, line {places[-1][1]})" if places else ""
    return f"the rule raised {crash.error}{where}"


def _faults_of_words(finding: Finding, names: frozenset[str]) -> Iterator[str]:
    """What is wrong with the texts of a finding; ``names`` of frameworks may begin with a capital letter."""
    yield from _style("the message", finding.message, names)
    if finding.help is not None:
        yield from _style("the help", finding.help, names)
    for note in finding.notes:
        yield from _ending("a note", note)
    if finding.fix is not None:
        yield from _style("the title of the fix", finding.fix.title, names)
        if finding.fix.applicability is Applicability.UNSAFE and not (finding.fix.reason or "").strip():
            yield "the unsafe fix does not say what it may change"


def _style(what: str, text: str, names: frozenset[str]) -> Iterator[str]:
    first = _CAPITALISED.match(text)
    if first is not None and first.group(1).lower() not in names:
        yield f"{what} begins with a capital letter: {text}"
    yield from _ending(what, text)


def _ending(what: str, text: str) -> Iterator[str]:
    stripped = text.rstrip()
    if not stripped:
        yield f"{what} is empty"
    elif stripped.endswith((".", "!")) and not stripped.endswith("..."):
        yield f"{what} ends with a full stop: {text}"
    if "\n" in text:
        yield f"{what} has more than one line: {text}"
