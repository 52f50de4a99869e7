from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from greenlint.config import Resolver
from greenlint.registry import RuleLoader
from greenlint.rule import Bad, Good
from greenlint.scaffold import FileChange, ScaffoldError, config_template, plan_init, plan_rule, write
from greenlint.selection import RuleCatalogue
from greenlint.toml_text import TomlText


def settings_are_readable(folder: Path) -> bool:
    found = Resolver(lambda _: RuleCatalogue({}), cwd=folder).settings_for(folder / "a.py")
    return found.root == folder and found.file is not None


# init


def test_a_project_without_metadata_gets_a_file_of_its_own(tmp_path: Path) -> None:
    change = plan_init(tmp_path)
    assert change.path == tmp_path / "greenlint.toml"
    assert change.created
    assert change.text == change.added == config_template()
    write(change)
    assert settings_are_readable(tmp_path)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_pyproject_is_extended_at_its_end(tmp_path: Path, newline: str, end: str) -> None:
    before = ('# kept\n[project]\nname = "x"' + end).replace("\n", newline)
    path = tmp_path / "pyproject.toml"
    path.write_bytes(before.encode())
    change = plan_init(tmp_path)
    assert (change.path, change.created) == (path, False)
    write(change)
    after = path.read_bytes().decode()
    assert after.startswith(before)
    assert after.endswith(change.added)
    assert ("\r\n" in after) is (newline == "\r\n" and after.count("\r\n") == after.count("\n"))
    assert TomlText(after).data == {"project": {"name": "x"}, "tool": {"greenlint": {}}}
    assert settings_are_readable(tmp_path)


def test_a_byte_order_mark_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(b"\xef\xbb\xbf[project]\n")
    write(plan_init(tmp_path))
    assert path.read_bytes().startswith(b"\xef\xbb\xbf[project]\n\n[tool.greenlint]\n")


def test_a_file_of_its_own_can_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert plan_init(tmp_path, standalone=True).path == tmp_path / "greenlint.toml"


@pytest.mark.parametrize("standalone", [True, False])
@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("greenlint.toml", "", "exists already"),
        (".greenlint.toml", "", "exists already"),
        ("pyproject.toml", "[tool.greenlint]\n", "has a table [tool.greenlint] already"),
        ("pyproject.toml", "tool.greenlint.jobs = 1\n", "has a table [tool.greenlint] already"),
        ("pyproject.toml", "[tool]\ngreenlint = {}\n", "has a table [tool.greenlint] already"),
        ("pyproject.toml", "[project\n", "cannot be read"),
        ("pyproject.toml", "tool = { x = 1 }\n", "leaves no room"),
        ("pyproject.toml", "tool = 3\n", "cannot be read"),
    ],
)
def test_what_is_there_is_never_overwritten(
    tmp_path: Path, name: str, text: str, message: str, standalone: bool
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ScaffoldError) as caught:
        plan_init(tmp_path, standalone=standalone)
    assert message in str(caught.value)
    assert path.read_text() == text


# new-rule


def test_a_new_rule_loads_and_has_examples(tmp_path: Path) -> None:
    change = plan_rule("loader-made-twice", tmp_path / "loading")
    assert change.path == tmp_path / "loading" / "loader_made_twice.py"
    write(change)
    registry = RuleLoader([]).registry([change.path])
    assert registry.problems == []
    rule = registry.rules["loader-made-twice"]
    assert rule.__name__ == "LoaderMadeTwice"
    assert rule.category.value == "loading"
    assert {type(each) for each in rule.examples} == {Bad, Good}


def test_a_new_rule_finds_its_own_example(tmp_path: Path) -> None:
    from greenlint.engine import analyze
    from greenlint.reading import parse

    change = plan_rule("cache-emptied", tmp_path)
    write(change)
    rule = RuleLoader([]).registry([change.path]).rules["cache-emptied"]()
    for example in rule.examples:
        document = parse("example.py", example.code.encode()).document
        assert document is not None
        analysis = analyze(document, [rule])
        lines = [example.code[: each.span.start].count("\n") for each in analysis.findings]
        marked = [at for at, line in enumerate(example.code.splitlines()) if line.endswith("# bad")]
        assert (lines, analysis.crashes) == (marked, ())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("taken-name", "there is a rule `taken-name` already"),
        ("loading", "`loading` is the name of a category"),
        ("all", "`all` is the name of a category"),
        ("single", "`single` is no rule name: two or more lower-case words with dashes between them"),
        ("MyNewRule", "between them, such as `my-new-rule`"),
        ("my_new_rule", "between them, such as `my-new-rule`"),
        ("my new rule", "between them, such as `my-new-rule`"),
        ("../evil-rule", "`../evil-rule` is no rule name"),
        ("2-fast", "`2-fast` is no rule name"),
        ("a--b", "`a--b` is no rule name"),
        ("", "`` is no rule name"),
        ("test-something", "names of rules do not start with `test-`"),
    ],
)
def test_names_that_are_taken_or_no_names(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ScaffoldError) as caught:
        plan_rule(name, tmp_path, taken={"taken-name"})
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a_rule.py").write_text("mine")
    with pytest.raises(ScaffoldError, match="exists already"):
        plan_rule("a-rule", tmp_path)


# write


def test_a_file_made_in_between_is_kept(tmp_path: Path) -> None:
    change = plan_rule("a-rule", tmp_path)
    change.path.write_text("somebody else's")
    with pytest.raises(ScaffoldError, match="exists already"):
        write(change)
    assert change.path.read_text() == "somebody else's"
    assert [each.name for each in tmp_path.iterdir()] == ["a_rule.py"]


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    change = plan_rule("a-rule", tmp_path)
    write(change)
    assert change.path.read_text() == change.text
    with pytest.raises(ScaffoldError, match="exists already"):
        write(change)
    assert [each.name for each in tmp_path.iterdir()] == ["a_rule.py"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes")
def test_the_mode_of_a_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("[project]\n")
    path.chmod(0o640)
    write(plan_init(tmp_path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("[project]\n")
    (tmp_path / "pyproject.toml").symlink_to("real.toml")
    write(plan_init(tmp_path))
    assert (tmp_path / "pyproject.toml").is_symlink()
    assert "[tool.greenlint]" in (tmp_path / "real.toml").read_text()


def test_failures_are_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ScaffoldError, match="cannot be written: ") as caught:
        write(FileChange(tmp_path / "file" / "a.py", "x", "x", created=True))
    assert "\n" not in str(caught.value)
