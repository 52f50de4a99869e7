"""Import statements as text shows them: what they name, which file that is, and who imports whom."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping

import pytest

from greenlint.facts.glance import Glance
from greenlint.facts.imports import REACHABLE, Imports
from greenlint.facts.sources import DictSources, RunSettings


def imports(code: str, files: Mapping[str, str] | None = None, *, path: str = "main.py") -> Imports:
    text = textwrap.dedent(code)
    return Glance(path, text, DictSources({**(files or {}), path: text}), RunSettings())[Imports]


def project(files: Mapping[str, str], path: str) -> Imports:
    """The imports of one of several files."""
    return Glance(path, files[path], DictSources(files), RunSettings())[Imports]


# -- names ---------------------------------------------------------------------------------------------------------

NAMES = {
    "module": ("import torch", ["torch"]),
    "dotted module": ("import torch.nn.functional as F", ["torch.nn.functional"]),
    "several modules": ("import a, b.c as d , e", ["a", "b.c", "e"]),
    "names": ("from a.b import c, d as e", ["a.b.c", "a.b.d"]),
    "relative": ("from . import a\nfrom .b import c\nfrom ...d.e import f", [".a", ".b.c", "...d.e.f"]),
    "relative, without a space": ("from .import a\nfrom ..import b", [".a", "..b"]),
    "star": ("from a import *\nfrom . import *", ["a.*", ".*"]),
    "brackets": ("from a import (b, c)", ["a.b", "a.c"]),
    "brackets without a space": ("from a import(b)", ["a.b"]),
    "brackets over lines": ("from a import (\n    b,  # why, d\n    c as e,\n)\nimport f", ["a.b", "a.c", "f"]),
    "backslash": ("from a import b, \\\n    c\nimport d, \\\n    e as f", ["a.b", "a.c", "d", "e"]),
    "backslash before import": ("from a \\\n    import b", ["a.b"]),
    "comment": ("import a  # b, c\nfrom d import e  # f", ["a", "d.e"]),
    "tabs": ("if x:\n\timport\ta\n\tfrom\tb\timport\tc", ["a", "b.c"]),
    "in functions and tries": ("def f():\n    import a\ntry:\n    from b import c\nexcept E: pass", ["a", "b.c"]),
    "windows line ends": ("import a\r\nfrom b import (\r\n    c,\r\n)\r\n", ["a", "b.c"]),
    "behind a semicolon": ("import a; import_b()", ["a"]),
    "comment of an import": ("# import a\n", []),
    "docstring": ('"""\nimport a\n"""\n', []),
    "names that begin so": ("important = 1\nfrom_a = 2\nimport_b()", []),
    "yield from": ("def f():\n    yield from a\n", []),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("code", "names"), NAMES.values(), ids=NAMES)
def test_names(code: str, names: list[str]) -> None:
    assert list(imports(code).names) == names


def test_stars() -> None:
    code = (
        "from a.b import *\nfrom . import *\nfrom .. import *\nfrom .c import (\n    *\n)\nfrom d import e\nimport f\n"
    )
    assert imports(code).stars == ("a.b", ".", "..", ".c")


# -- paths ---------------------------------------------------------------------------------------------------------

TREE = dict.fromkeys(
    (
        *("top.py", "pkg/__init__.py", "pkg/a.py", "pkg/b.py", "pkg/sub/__init__.py", "pkg/sub/c.py", "loose/d.py"),
        *("src/lib/__init__.py", "src/lib/e.py", "src/flat.py", "pkg/b/__init__.py", "pkg/deep/er/f.py"),
    ),
    "",
)

PATHS = {
    "module beside": ("main.py", "top", "top.py"),
    "package": ("main.py", "pkg", "pkg/__init__.py"),
    "module of a package": ("main.py", "pkg.a", "pkg/a.py"),
    "module before the package of its name": ("main.py", "pkg.b", "pkg/b.py"),
    "package in a package": ("main.py", "pkg.sub", "pkg/sub/__init__.py"),
    "folder that is no package": ("main.py", "loose.d", "loose/d.py"),
    "the folder itself": ("main.py", "loose", None),
    "src": ("main.py", "lib.e", "src/lib/e.py"),
    "src from within": ("src/lib/main.py", "lib.e", "src/lib/e.py"),
    "module in src": ("tests/main.py", "flat", "src/flat.py"),
    "own folder": ("pkg/sub/main.py", "c", "pkg/sub/c.py"),
    "folder above": ("pkg/sub/main.py", "a", "pkg/a.py"),
    "from the root, wherever": ("pkg/sub/main.py", "top", "top.py"),
    "moved inside its package": ("main.py", "pkg.old.f", "pkg/deep/er/f.py"),
    "not there": ("main.py", "pkg.none", None),
    "part of a module": ("main.py", "top.function", None),
    "installed": ("main.py", "torch.nn", None),
    "standard library": ("main.py", "os.path", None),
    "relative, beside": ("pkg/main.py", ".a", "pkg/a.py"),
    "relative, in a package": ("pkg/main.py", ".sub.c", "pkg/sub/c.py"),
    "relative, the package": ("pkg/main.py", ".", "pkg/__init__.py"),
    "relative, above": ("pkg/sub/main.py", "..a", "pkg/a.py"),
    "relative, the package above": ("pkg/sub/main.py", "..", "pkg/__init__.py"),
    "relative is nowhere else": ("pkg/sub/main.py", ".a", None),
    "relative, named as a library": ("pkg/main.py", ".torch", None),
}


@pytest.mark.parametrize(("path", "dotted", "expected"), PATHS.values(), ids=PATHS)
def test_paths(path: str, dotted: str, expected: str | None) -> None:
    found = imports("", TREE, path=path)
    assert [found.path_of(dotted), found.path_of(dotted)] == [expected, expected]


def test_a_module_of_the_project_shadows_a_library() -> None:
    for name in ("datasets", "evaluate", "statistics"):
        assert imports("").path_of(name) is None
        assert imports("", {f"{name}.py": ""}).path_of(name) == f"{name}.py"
        assert imports("", {f"{name}/__init__.py": "", f"{name}/a.py": ""}).path_of(f"{name}.a") == f"{name}/a.py"
        assert imports("", {f"{name}/a.py": ""}).path_of(f"{name}.a") == f"{name}/a.py"


def test_a_module_never_means_itself() -> None:
    files = {"pkg/torch.py": "import torch", "torch.py": "", "pkg/main.py": "import torch"}
    assert project(files, "pkg/torch.py").path_of("torch") == "torch.py"
    assert project(files, "pkg/main.py").path_of("torch") == "pkg/torch.py"
    assert imports("import yaml", path="yaml.py").path_of("yaml") is None


def test_a_moved_module_is_only_taken_when_there_is_one() -> None:
    files = {"pkg/x/f.py": "", "pkg/y/f.py": "", "pkg/x/g.py": "", "other/g.py": ""}
    assert imports("", files).path_of("pkg.old.f") is None
    assert imports("", files).path_of("pkg.old.g") == "pkg/x/g.py"


class Unlisted(DictSources):
    """A project too large to be listed: its files can be read, but nobody knows which there are."""

    def python_files(self) -> list[str]:
        return []


def test_names_of_libraries_stand_for_libraries_where_the_project_is_not_known() -> None:
    sources = Unlisted(dict.fromkeys(("main.py", "torch.py", "json.py", "mine.py", "pkg/torch.py"), ""))
    found = Glance("main.py", "", sources, RunSettings())[Imports]
    assert [found.path_of(name) for name in ("torch", "json", "mine", "pkg.torch", ".torch")] == [
        *(None, None, "mine.py", "pkg/torch.py", "torch.py")
    ]


# -- what is reached -----------------------------------------------------------------------------------------------


def test_reachable_is_nearest_first() -> None:
    files = {
        "main.py": "import torch\nimport a\nfrom pkg import b, Net\n",
        "a.py": "from pkg.sub import c\n",
        "pkg/__init__.py": "from .net import Net\n",
        "pkg/b.py": "import os\n",
        "pkg/net.py": "",
        "pkg/sub/c.py": "import d\n",
        "d.py": "",
        "e.py": "import main\n",
    }
    found = project(files, "main.py").reachable()
    assert found == ["a.py", "pkg/__init__.py", "pkg/b.py", "pkg/sub/c.py", "pkg/net.py", "d.py"]
    assert project(files, "e.py").reachable()[0] == "main.py"


def test_circles_are_walked_once() -> None:
    files = {"a.py": "import b\n", "b.py": "import c\nimport a\n", "c.py": "import b\nimport c\nimport a\n"}
    assert project(files, "a.py").reachable() == ["b.py", "c.py"]
    assert project(files, "c.py").reachable() == ["b.py", "a.py"]
    assert sorted(project(files, "a.py").importing()) == ["b.py", "c.py"]


def test_reachable_ends_somewhere() -> None:
    files = {f"m{number}.py": f"import m{number + 1}\n" for number in range(2 * REACHABLE)}
    assert project(files, "m0.py").reachable() == [f"m{number}.py" for number in range(1, REACHABLE + 1)]


def test_reachable_begins_with_the_text_at_hand() -> None:
    """In an editor the text is newer than the file; in a notebook it is no file."""
    sources = DictSources({"a.py": "", "b.py": "", "main.py": "import a\n", "n.ipynb": "{}"})
    assert Glance("main.py", "import b\n", sources, RunSettings())[Imports].reachable() == ["b.py"]
    assert Glance("n.ipynb", "import a\n", sources, RunSettings())[Imports].reachable() == ["a.py"]


def test_roots() -> None:
    files = {"a.py": "import torch.nn, os\nfrom sklearn.svm import SVC\nfrom .b import c\nfrom d import e\n"}
    assert imports("", files).roots_of("a.py") == {"torch", "os", "sklearn", "", "d"}
    assert imports("", files).roots_of("none.py") == frozenset()


# -- who imports ---------------------------------------------------------------------------------------------------

IMPORTING = {
    "module": "import pkg.net",
    "renamed": "import pkg.net as n",
    "among others": "import os, pkg.net",
    "from the package": "from pkg import net",
    "from the package, over lines": "from pkg import (\n    other,\n    net,\n)",
    "from the package, behind a backslash": "from pkg import other, \\\n    net",
    "from the module": "from pkg.net import Net",
    "everything": "from pkg.net import *",
    "in a function": "def f():\n    from pkg.net import Net",
    "relative": "from .net import Net",
    "relative, beside": "from . import net",
}


@pytest.mark.parametrize("code", IMPORTING.values(), ids=IMPORTING)
def test_importing(code: str) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/net.py": "",
        "pkg/user.py": f"{code}\n",
        "net.py": "",
        "other.py": "import net\n",
    }
    assert project(files, "pkg/net.py").importing() == ["pkg/user.py"]


def test_other_modules_of_the_name_are_not_meant() -> None:
    files = {"a/net.py": "", "b/net.py": "", "a/user.py": "import net\n", "b/user.py": "from . import net\n"}
    assert project(files, "a/net.py").importing() == ["a/user.py"]
    assert project(files, "b/net.py").importing() == ["b/user.py"]


def test_importing_through_a_package_that_exports_it_again() -> None:
    files = {
        "pkg/__init__.py": "from .net import Net\n",
        "pkg/net.py": "class Net: ...\n",
        "user.py": "from pkg import Net\n",
        "stranger.py": "import torch\n",
        "main.py": "import user\n",
    }
    assert project(files, "pkg/net.py").importing() == ["pkg/__init__.py", "user.py"]
    assert project(files, "pkg/__init__.py").importing() == ["user.py"]
    assert project(files, "main.py").importing() == []


def test_importing_names_each_file_once() -> None:
    files = {"pkg/__init__.py": "from . import net\n", "pkg/net.py": "", "user.py": "import pkg\nimport pkg.net\n"}
    assert project(files, "pkg/net.py").importing() == ["pkg/__init__.py", "user.py"]


def test_tests_only_import_tests() -> None:
    files = {"net.py": "", "tests/helper.py": "", "tests/test_net.py": "import net\nimport helper\n"}
    assert project(files, "net.py").importing() == []
    assert project(files, "tests/helper.py").importing() == ["tests/test_net.py"]


def test_files_without_a_name_to_import_are_imported_by_nobody() -> None:
    files = {"__init__.py": "", "my-script.py": "", "user.py": "from . import a\nimport my\n"}
    assert project(files, "__init__.py").importing() == []
    assert project(files, "my-script.py").importing() == []


def test_importing_ends_somewhere() -> None:
    files = {"net.py": "", **{f"user{number:03}.py": "import net\n" for number in range(2 * REACHABLE)}}
    assert len(project(files, "net.py").importing()) == REACHABLE


def test_files_that_share_their_sources_share_answers() -> None:
    sources = DictSources({"a.py": "import b\n", "b.py": ""})
    first = Glance("a.py", "import b\n", sources, RunSettings())[Imports]
    assert first.reachable() is Glance("a.py", "import b\n", sources, RunSettings())[Imports].reachable()
    assert first.roots_of("a.py") is first.roots_of("a.py")


def test_notebooks_import_too() -> None:
    cells = [{"cell_type": "code", "source": ["from net import train\n", "train(model)"]}]
    files = {"net.py": "", "run.ipynb": json.dumps({"cells": cells, "metadata": {}})}
    assert project(files, "net.py").importing() == ["run.ipynb"]


# -- names that others take ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "gives"),
    [
        ("from tools import os", True),
        ("from tools import (\n    run,\n    os as system,\n)", True),
        ("from tools import *", True),
        ("import tools\ntools.os.getcwd()", True),
        ("import os\nimport tools\ntools.run(os)", False),
        ("import os\nfrom tools import run", False),
        ("from elsewhere import *", False),
    ],
)
def test_gives(other: str, gives: bool) -> None:
    files = {"tools.py": "import os\ndef run(x): ...", "main.py": other, "elsewhere.py": ""}
    assert project(files, "tools.py").gives("os") is gives


def test_names_of_functions_elsewhere() -> None:
    files = {
        "train.py": "from net import Net\n",
        "net.py": "class Net:\n    def forward(self): ...\n",
        "other.py": "async def fetch(): ...\n",
        "cells.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": ["def show(x):\n", "    return x\n"]}]}),
    }
    imports = project(files, "train.py")
    assert [name for name in ("forward", "fetch", "show", "backward", "Net") if imports.may_define(name)] == [
        "forward",
        "fetch",
        "show",
    ]


def test_who_is_alone_gets_values_from_nowhere() -> None:
    files = {"train.py": "import torch\n", "net.py": "def forward(): ...\n"}
    imports = project(files, "train.py")
    assert imports.is_alone
    assert not imports.may_define("forward")
    assert not project({"net.py": "", "user.py": "import net\n"}, "net.py").is_alone


def test_a_file_that_nothing_can_import() -> None:
    assert not project({"b[1.py": "x = 1\n", "c.py": "import b\n"}, "b[1.py").gives("x")
