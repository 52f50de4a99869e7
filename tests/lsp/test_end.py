"""The server ends when it is told to, whatever it is doing, and leaves nothing half done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from greenlint.scaffold import plan_rule
from tests.lsp.editor import SECONDS, Editor
from tests.lsp.waste import RULE, WASTE

BEGUN = "begun"
ENDLESS = f"""\
        import pathlib, time

        pathlib.Path("{BEGUN}").touch()
        while True:
            time.sleep(0.01)
"""


def leave(editor: Editor) -> None:
    editor.notify("exit")


def say_goodbye(editor: Editor) -> None:
    assert editor.ask("shutdown")["result"] is None
    editor.notify("exit")


def ask_for_a_document(editor: Editor, uri: str) -> None:
    editor.send(id="endless", method="textDocument/diagnostic", params={"textDocument": {"uri": uri}})


def ask_for_all(editor: Editor, _: str) -> None:
    editor.send(id="endless", method="workspace/diagnostic", params={"previousResultIds": []})


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"there is no {path.name}"
        time.sleep(0.01)


@pytest.mark.parametrize(("end", "code"), [(Editor.hang_up, 1), (leave, 1), (say_goodbye, 0)])
@pytest.mark.parametrize("ask", [ask_for_a_document, ask_for_all])
def test_a_check_that_has_no_end(
    ask: Callable[[Editor, str], None],
    end: Callable[[Editor], None],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, pages = tmp_path / "project", tmp_path / "pages"
    rule = plan_rule("own-rule", project / "lint")
    for folder in (project, pages, rule.path.parent):
        folder.mkdir()
    rule.path.write_text(rule.text.replace("        yield", f"{ENDLESS}        yield"))
    (project / "greenlint.toml").write_text(f'rule-paths = ["lint"]\nselect = ["own-rule", "{RULE}"]\n')
    (project / "endless.py").write_text("import torch\n\ntorch.cuda.empty_cache()\n")
    monkeypatch.setenv("TMPDIR", str(pages))
    editor = Editor(project, [sys.executable, "-m", "greenlint", "server"])
    try:
        editor.begin(options=None)
        assert len(editor.pull(editor.open(project / "train.py", WASTE))) == 1
        assert list(pages.iterdir())
        ask(editor, editor.open(project / "endless.py", (project / "endless.py").read_text()))
        wait_for(project / BEGUN)
        end(editor)
        assert editor.process.wait(SECONDS) == code
        assert editor.errors() == ""
    finally:
        editor.close()
    assert list(pages.iterdir()) == []
    assert {each.suffix for each in project.rglob("*")} <= {"", ".py", ".toml", ".json", ".TAG"}
