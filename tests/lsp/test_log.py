"""What the server tells of its work, and how much of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lsprotocol import types

from greenlint.scaffold import plan_rule
from tests.lsp.editor import Editor, Message
from tests.lsp.waste import RULE, SETTINGS, WASTE

DEBUG = {**SETTINGS, "logLevel": "debug"}


def logged(editor: Editor, *levels: types.MessageType) -> list[str]:
    """The messages for the log, of some or all levels."""
    said = [each["params"] for each in editor.seen if each.get("method") == "window/logMessage"]
    return [each["message"] for each in said if not levels or each["type"] in levels]


def traced(editor: Editor) -> list[Message]:
    return [each["params"] for each in editor.seen if each.get("method") == "$/logTrace"]


def checks(lines: list[str]) -> list[str]:
    """Of messages those about checks, without the times."""
    return [re.sub(r" in \d+ ms", "", each) for each in lines if " checked in " in each]


def change(editor: Editor, uri: str, text: str) -> None:
    document = {"uri": uri, "version": 2}
    editor.notify("textDocument/didChange", textDocument=document, contentChanges=[{"text": text}])


def configure(editor: Editor, settings: object) -> None:
    editor.notify("workspace/didChangeConfiguration", settings={"greenlint": settings})


def test_what_a_user_wants_to_know(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "greenlint.toml").write_text(f'select = ["{RULE}"]\n')
    editor.begin(options=None)
    uri = editor.open(tmp_path / "train.py", WASTE)
    editor.pull(uri)
    change(editor, uri, f"{WASTE}x = 1\n")
    editor.pull(uri)
    version, configuration = logged(editor)
    assert version.startswith("greenlint ")
    assert configuration == f"{tmp_path / 'train.py'}: configured by {tmp_path / 'greenlint.toml'}"


def test_what_decides(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "greenlint.toml").write_text(f'select = ["{RULE}"]\n')
    editor.begin(options=None)
    near, far = (editor.open(tmp_path / each, WASTE) for each in ("inner/a.py", "b.py"))
    for uri in (near, far):
        editor.pull(uri)
    configure(editor, {"select": [RULE]})
    editor.pull(far)
    configure(editor, {"select": [RULE], "configurationPreference": "editorFirst"})
    editor.pull(near)
    configure(editor, {"enable": False})
    editor.pull(far)
    _, *said = (each.replace(str(tmp_path), "") for each in logged(editor))
    assert said == [
        "/inner/a.py: configured by /inner/greenlint.toml",
        "/b.py: no configuration file applies",
        "/b.py: configured by the editor",
        "/inner/a.py: configured by the editor, then /inner/greenlint.toml",
        "/b.py: checking is switched off",
    ]


def test_each_check(editor: Editor, tmp_path: Path) -> None:
    editor.begin(options=DEBUG)
    path = tmp_path / "train.py"
    uri = editor.open(path, WASTE)
    editor.pull(uri)
    # Nothing has changed, so nothing is checked.
    editor.pull(uri)
    change(editor, uri, WASTE.replace("synchronize()", f"synchronize()  # greenlint: ignore[{RULE}]"))
    editor.pull(uri)
    editor.notify("textDocument/didSave", textDocument={"uri": uri})
    editor.pull(uri)
    editor.pull(editor.open(tmp_path / ".venv" / "library.py", WASTE))
    editor.pull(editor.open(tmp_path / "other.py", "x = 1\n"))
    assert checks(logged(editor, types.MessageType.Log)) == [
        f"{path}: checked (opened): 1 finding",
        f"{path}: checked (edited): 0 findings, 1 suppressed",
        f"{path}: checked ({path} changed): 0 findings, 1 suppressed",
        f"{tmp_path / '.venv' / 'library.py'}: checked (opened): excluded by the configuration",
        f"{tmp_path / 'other.py'}: checked (opened): no rule has to do with its words",
    ]


def test_what_several_ask_for_is_checked_once(editor: Editor, tmp_path: Path) -> None:
    editor.begin(options=DEBUG)
    uri = editor.open(tmp_path / "train.py", WASTE)
    for number in range(8):
        place = {"textDocument": {"uri": uri}, "position": {"line": number, "character": 0}}
        editor.send(id=f"{number}", method="textDocument/hover", params=place)
    editor.pull(uri)
    assert len(checks(logged(editor))) == 1


def test_the_level_changes_at_once(editor: Editor, tmp_path: Path) -> None:
    editor.begin(options={**SETTINGS, "logLevel": "warn"})
    uri = editor.open(tmp_path / "train.py", WASTE)
    editor.pull(uri)
    assert logged(editor) == []
    configure(editor, DEBUG)
    assert len(editor.pull(uri)) == 1
    # What is found does not depend on it.
    assert logged(editor) == []
    assert "workspace/diagnostic/refresh" not in [each.get("method") for each in editor.seen]
    change(editor, uri, f"{WASTE}x = 1\n")
    editor.pull(uri)
    assert len(checks(logged(editor))) == 1


@pytest.mark.parametrize("trace", ["messages", "compact", "verbose"])
def test_a_trace(editor: Editor, tmp_path: Path, trace: str) -> None:
    editor.begin(trace=trace)
    path = tmp_path / "train.py"
    uri = editor.open(path, WASTE)
    editor.pull(uri)
    # What pygls logs of this is not traced, or it would have no end.
    (said,) = traced(editor)
    assert checks([said["message"]]) == [f"{path}: checked (opened): 1 finding"]
    details = said.get("verbose", "").splitlines()[1:]
    assert details == ([] if trace == "messages" else ["configured by the editor", f"{RULE}: 1"])
    assert checks(logged(editor)) == []


def test_a_trace_that_is_switched(editor: Editor, tmp_path: Path) -> None:
    editor.begin()
    uri = editor.open(tmp_path / "train.py", WASTE)
    editor.pull(uri)
    assert traced(editor) == []
    editor.notify("$/setTrace", value="messages")
    change(editor, uri, f"{WASTE}x = 1\n")
    editor.pull(uri)
    (said,) = traced(editor)
    assert "(edited)" in said["message"]
    editor.notify("$/setTrace", value="off")
    change(editor, uri, WASTE)
    editor.pull(uri)
    assert len(traced(editor)) == 1


def test_what_is_cancelled(editor: Editor, tmp_path: Path) -> None:
    editor.begin(options=DEBUG)
    uri = editor.open(tmp_path / "train.py", WASTE)
    place = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}}
    editor.send(id="late", method="textDocument/hover", params=place)
    editor.notify("$/cancelRequest", id="late")
    answered = editor.ask("textDocument/hover", **place)["id"]
    # Editors often do this: the answer was on its way.
    editor.notify("$/cancelRequest", id=answered)
    editor.ask("shutdown")
    assert [each for each in logged(editor) if "was cancelled" in each] == ["textDocument/hover (late) was cancelled"]
    assert (editor.end(), editor.errors()) == (0, "")


def test_what_a_rule_raises(editor: Editor, tmp_path: Path) -> None:
    rule = plan_rule("own-rule", tmp_path / "lint")
    rule.path.parent.mkdir()
    raises = 'raise ZeroDivisionError("out of order")'
    rule.path.write_text(rule.text.replace("        yield", f"        {raises}\n        yield"))
    (tmp_path / "greenlint.toml").write_text('rule-paths = ["lint"]\nselect = ["own-rule"]\n')
    editor.begin(options={"logLevel": "error"})
    (found,) = editor.pull(editor.open(tmp_path / "train.py", "import torch\n\ntorch.cuda.empty_cache()\n"))
    assert found["code"] == "rule-crash"
    (said,) = logged(editor, types.MessageType.Error)
    assert said.startswith(f"{tmp_path / 'train.py'}: rule `own-rule` crashed: Traceback ")
    assert said.rstrip().endswith("ZeroDivisionError: out of order")
    assert "own_rule.py" in said


def test_what_is_shown_is_in_the_log(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "greenlint.toml").write_text('selekt = ["ALL"]\n')
    editor.begin(options={"logLevel": "error"})
    editor.pull(editor.open(tmp_path / "train.py", WASTE))
    (shown,) = [each["params"]["message"] for each in editor.seen if each.get("method") == "window/showMessage"]
    (said,) = logged(editor)
    assert shown == f"greenlint: {said}"
