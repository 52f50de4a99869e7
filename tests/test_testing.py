"""The example tester lets good rules pass, and refuses everything else by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import libcst as cst
import pytest

from greenlint import Bad, Edit, Evidence, Findings, Fix, Good, Grade, Report, Rule, RuleOptions, on_node, reading
from greenlint.facts import Facts
from greenlint.finding import Applicability
from greenlint.form import Form
from greenlint.suppression_rules import SUPPRESSION_RULES
from greenlint.testing import (
    ExampleFailure,
    RuleCase,
    check_example,
    check_rule,
    rule_examples,
    run_tests,
)
from greenlint.variants import variants

GOOD = Good("fast()", why="it is fast")


class SlowCall(Rule):
    """Flags calls of `slow`.

    They keep the machine busy for nothing.
    """

    name = "slow-call"
    words = (("slow",),)
    message: ClassVar[str] = "the machine is kept busy"
    help_: ClassVar[str | None] = None
    replacement: ClassVar[str | None] = None
    reason: ClassVar[str | None] = "may be late"

    class Options(RuleOptions):
        also: str = "slow"
        """Another name to flag."""

    @on_node("Call")
    def check(self, node: cst.Call, facts: Facts) -> Findings:
        if not isinstance(node.func, cst.Name) or node.func.value not in ("slow", self.options.also):
            return
        fix = None
        if self.replacement is not None:
            edit = Edit(facts.document.span(node.func), self.replacement)
            fix = Fix("call something else", (edit,), Applicability.UNSAFE, self.reason)
        yield Report(node, self.message, help=self.help_, fix=fix)


def rule_with(*examples: Any, base: type[Rule] = SlowCall, **members: Any) -> type[Rule]:
    members.setdefault("__doc__", SlowCall.__doc__)
    return type("Made", (base,), {"name": "slow-call", "examples": examples, "__module__": __name__, **members})


def said(rule: type[Rule]) -> str:
    return "\n".join(map(str, check_rule(rule)))


FIXED: dict[str, Any] = {"replacement": "fast"}
OVERLOOKED = "the rule has a finding in a file that its `frameworks` or `words` rule out"


def test_a_good_rule_passes() -> None:
    rule = rule_with(
        Bad(
            """
            import os

            # nested
            def run(path):
                for each in os.listdir(path):
                    slow(each)  # bad
            """,
            fixed="""
            import os

            # nested
            def run(path):
                for each in os.listdir(path):
                    fast(each)
            """,
        ),
        Bad("other()  # bad", fixed="fast()", options={"also": "other"}, path="src/other.py"),
        GOOD,
        **FIXED,
    )
    assert said(rule) == f"slow-call, example 2: {OVERLOOKED}"
    assert said(rule_with(*rule.examples, words=(), **FIXED)) == ""


REFUSED = {
    "no bad": (rule_with(GOOD), "the rule has no `Bad` example"),
    "no good": (rule_with(Bad("slow()  # bad")), "the rule has no `Good` example"),
    "no docstring": (rule_with(Bad("slow()  # bad"), GOOD, __doc__=""), "the rule has no docstring"),
    "short docstring": (rule_with(Bad("slow()  # bad"), GOOD, __doc__="Short."), "why the pattern wastes energy"),
    "unmarked line": (
        rule_with(Bad("slow()  # bad\nslow()"), GOOD),
        "example 1, line 2: a finding that no mark expects: the machine is kept busy",
    ),
    "mark without finding": (
        rule_with(Bad("slow()  # bad\nfast()  # bad"), GOOD),
        "example 1, line 2: a mark without a finding",
    ),
    "no mark": (rule_with(Bad("fast()"), GOOD), "example 1: no line is marked"),
    "finding in a good example": (
        rule_with(Bad("slow()  # bad"), Good("slow()", why="no")),
        "example 2, line 1: a finding that no mark expects",
    ),
    "mark in a good example": (
        rule_with(Bad("slow()  # bad"), Good("fast()  # bad", why="no")),
        "example 2, line 1: a `Good` example is marked",
    ),
    "good without why": (rule_with(Bad("slow()  # bad"), Good("fast()")), "example 2: `why` does not say"),
    "fix without fixed": (
        rule_with(Bad("slow()  # bad"), GOOD, **FIXED),
        "a fix without `fixed`; it makes this:\nfast()",
    ),
    "fixed without fix": (
        rule_with(Bad("slow()  # bad", fixed="fast()"), GOOD),
        "`fixed` is given, but no finding has a fix",
    ),
    "other fix": (
        rule_with(Bad("slow()  # bad", fixed="quick()"), GOOD, **FIXED),
        "the fix does not make `fixed`:\n--- `fixed`\n+++ what the fix makes\n@@ -1 +1 @@\n-quick()\n+fast()",
    ),
    "fixed does not parse": (
        rule_with(Bad("slow()  # bad", fixed="fast("), GOOD, **FIXED),
        "`fixed` does not parse",
    ),
    "mark in fixed": (
        rule_with(Bad("slow()  # bad", fixed="fast()  # bad"), GOOD, **FIXED),
        "`fixed` holds a line marked",
    ),
    "fix that breaks the code": (
        rule_with(Bad("slow()  # bad", fixed="fast()"), GOOD, replacement="("),
        "the fix leaves code that does not parse",
    ),
    "fix that never ends": (
        rule_with(Bad("slow()  # bad", fixed="slow(slow)()"), GOOD, replacement="slow()"),
        "the fix never comes to rest",
    ),
    "fix without a reason": (
        rule_with(Bad("slow()  # bad", fixed="fast()"), GOOD, **FIXED, reason=" "),
        "the unsafe fix does not say what it may change",
    ),
    "duplicate": (
        rule_with(Bad("slow()  # bad"), GOOD, Good("fast()", why="again")),
        "example 3: the same as example 2",
    ),
    "does not parse": (rule_with(Bad("slow(  # bad"), GOOD), "example 1, line 1: the example does not parse"),
    "capital letter": (
        rule_with(Bad("slow()  # bad"), GOOD, message="The machine is busy"),
        "the message begins with a capital letter",
    ),
    "full stop": (
        rule_with(Bad("slow()  # bad"), GOOD, help_="call fast()."),
        "the help ends with a full stop",
    ),
    "several lines": (
        rule_with(Bad("slow()  # bad"), GOOD, message="one\ntwo"),
        "the message has more than one line",
    ),
    "wrong gate": (
        rule_with(Bad("slow()  # bad"), GOOD, words=(("quick",),)),
        OVERLOOKED,
    ),
    "unknown option": (
        rule_with(Bad("slow()  # bad", options={"nope": 1}), GOOD),
        "the rule cannot be made with these options",
    ),
    "unknown setting": (rule_with(Bad("slow()  # bad", settings={"nope": 1}), GOOD), "no such settings"),
    "unknown form": (rule_with(Bad("slow()  # bad", not_as=("cell",)), GOOD), "`not_as` names no form: `cell`"),
}


@pytest.mark.parametrize(("rule", "expected"), REFUSED.values(), ids=REFUSED)
def test_refuses(rule: type[Rule], expected: str) -> None:
    assert expected in said(rule)


@pytest.mark.parametrize("message", ["DataLoader waits", "`Slow` waits", "GPU waits", "Torch waits", "2 waits ..."])
def test_names_may_begin_a_message(message: str) -> None:
    assert said(rule_with(Bad("slow()  # bad"), GOOD, message=message, frameworks=("slow", "torch_xla"))) == ""


def test_a_crash_is_reported_once_with_its_place() -> None:
    class Crashing(SlowCall):
        """Raises.

        Always.
        """

        name = "crashing"

        @on_node("Name")
        def crash(self, node: cst.Name, facts: Facts) -> Findings:
            raise ZeroDivisionError("by zero")
            yield

        examples = (Bad("slow()  # bad"), GOOD)

    first, second = check_rule(Crashing)
    assert first.message.startswith("the rule raised ZeroDivisionError: by zero (test_testing.py, line ")
    assert (first.example, second.example) == (1, 2)


def test_examples_of_a_rule_that_cannot_be_loaded_are_not_run() -> None:
    (failure,) = check_rule(rule_with("not an example", GOOD))
    assert failure == ExampleFailure("slow-call", "`examples` is not a tuple of `Bad` and `Good`")


def test_files_settings_and_options_reach_the_rule() -> None:
    class Reading(SlowCall):
        """Reads.

        Much.
        """

        name = "reading"

        @on_node("Name")
        def read(self, node: cst.Name, facts: Facts) -> Findings:
            if node.value == "look" and facts.settings.hardware == "gpu" and facts.sources.read("conf.yaml"):
                yield Report(node, "seen")

        examples = (
            Bad("look  # bad", files={"conf.yaml": "a: 1"}, settings={"hardware": "gpu"}),
            Good("look", files={"conf.yaml": "a: 1"}, why="another machine"),
        )
        words = (("look",),)

    assert said(Reading) == ""


# -- forms ------------------------------------------------------------------------------------------------


def find(pattern: str) -> type[Rule]:
    """A rule that looks at the text rather than at the code."""

    class Textual(Rule):
        __doc__ = SlowCall.__doc__
        name = "textual"

        @on_node("Expr")
        def check(self, node: cst.Expr, facts: Facts) -> Iterator[Report]:
            document = facts.document
            cells = 0 if document.cells is None else len(document.cells.starts)
            shown = f"{document.text}{('', 'one cell', 'several cells')[min(cells, 2)]}"
            if pattern in shown.replace("\r\n", "<CRLF>"):
                yield Report(node, "found")

    return Textual


CODE = "import os\n\ndef drop(path):\n    os.remove(path)\n\nname = 'x'\nif True:\n    drop(name)\n"
FORMS = {
    "notebook": "one cell",
    "crlf": "<CRLF>",
    "tabs": "\t",
    "function": "def example",
    "aliases": "_alias",
    "renamed": "v1 = ",
    "comments": "# ---",
    "cells": "several cells",
    "moved": "from moved_helpers import drop",
}


@pytest.mark.parametrize(("form", "pattern"), FORMS.items(), ids=FORMS)
def test_every_example_runs_in_every_form(form: str, pattern: str) -> None:
    rule = rule_with(Good(CODE, why="as written"), base=find(pattern))
    (failure,) = [each for each in check_example(rule, 1) if each.line == 8]
    assert failure == ExampleFailure("slow-call", "a finding that is not there in the example as written", 1, form, 8)
    assert str(failure).startswith(f"slow-call, example 1, line 8 [as {form}]: ")
    left_out = rule_with(Good(CODE, why="as written", not_as=(form,)), base=find(pattern))
    assert check_example(left_out, 1) == []


def test_a_helper_with_a_finding_stays() -> None:
    code = "import os\n\ndef drop(path):\n    os.remove(path)  # bad\n\ndrop(name)  # bad\n"
    rule = rule_with(Bad(code, not_as=("renamed",)), base=find("os.remove(path)"))
    assert "moved" not in {each.form for each in check_example(rule, 1)}


def text_of(form: str, code: str) -> str | None:
    """An example in another form; of a notebook, its cells between lines of ``%%``."""
    document = reading.parse("example.py", code.encode()).document
    assert document is not None
    made = dict(variants(Form("example.py", code), document, {})).get(form)
    if made is None:
        return None
    if made.path.endswith(".ipynb"):
        return "\n%%\n".join("".join(cell["source"]).strip("\n") for cell in json.loads(made.source)["cells"])
    return "".join([made.source, *(f"--- {path}\n{text}" for path, text in made.files.items())])


REARRANGED = {
    "variables": ("renamed", "x = y\nfor z in x:\n    f(x=z).x\n", "v1 = y\nfor v2 in v1:\n    f(x=v2).x\n"),
    "taken names": ("renamed", "x = v1\n", "v2 = v1\n"),
    "parameters": ("renamed", "def f(x):\n    x = 1\nf(x=1)\n", None),
    "attributes of classes": ("renamed", "class A:\n    x = 1\nx = A.x\n", None),
    "imports": ("renamed", "import a\na = 1\n", None),
    "comments stay above": (
        "comments",
        "a\n# why\n@d\ndef f():\n    b\n",
        "\n# ---\na  # +++\n\n# ---\n# why\n@d\ndef f():\n\n    # ---\n    b  # +++\n",
    ),
    "a cell each": ("cells", "import a\n\n# why\nif b:\n    c\nd\n", "import a\n%%\n# why\nif b:\n    c\n%%\nd"),
    "one statement": ("cells", "a\n", None),
    "helpers": (
        "moved",
        "import a\nX = 1\ndef f(y):\n    return a.b(y)\n\ndef g():\n    return f(2)\n\n"
        "def h():\n    return X\n\nf(X)\n",
        "import a\nfrom moved_helpers import f, g\nX = 1\n\n\ndef h():\n    return X\n\nf(X)\n"
        "--- moved_helpers.py\nimport a\ndef f(y):\n    return a.b(y)\ndef g():\n    return f(2)\n",
    ),
    "a name with two meanings": ("moved", "def f(): pass\nf = d(f)\n", None),
}


@pytest.mark.parametrize(("form", "code", "made"), REARRANGED.values(), ids=REARRANGED)
def test_what_is_rearranged(form: str, code: str, made: str | None) -> None:
    assert text_of(form, code) == made


def test_a_finding_that_is_lost_in_a_form_is_reported() -> None:
    rule = rule_with(Bad("import os\nos.remove(path)  # bad\n"), base=find("import os\nos.remove"))
    missing = [each.form for each in check_example(rule, 1)]
    assert missing == ["crlf", "function", "aliases", "comments"]
    assert {each.line for each in check_example(rule, 1)} == {2}


# -- reports ----------------------------------------------------------------------------------------------


def test_report_counts() -> None:
    good = rule_with(Bad("slow()  # bad"), GOOD)
    bad = rule_with(Bad("go()"), GOOD)
    report = run_tests([good, bad])
    assert (report.rules, report.examples, report.ok) == (2, 4, False)
    assert [each.message for each in report.failures] == ["no line is marked with `# bad`"]
    assert run_tests([good]).ok
    assert run_tests(SUPPRESSION_RULES).rules == 0


def test_cases_for_pytest(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "acme_rules_for_cases"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "waits.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    cases = rule_examples("acme_rules_for_cases")
    assert [str(each) for each in cases] == ["waits", "waits-1", "waits-2"]
    for case in cases[:2]:
        case.check()
    with pytest.raises(AssertionError, match="`why` does not say"):
        cases[2].check()


def test_cases_of_a_package_that_does_not_load(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "acme_rules_broken"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "waits.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ImportError, match="no_such_module_anywhere"):
        rule_examples("acme_rules_broken")


PLUGIN = '''
from greenlint import Bad, Good, Rule, on_node


class Waits(Rule):
    """Flags calls of `wait`.

    The machine idles.
    """

    examples = (Bad("wait()  # bad"), Good("go()"))

    @on_node("Call")
    def check(self, node, facts):
        if facts.document.source(node) == "wait()":
            yield self.finding(node, "the machine idles")
'''


# -- the engine's own rules -------------------------------------------------------------------------------


class Named(Rule):
    """Stands for the rule that the examples of the suppression rules name."""

    name = "dataloader-no-workers"
    evidence = (Evidence(Grade.REASONED, "none", "none"),)


OWN = [RuleCase(rule, number, (Named,)) for rule in SUPPRESSION_RULES for number in range(1, len(rule.examples) + 1)]


@pytest.mark.parametrize("case", OWN, ids=str)
def test_examples_of_suppression_rules(case: RuleCase) -> None:
    case.check()


def test_spans_are_not_lines() -> None:
    """A finding counts for the line it begins on."""

    class Wide(SlowCall):
        """Wide.

        Very.
        """

        name = "wide"
        examples = (Bad("slow(  # bad\n    1,\n)\n"), GOOD)

    assert said(Wide) == ""
