from __future__ import annotations

import datetime
import json
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from greenlint.config import Overrides, Resolver
from greenlint.profiles import Profiles
from greenlint.registry import RuleLoader
from greenlint.results import FileResult, RunResult
from greenlint.runner import Runner, RunOptions
from greenlint.session import Session

RULE = '''
"""A rule for tests."""

import os
import signal
import time

from greenlint import Bad, Good, Rule, Severity, on_node


class SlowCall(Rule):
    """Flags calls of `slow_call`."""

    words = (("slow_call",),)
    examples = (Bad("slow_call()  # bad"), Good("fast_call()"))

    @on_node("Call")
    def check(self, node, facts):
        name = getattr(node.func, "value", "")
        if name == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        while name == "hang":
            pass
        while name == "hang_for_good":
            time.sleep(0.01)
        if name == "crash":
            raise ValueError("no")
        if name == "look":
            other = facts.sources.read("other.py")
            yield self.finding(node, f"other.py is {other!r}", severity=Severity.INFO)
        if name == "list_files":
            yield self.finding(node, " ".join(facts.sources.python_files()), severity=Severity.INFO)
        if name == "slow_call":
            yield self.finding(node, "slow", help="use fast_call")
'''
OLD = 1_000_000_000
BAD = "slow_call()\n"

Check = Callable[..., RunResult]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "rules").mkdir(parents=True)
    (root / "rules" / "slow_call.py").write_text(RULE)
    (root / "greenlint.toml").write_text('rule-paths = ["rules"]\nselect = ["slow-call"]\n')
    return root


@pytest.fixture
def check(project: Path) -> Check:
    def run(
        files: Iterable[str],
        options: RunOptions | None = None,
        *,
        gated: bool = True,
        today: datetime.date | None = None,
        **flags: object,
    ) -> RunResult:
        return runner(project, options, gated=gated, today=today, **flags).run(files)

    return run


def runner(
    project: Path,
    options: RunOptions | None = None,
    *,
    gated: bool = True,
    today: datetime.date | None = None,
    **flags: object,
) -> Runner:
    loader = RuleLoader(())
    overrides = Overrides.read(flags={name.replace("_", "-"): value for name, value in flags.items()})
    resolver = Resolver(loader.catalogue, overrides, cwd=project)
    profiles = Profiles(loader.registry, lambda: (), today=today, gated=gated)
    return Runner(
        resolver.settings_for, resolver.settings_for_folder, profiles, options or RunOptions(), cwd=project, today=today
    )


def write(project: Path, **texts: str) -> list[str]:
    """Files with an old time, so that their stamps are trusted; the names of those files."""
    names = []
    for stem, text in texts.items():
        file = project / f"{stem}.py"
        file.write_text(text)
        os.utime(file, (OLD, OLD))
        names.append(file.name)
    return names


def messages(result: RunResult) -> list[str]:
    return [finding.message for finding in result.findings]


def kinds(result: FileResult) -> list[str]:
    return [problem.kind for problem in result.problems]


def test_finds_and_places(project: Path, check: Check) -> None:
    [file] = check(write(project, a="x = 1\nif x:\n    slow_call()\n")).files
    [finding] = file.findings

    assert file.path == "a.py"
    assert (finding.line, finding.column, finding.end_line, finding.end_column) == (3, 5, 3, 16)
    assert finding.source == ("    slow_call()",)
    assert finding.rule == "slow-call"
    assert not file.cached


def test_results_keep_the_order_of_the_files(project: Path, check: Check) -> None:
    names = write(project, b=BAD, a="x = 1\n", c=BAD)

    assert [file.path for file in check(names).files] == ["b.py", "a.py", "c.py"]


def test_a_second_run_answers_from_the_cache_with_the_same_results(project: Path, check: Check) -> None:
    names = write(project, bad=BAD, clean="x = 1\n", wordy="fast = 'slow_call'\n", broken="slow_call(\n")
    first, second = check(names), check(names)

    assert second.files == first.files
    assert second.failed == first.failed
    assert [file.cached for file in first.files] == [False] * 4
    assert [file.cached for file in second.files] == [True] * 4
    assert kinds(first.files[3]) == ["syntax"]


