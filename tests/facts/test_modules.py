"""What is kept of a project's modules when one of them is edited."""

from __future__ import annotations

import libcst as cst
import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.imports import Imports
from greenlint.facts.modules import Modules
from greenlint.facts.names import Names
from greenlint.facts.project import Project
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.tree import Tree

FILES = {
    "data.py": "SIZE = 4\n\ndef load():\n    return SIZE\n",
    "model.py": "from data import load\n\ndef build(size):\n    return load()\n",
    "train.py": "from model import build\n\nnet = build(4)\n",
}


class Edited:
    """A project in an editor."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.sources = DictSources(self.files)

    def begin(self, path: str, text: str | None = None) -> Facts:
        if text is not None:
            self.files[path] = text
        document = reading.parse(path, self.files[path].encode()).document
        assert document is not None
        return Modules.begin(document, self.sources, RunSettings())

    def module(self, facts: Facts, name: str) -> Facts:
        found = facts[Project].module(name)
        assert found is not None
        return found


def test_modules_that_do_not_ask_for_the_edited_one_stay_known() -> None:
    project = Edited()
    model = project.module(project.begin("train.py"), "model")
    imports = model[Project]
    after = project.begin("train.py", FILES["train.py"] + "print(net)\n")
    assert project.module(after, "model") is model
    assert model[Project] is imports


def test_what_rests_on_the_edited_module_is_forgotten_and_its_tree_is_not() -> None:
    project = Edited()
    model = project.module(project.begin("train.py"), "model")
    function = model[Tree].of_type(cst.FunctionDef)[0]
    assert len(model[Project].callers(function)) == 1
    names, known = model[Names], model[Project]
    after = project.begin("train.py", FILES["train.py"] + "other = build(5)\n")
    assert project.module(after, "model") is model
    assert model[Names] is names
    assert model[Project] is not known
    assert len(model[Project].callers(function)) == 2


def test_what_rests_on_it_through_another_module_is_forgotten() -> None:
    project = Edited()
    train = project.begin("train.py")
    project.module(project.module(train, "model"), "data")
    known = train[Project]
    project.begin("data.py", FILES["data.py"].replace("4", "8"))
    assert train[Project] is not known


def test_a_new_import_is_followed() -> None:
    project = Edited()
    assert project.begin("train.py")[Imports].reachable() == ["model.py", "data.py"]
    after = project.begin("train.py", "import data\n")
    assert after[Imports].reachable() == ["data.py"]
    assert project.begin("model.py")[Imports].importing() == []


def test_too_much_is_dropped_but_for_what_a_file_rests_on(monkeypatch: pytest.MonkeyPatch) -> None:
    project = Edited()
    project.files["other.py"] = "from lone import a\n"
    project.files["lone.py"] = "a = 1\n"
    lone = project.module(project.begin("other.py"), "lone")
    train = project.begin("train.py")
    model = project.module(train, "model")
    data = project.module(model, "data")
    monkeypatch.setattr("greenlint.facts.modules._MOST", 10)
    assert project.begin("train.py") is train
    after = project.begin("train.py", FILES["train.py"] + "print(net)\n")
    assert project.module(after, "model") is model
    assert project.module(model, "data") is data
    assert project.module(project.begin("other.py"), "lone") is not lone


def test_a_new_function_elsewhere_may_be_called() -> None:
    project = Edited()
    assert not project.begin("train.py")[Project].may_define("fresh")
    project.begin("model.py")
    project.begin("model.py", FILES["model.py"] + "\ndef fresh():\n    pass\n")
    assert project.begin("train.py")[Project].may_define("fresh")


def test_a_call_elsewhere_that_is_new_is_found() -> None:
    project = Edited()
    data = project.begin("data.py")
    function = data[Tree].of_type(cst.FunctionDef)[0]
    project.begin("train.py")
    assert len(data[Project].callers(function)) == 1
    project.begin("model.py")
    project.begin("model.py", FILES["model.py"] + "\nagain = load()\n")
    data = project.begin("data.py")
    assert len(data[Project].callers(data[Tree].of_type(cst.FunctionDef)[0])) == 2


def test_a_saved_file_is_read_again_and_trees_of_others_stay() -> None:
    project = Edited()
    train = project.begin("train.py")
    model = project.module(train, "model")
    data = project.module(model, "data")
    tree, known = model[Tree], model[Project]
    project.files["data.py"] = FILES["data.py"].replace("4", "8")
    Modules.renew(project.sources, {"data.py", "train.py"})
    assert project.begin("train.py") is train
    assert project.module(train, "model") is model
    assert model[Tree] is tree
    assert model[Project] is not known
    assert project.module(model, "data") is not data


def test_after_a_save_what_others_do_is_asked_anew() -> None:
    project = Edited()
    data = project.begin("data.py")
    function = data[Tree].of_type(cst.FunctionDef)[0]
    assert len(data[Project].callers(function)) == 1
    assert not data[Imports].calls_at("train.py", "load")
    project.files["train.py"] = "from data import load\n\nload()\n"
    assert len(data[Project].callers(function)) == 1
    Modules.renew(project.sources, {"train.py"})
    assert data[Imports].calls_at("train.py", "load")
    assert len(project.begin("data.py")[Project].callers(function)) == 2
