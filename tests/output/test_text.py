from __future__ import annotations

import io

import pytest

from greenlint.finding import Applicability, Confidence, Crash, Severity
from greenlint.output.concise import concise
from greenlint.output.formats import Report
from greenlint.output.full import full
from greenlint.output.statistics import statistics, statistics_data
from greenlint.output.terminal import Style, style_for, visible
from greenlint.output.timings import timings
from greenlint.results import FileResult, PlacedFinding, PlacedFix, PlacedRelated, Problem, RunResult

FINDING = PlacedFinding(
    rule="sync-every-step",
    category="transfer",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    message="`.item()` waits for the device in every step",
    line=12,
    column=14,
    end_line=12,
    end_column=25,
    source=("    total += loss.item()",),
    help="add up on the device",
    notes=("one wait costs a launch",),
    related=(PlacedRelated("the training loop", 10, 5), PlacedRelated("called here", 3, 1, path="other.py")),
    fix=PlacedFix("add up tensors", Applicability.SAFE, None, ()),
)
IN_CELL = FINDING._replace(severity=Severity.INFO, line=2, end_line=2, cell=3, fix=None, related=(), rule="a-rule")
RESULT = RunResult(
    (
        FileResult("train.py", (FINDING,), suppressed=(FINDING._replace(line=20, suppressed="measured: no gain"),)),
        FileResult("nb.ipynb", (IN_CELL,), problems=(Problem("syntax", "invalid syntax", 1, 4, 5),)),
        FileResult("clean.py", crashes=(Crash("a-rule", "TypeError: no"),)),
        FileResult("r.ipynb", skipped="its language is R"),
    )
)
PLAIN = Style()


def test_concise_has_a_line_for_each_finding_and_problem_and_a_summary() -> None:
    assert list(concise(Report(RESULT))) == [
        "train.py:12:14: warning sync-every-step [*] `.item()` waits for the device in every step",
        "nb.ipynb:cell 5:1:4: problem syntax invalid syntax",
        "nb.ipynb:cell 3:2:14: info a-rule `.item()` waits for the device in every step",
        "clean.py:1:1: problem rule-crash rule `a-rule` crashed: TypeError: no",
        "found 2 findings (1 warning, 1 info) in 2 files",
        "[*] 1 fixable with `--fix`",
        "checked 3 files",
        "2 files could not be fully analysed",
    ]


def test_quiet_leaves_the_summary_out() -> None:
    assert len(list(concise(Report(RESULT, quiet=True)))) == 4


def test_a_run_without_findings_says_so() -> None:
    assert list(full(Report(RunResult((FileResult("a.py"),))))) == ["checked 1 file, nothing found"]


def test_full_explains_a_finding() -> None:
    lines = list(full(Report(RunResult((RESULT.files[0],)))))

    assert lines[:10] == [
        "train.py:12:14: warning sync-every-step [*] `.item()` waits for the device in every step",
        "   |",
        "12 |     total += loss.item()",
        "   |              ^^^^^^^^^^^",
        "   |",
        "   = help: add up on the device",
        "   = note: one wait costs a launch",
        "   = related: train.py:10:5: the training loop",
        "   = related: other.py:3:1: called here",
        "   = fix: add up tensors",
    ]


def test_suppressed_findings_are_shown_on_demand_with_the_reason() -> None:
    text = "\n".join(full(Report(RESULT, suppressed=True)))

    assert "train.py:20:14: suppressed sync-every-step `.item()`" in text
    assert "= suppressed: measured: no gain" in text
    assert "measured: no gain" not in "\n".join(full(Report(RESULT)))
    assert "found 2 findings" in text


@pytest.mark.parametrize(
    ("fix", "text"),
    [
        (
            PlacedFix("do", Applicability.UNSAFE, "changes rounding", ()),
            "= fix: do (unsafe: changes rounding)",
        ),
        (PlacedFix("do", Applicability.DISPLAY, None, ()), "= fix: do (by hand)"),
    ],
)
def test_fixes_that_are_not_applied_say_why(fix: PlacedFix, text: str) -> None:
    result = RunResult((FileResult("a.py", (FINDING._replace(fix=fix),)),))
    lines = list(full(Report(result)))

    assert any(text in line for line in lines)
    assert not any("[*]" in line for line in lines)


def test_nothing_a_file_holds_reaches_the_terminal_raw() -> None:
    nasty = FINDING._replace(message="a\x1b[2Jb\nc", help="x\ry", source=("\x1b]0;title\x07",))
    text = "\n".join(full(Report(RunResult((FileResult("evil\x1b[1m\n.py", (nasty,)),)))))

    assert "\x1b" not in text
    assert "\r" not in text
    assert "\x07" not in text
    assert "evil\\x1b[1m\\n.py:12:14:" in text


def test_color_only_adds_codes() -> None:
    import re

    colored = "\n".join(full(Report(RESULT, Style(color=True))))

    assert "\x1b[33;1mwarning\x1b[0m" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == "\n".join(full(Report(RESULT)))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "color", "environment", "expected"),
    [
        (io.StringIO(), "auto", {}, False),
        (Terminal(), "auto", {"TERM": "xterm"}, True),
        (Terminal(), "auto", {"TERM": "dumb"}, False),
        (Terminal(), "auto", {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), "auto", {"TERM": "xterm", "NO_COLOR": ""}, True),
        (io.StringIO(), "auto", {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), "auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (io.StringIO(), "always", {"NO_COLOR": "1"}, True),
        (Terminal(), "never", {"FORCE_COLOR": "1", "TERM": "xterm"}, False),
    ],
)
def test_color_follows_flag_then_environment_then_terminal(
    stream: io.StringIO, color: str, environment: dict[str, str], expected: bool
) -> None:
    assert style_for(stream, color, environment).color is expected


def test_visible_keeps_emoji_and_spells_out_controls() -> None:
    assert visible("👩\u200d💻 ok") == "👩\u200d💻 ok"
    assert visible("a\tb\udc80") == "a b\\udc80"


def test_statistics_count_by_rule_and_severity() -> None:
    assert statistics_data(RESULT) == [
        {"rule": "a-rule", "category": "transfer", "severity": "info", "count": 1, "fixable": 0},
        {"rule": "sync-every-step", "category": "transfer", "severity": "warning", "count": 1, "fixable": 1},
    ]
    assert list(statistics(RESULT, PLAIN)) == [
        "1  info     a-rule",
        "1  warning  sync-every-step [*]",
        "found 2 findings (1 warning, 1 info) in 2 files",
        "[*] 1 fixable with `--fix`",
        "checked 3 files",
        "2 files could not be fully analysed",
    ]


def test_timings_sum_phases_and_rank_rules_and_files() -> None:
    files = (
        FileResult("slow.py", seconds=2.0, phases=(("parse", 1.0), ("rule b", 0.25), ("rule a", 0.5))),
        FileResult("fast.py", seconds=0.5, phases=(("parse", 0.25), ("rule b", 0.5))),
        FileResult("old.py", cached=True),
    )
    text = "\n".join(timings(RunResult(files, phases=(("look up", 0.125),)), PLAIN))

    assert "   0.125 s  look up" in text
    assert "   1.250 s  parse" in text
    assert text.index("0.750 s  b") < text.index("0.500 s  a")
    assert text.index("slow.py") < text.index("fast.py")
    assert text.endswith("cache: 1 of 3 files (33 %)")