def test_a_changed_file_is_checked_again(project: Path, check: Check) -> None:
    names = write(project, a=BAD, b=BAD)
    check(names)
    write(project, a="fast()\n")
    result = check(names)

    assert [len(file.findings) for file in result.files] == [0, 1]
    assert [file.cached for file in result.files] == [False, True]


def test_a_touched_file_is_not_checked_again(project: Path, check: Check) -> None:
    names = write(project, a=BAD)
    check(names)
    os.utime(project / "a.py", (OLD + 5, OLD + 5))

    assert check(names).files[0].cached


def test_a_file_written_just_now_is_told_apart_by_content(project: Path, check: Check) -> None:
    (project / "a.py").write_text("slow_call(1)\n")
    check(["a.py"])
    (project / "a.py").write_text("fast_call(1)\n")

    assert messages(check(["a.py"])) == []


@pytest.mark.parametrize("flags", [{"ignore": "slow-call"}, {"severity": {"slow-call": "error"}}, {"hardware": "gpu"}])
def test_other_settings_have_results_of_their_own(project: Path, check: Check, flags: dict[str, object]) -> None:
    names = write(project, a=BAD)
    check(names)

    assert not check(names, **flags).files[0].cached
    assert check(names).files[0].cached


def test_a_changed_rule_is_run_again(project: Path, check: Check) -> None:
    import sys

    names = write(project, a=BAD)
    check(names)
    (project / "rules" / "slow_call.py").write_text(RULE.replace('"slow"', '"very slow"'))
    for module in [name for name in sys.modules if name.startswith("greenlint_local_")]:
        del sys.modules[module]

    assert messages(check(names)) == ["very slow"]


def test_a_result_that_rests_on_another_file_falls_with_it(project: Path, check: Check) -> None:
    names = write(project, a="look('slow_call')\n")

    assert messages(check(names)) == ["other.py is None"]
    write(project, other="x = 1\n")
    assert messages(check(names)) == ["other.py is 'x = 1\\n'"]
    assert check(names).files[0].cached
    write(project, other="x = 22\n")
    assert messages(check(names)) == ["other.py is 'x = 22\\n'"]


def test_a_result_that_rests_on_a_listing_falls_with_a_new_file(project: Path, check: Check) -> None:
    names = write(project, a="list_files('slow_call')\n")
    os.utime(project, (OLD, OLD))

    assert messages(check(names)) == ["a.py rules/slow_call.py"]
    assert check(names).files[0].cached
    write(project, b="")
    assert messages(check(names)) == ["a.py b.py rules/slow_call.py"]


def test_without_cache_nothing_is_kept(project: Path, check: Check) -> None:
    check(write(project, a=BAD), RunOptions(cached=False))

    assert not (project / ".greenlint_cache").exists()


def test_a_cache_that_cannot_be_written_is_only_a_warning(project: Path, check: Check) -> None:
    (project / ".greenlint_cache").write_text("in the way")
    result = check(write(project, a=BAD))

    assert messages(result) == ["slow"]
    assert len(result.warnings) == 1
    assert "no cache" in result.warnings[0]


