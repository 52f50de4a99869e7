"""What decides how a document is checked: files, folders, the editor's settings, and how far a workspace is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lsp.editor import PULLS, Editor, Message
from tests.lsp.servers import server_command
from tests.lsp.waste import RULE, WASTE

OTHER = "cache-flush-in-loop"
BOTH = WASTE.replace("torch.cuda.synchronize()", "torch.cuda.synchronize()\n    torch.cuda.empty_cache()")
RUNNING = "import pathlib\n\npathlib.Path('ran').touch()\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Has a rule of its own, which would leave a trace if it were loaded."""
    (tmp_path / "lint").mkdir()
    (tmp_path / "lint" / "own_rule.py").write_text(RUNNING)
    (tmp_path / "greenlint.toml").write_text(
        f'rule-paths = ["lint"]\nselect = ["own-rule", "unknown-suppression", "{RULE}"]\n\n[rules.own-rule]\nfits = 5\n'
    )
    return tmp_path


def found(editor: Editor, path: Path, text: str = BOTH) -> list[str]:
    return [each["code"] for each in editor.pull(editor.open(path, text))]


def shown(editor: Editor) -> list[str]:
    return [each["params"]["message"] for each in editor.seen if each.get("method") == "window/showMessage"]


def test_no_code_of_a_project_is_run_that_is_not_trusted(editor: Editor, project: Path) -> None:
    editor.begin(options={"trusted": False})
    path, line = project / "train.py", WASTE.count("\n")
    text = f"{WASTE}x = 1  # greenlint: ignore[own-rule] why\n"
    # The rule is known, though nothing but its name.
    assert found(editor, path, text) == [RULE]
    place = {"line": line, "character": text.splitlines()[line].index("own-rule")}
    assert editor.ask("textDocument/hover", textDocument={"uri": path.as_uri()}, position=place)["result"] is None
    editor.ask("workspace/executeCommand", command="greenlint.openPage", arguments=["own-rule"])
    editor.ask("workspace/diagnostic", previousResultIds=[])
    assert not (project / "ran").exists()
    assert shown(editor) == [
        "greenlint: the project's own rules (`rule-paths`) are not loaded: the workspace is not trusted",
        "greenlint: there is no rule `own-rule`",
    ]


def test_what_no_rule_of_the_project_is_called_stays_wrong(editor: Editor, project: Path) -> None:
    (project / "greenlint.toml").write_text('rule-paths = ["lint"]\nselect = ["owm-rule"]\n')
    editor.begin(options={"trusted": False})
    assert found(editor, project / "train.py") == []
    [said] = shown(editor)
    assert "unknown rule or category `owm-rule`" in said


def test_rules_of_a_trusted_project_are_loaded(editor: Editor, project: Path) -> None:
    editor.begin(options={})
    assert found(editor, project / "train.py", WASTE) == [RULE]
    assert (project / "ran").exists()


@pytest.mark.parametrize(
    ("preference", "outside", "inside"),
    [("filesystemFirst", RULE, OTHER), ("editorFirst", RULE, RULE), ("editorOnly", RULE, RULE)],
)
def test_a_file_that_is_for_a_part_of_the_workspace(
    preference: str, outside: str, inside: str, editor: Editor, tmp_path: Path
) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "greenlint.toml").write_text(f'select = ["{OTHER}"]\n')
    editor.begin(options={"select": [RULE], "configurationPreference": preference})
    assert found(editor, tmp_path / "train.py") == [outside]
    assert found(editor, tmp_path / "part" / "train.py") == [inside]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"selct": [RULE]}, "`greenlint.selct` is no setting: did you mean `select`?"),
        ({"extend-select": [RULE]}, "`greenlint.extend-select` is no setting: did you mean `extendSelect`?"),
        ({"rule-paths": ["lint"]}, "`greenlint.rule-paths` is no setting of an editor: `rule-paths` belongs in a "),
    ],
)
def test_names_of_settings_that_are_wrong(settings: Message, said: str, editor: Editor, tmp_path: Path) -> None:
    editor.begin(options={"greenlint": {"select": [RULE], **settings}})
    assert found(editor, tmp_path / "train.py") == [RULE]
    [message] = shown(editor)
    assert message.startswith(f"greenlint: {said}")


def test_a_single_setting_whose_name_is_wrong(editor: Editor, tmp_path: Path) -> None:
    editor.begin(options={"selct": [RULE]})
    assert shown(editor) == ["greenlint: `greenlint.selct` is no setting: did you mean `select`?"]


def test_settings_that_are_for_others(editor: Editor, tmp_path: Path) -> None:
    editor.begin(options={"greenlint": {"interpreter": ["python"], "trace": {"server": "off"}, "select": [RULE]}})
    editor.notify("workspace/didChangeConfiguration", settings={"pylsp": {"plugins": {}}, "python": {"path": "x"}})
    assert found(editor, tmp_path / "train.py") == [RULE]
    assert shown(editor) == []


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[tuple[Editor, Path, Path]]:
    """An editor with two folders."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    editor = Editor(tmp_path, server_command())
    where = [{"uri": each.as_uri(), "name": each.name} for each in (one, two)]
    editor.ask("initialize", processId=None, rootUri=None, workspaceFolders=where, capabilities=PULLS)
    editor.notify("initialized")
    yield editor, one, two
    editor.close()


def test_messages_name_the_folder_where_there_are_more(folders: tuple[Editor, Path, Path]) -> None:
    editor, one, two = folders
    for each in (one, two):
        (each / "greenlint.toml").write_text("slect = []\n")
        assert found(editor, each / "train.py") == []
    said = "greenlint.toml:1:1: unknown key `slect`"
    assert [each.splitlines()[0] for each in shown(editor)] == [
        f"greenlint: in {each}: {said}" for each in ("one", "two")
    ]