def test_words_rule_files_out_and_the_gate_can_be_left_open(
    project: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = write(project, a="def broken(:\n")

    assert check(names).files == (FileResult("a.py"),)
    assert kinds(check(names, gated=False).files[0]) == ["syntax"]


@pytest.fixture
def many(project: Path) -> list[str]:
    texts = {f"f{number:02}": BAD * (number % 7) + "look('slow_call')\n" for number in range(40)}
    return write(project, **texts, broken="slow_call(\n")


def test_processes_threads_and_this_process_agree(
    check: Check, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    uncached = RunOptions(cached=False)
    serial = check(many, uncached._replace(jobs=1))
    monkeypatch.setattr("greenlint.runner._SERIAL_BYTES", 1)
    monkeypatch.setattr("greenlint.runner._SERIAL_GATE_BYTES", 1)
    monkeypatch.setattr("greenlint.runner._FOREIGN_BATCH", 5)

    assert len(serial.findings) > 100
    assert check(many, uncached._replace(jobs=3)).files == serial.files
    with ThreadPoolExecutor(2) as executor:
        assert check(many, uncached._replace(executor=executor)).files == serial.files


def test_results_of_processes_are_cached_with_what_they_rest_on(
    project: Path, check: Check, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenlint.runner._SERIAL_BYTES", 1)
    first = check(many, RunOptions(jobs=3))
    second = check(many, RunOptions(jobs=3))

    assert second.files == first.files
    assert all(file.cached for file in second.files)
    write(project, other="x = 1\n")
    assert not any(file.cached for file in check(many, RunOptions(jobs=3)).files[:40])


def test_a_file_that_kills_its_process_is_a_problem_and_the_others_have_results(
    project: Path, check: Check, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenlint.runner._SERIAL_BYTES", 1)
    names = sorted([*many, *write(project, f10a="die('slow_call')\n", f30a="die('slow_call')\n")])
    result = check(names, RunOptions(jobs=2))
    troubled = {file.path: kinds(file) for file in result.files if file.problems}

    assert troubled == {"broken.py": ["syntax"], "f10a.py": ["crash"], "f30a.py": ["crash"]}
    assert len(result.files) == len(names)
    assert len(result.findings) == len(check(many, RunOptions(cached=False)).findings)
    assert not next(file for file in check(names, RunOptions(jobs=2)).files if file.path == "f10a.py").cached


def test_a_file_that_takes_too_long_is_skipped_with_a_notice(project: Path, check: Check) -> None:
    started = time.monotonic()
    result = check(write(project, a="hang('slow_call')\n", b=BAD), RunOptions(timeout=0.2))

    assert kinds(result.files[0]) == ["timeout"]
    assert len(result.files[1].findings) == 1
    assert time.monotonic() - started < 5
    assert result.troubled
    assert check(["a.py"], RunOptions(timeout=0.2)).files[0].cached


def test_a_process_that_hangs_for_good_is_ended(
    project: Path, check: Check, many: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenlint.runner._SERIAL_BYTES", 1)
    monkeypatch.setattr("greenlint.pool._PATIENCE", 1.5)
    names = [*many, *write(project, g="hang_for_good('slow_call')\n")]
    result = check(names, RunOptions(jobs=2, timeout=0.5))

    assert kinds(result.files[-1]) == ["timeout"]
    assert len(result.findings) == len(check(many, RunOptions(cached=False)).findings)


def test_a_rule_that_crashes_is_named(project: Path, check: Check) -> None:
    names = write(project, a="crash('slow_call')\n")
    result = check(names)

    assert [(crash.rule, crash.error) for crash in result.files[0].crashes] == [("slow-call", "ValueError: no")]
    assert result.troubled
    assert check(names).files == result.files


def test_files_that_vanish_or_cannot_be_read_are_problems(project: Path, check: Check) -> None:
    (project / "folder.py").mkdir()
    result = check(["gone.py", "folder.py", *write(project, a=BAD)])

    assert [kinds(file) for file in result.files] == [["unreadable"], ["unreadable"], []]
    assert len(result.findings) == 1


def test_the_fail_level_decides_whether_the_run_fails(project: Path, check: Check) -> None:
    names = write(project, a=BAD)

    assert check(names).failed
    assert not check(names, fail_level="error").failed
    assert not check(write(project, b="look('slow_call')\n")).failed


def test_findings_below_the_least_severity_are_left_out(project: Path, check: Check) -> None:
    names = write(project, a="look('slow_call')\nslow_call()\n")

    assert messages(check(names, min_severity="warning")) == ["slow"]
    assert len(messages(check(names))) == 2


def test_expired_suppressions_count_from_the_day_after(project: Path, check: Check) -> None:
    names = write(project, a="slow_call()  # greenlint: ignore[slow-call, until=2026-05-01] measured\n")
    before = check(names, today=datetime.date(2026, 5, 1))
    after = check(names, today=datetime.date(2026, 5, 2))

    assert [len(before.findings), len(before.files[0].suppressed)] == [0, 1]
    assert messages(after) == ["slow"]


def test_related_places_in_other_files_are_shown_from_the_working_directory(
    project: Path, tmp_path: Path, check: Check
) -> None:
    text = RULE.replace(
        'yield self.finding(node, "slow", help="use fast_call")',
        "from greenlint.facts.project import Project\n"
        "            other = facts[Project].at('other.py').document\n"
        "            yield self.finding(node, 'slow', related=[(other.tree.body[0], 'here', other)])",
    )
    (project / "rules" / "slow_call.py").write_text(text)
    import sys

    for module in [name for name in sys.modules if name.startswith("greenlint_local_")]:
        del sys.modules[module]
    write(project, a=BAD, other="x = 1\n")
    for _ in range(2):
        loader = RuleLoader(())
        resolver = Resolver(loader.catalogue, cwd=tmp_path)
        profiles = Profiles(loader.registry, lambda: ())
        above = Runner(resolver.settings_for, resolver.settings_for_folder, profiles, RunOptions(), cwd=tmp_path)
        [finding] = above.run(["project/a.py"]).findings

        assert [each.path for each in finding.related] == ["project/other.py"]


def test_a_text_without_a_file_is_checked_as_if_it_were_the_file(project: Path) -> None:
    write(project, other="x = 1\n", a="fast()\n")
    result = runner(project).run_data("a.py", b"look('slow_call')\nslow_call()\n")

    assert result.files[0].path == "a.py"
    assert messages(result) == ["other.py is 'x = 1\\n'", "slow"]
    assert result.failed


def test_a_text_without_a_name_is_checked_with_the_settings_of_the_working_directory(project: Path) -> None:
    result = runner(project).run_data(None, BAD.encode())

    assert [file.path for file in result.files] == ["-"]
    assert messages(result) == ["slow"]


def test_a_notebook_may_come_as_text(project: Path) -> None:
    notebook = '{"cells": [{"cell_type": "markdown", "source": "x", "metadata": {}}, {"cell_type": "code", "source": "\\nslow_call()", "metadata": {}, "outputs": []}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'  # noqa: E501
    [finding] = runner(project).run_data("nb.ipynb", notebook.encode()).findings

    assert (finding.cell, finding.line, finding.column) == (2, 2, 1)


def test_an_excluded_text_is_left_alone_when_exclusion_is_forced(project: Path) -> None:
    assert messages(runner(project, exclude="gen").run_data("gen/a.py", BAD.encode())) == ["slow"]
    assert messages(runner(project, exclude="gen", force_exclude=True).run_data("gen/a.py", BAD.encode())) == []


def test_each_project_has_a_root_of_its_own(project: Path) -> None:
    for name in ("one", "two"):
        (project / name).mkdir()
        (project / name / "pyproject.toml").write_text("")
        (project / name / "a.py").write_text("list_files('slow_call')\n")
    result = runner(project).run(["one/a.py", "two/a.py"])

    assert messages(result) == ["a.py", "a.py"]


def test_timings_name_phases_and_rules(project: Path, check: Check) -> None:
    result = check(write(project, a=BAD), RunOptions(timed=True))

    assert [name for name, _ in result.files[0].phases] == ["parse", "facts and placing", "rule slow-call"]
    assert {"settings", "cache look-up", "words", "analysis"} <= {name for name, _ in result.phases}


def test_progress_counts_files(project: Path) -> None:
    import contextlib
    from collections.abc import Iterator

    heard: list[int] = []
    totals: list[int] = []

    @contextlib.contextmanager
    def progress(total: int) -> Iterator[Callable[[int], None]]:
        totals.append(total)
        yield heard.append

    names = write(project, a=BAD, b=BAD, c="x = 1\n")
    loader = RuleLoader(())
    resolver = Resolver(loader.catalogue, cwd=project)
    profiles = Profiles(loader.registry, lambda: ())
    Runner(
        resolver.settings_for,
        resolver.settings_for_folder,
        profiles,
        RunOptions(),
        cwd=project,
        progress=progress,
    ).run(names)

    assert totals == [2]
    assert heard == [1, 2]


def test_editors_are_not_told_where_in_a_json_that_they_never_see(tmp_path: Path) -> None:
    head = "import torch\nfor x, y in loader:\n"
    code = f"{head}    loss = f(model(x.cuda()), y.cuda())\n    loss.backward()\n    optimizer.step()\n"
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": f"{code}    torch.cuda.synchronize()"}
    data = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()
    (tmp_path / "n.ipynb").write_bytes(data)
    runner = Session(cwd=tmp_path, isolated=True).runner(RunOptions(jobs=1))
    [stored] = runner.run(["n.ipynb"]).findings
    [shown] = runner.examine("n.ipynb", data).result.findings
    assert stored.stored is not None and shown.stored is None
    assert stored.fix is not None and stored.fix.stored
    assert shown.fix is not None and not shown.fix.stored
    assert (stored.line, stored.message) == (shown.line, shown.message)
