"""What requirement, lock, launcher and configuration files around a file say, and which of them count."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import UNKNOWN
from greenlint.facts.environment import Environment
from greenlint.facts.sources import EMPTY_PROJECT, DictSources, RunSettings


def environment(
    files: dict[str, str] | None = None,
    *,
    path: str = "train.py",
    text: str = "import torch\n",
    settings: RunSettings | None = None,
) -> Environment:
    document = reading.parse(path, text.encode()).document
    assert document is not None
    return Facts(document, DictSources({path: text, **(files or {})}), settings)[Environment]


def notebook(*lines: str) -> str:
    cell: dict[str, object] = {"cell_type": "code", "metadata": {}, "source": list(lines)}
    return json.dumps(
        {
            "cells": [{**cell, "outputs": [], "execution_count": None}],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        indent=1,
    )


# -- versions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("specifier", "version", "answer"),
    [
        ("==2.1.0", "2.0", True),
        ("==1.13.1", "2.0", False),
        ("==2", "2.0", True),
        ("==2.0", "2.0.0", True),
        ("===2.0.1+cu118", "2.0.1", True),
        ("==2.1.*", "2.1", True),
        ("==2.1.*", "2.1.3", None),
        ("==2.1.*", "2.2", False),
        (">=2.1", "2.0", True),
        (">=1.10", "2.0", None),
        (">1.10", "1.10", True),
        ("<2", "2.0", False),
        ("<2.1", "2.0", None),
        ("<=2.0", "2.0", None),
        ("<=2.0", "2.0.1", False),
        (">=1.8, <2.0", "2.0", False),
        (">=2.0.0,!=2.0.1,<3", "2.0", True),
        ("~=1.13.0", "1.14", False),
        ("~=1.13", "1.14", None),
        ("~=1.13", "2.0", False),
        ("!=1.13", "1.0", None),
        (">=10.2", "9.9", True),
        ("", "1.0", None),
    ],
)
def test_specifiers_answer_at_least(specifier: str, version: str, answer: bool | None) -> None:
    assert environment({"requirements.txt": f"numpy\ntorch{specifier}\n"}).at_least("torch", version) is answer


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "numpy==1.20\ntorch==1.10.2  # the last with our CUDA\n"),
        ("requirements.txt", "torch[opt-einsum] == 1.10.2 ; python_version < '3.11'\n"),
        ("requirements.txt", "torch @ https://download.pytorch.org/whl/cu113/torch-1.10.2%2Bcu113-cp39-linux.whl\n"),
        ("requirements.txt", "--hash=sha256:1 \\\n  x\ntorch==1.10.2 \\\n    --hash=sha256:ab\n"),
        ("constraints.txt", "torch==1.10.2\n"),
        ("requirements/gpu.txt", "torch==1.10.2\n"),
        ("setup.py", "setup(install_requires=['numpy', 'torch==1.10.2'])\n"),
        ("setup.cfg", "[options]\ninstall_requires =\n    numpy\n    torch==1.10.2\n"),
        ("pyproject.toml", '[project]\ndependencies = ["torch==1.10.2"]\n'),
        ("pyproject.toml", '[project.optional-dependencies]\ngpu = ["torch==1.10.2"]\n'),
        ("pyproject.toml", '[dependency-groups]\ndev = [{include-group = "x"}, "torch==1.10.2"]\n'),
        ("pyproject.toml", '[tool.poetry.dependencies]\ntorch = "1.10.2"\n'),
        ("pyproject.toml", '[tool.poetry.group.gpu.dependencies]\ntorch = {version = "1.10.2", optional = true}\n'),
        ("poetry.lock", '[[package]]\nname = "torch"\nversion = "1.10.2"\n\n[package.dependencies]\nx = ">=3"\n'),
        ("uv.lock", '[[package]]\nname = "torch"\nversion = "1.10.2"\nsource = { registry = "r" }\n'),
        ("Pipfile", '[packages]\ntorch = {version = "==1.10.2", index = "pytorch"}\n'),
        ("Pipfile.lock", '{"default": {"torch": {"version": "==1.10.2"}}}'),
        ("environment.yml", "dependencies:\n  - python=3.9\n  - pytorch=1.10.2\n"),
        ("environment.yml", "dependencies:\n  - conda-forge::pytorch=1.10.2=py3.9_cuda11\n"),
        ("conda-gpu.yaml", "dependencies:\n  - pip:\n    - torch==1.10.2\n"),
    ],
)
def test_pins_are_read_in_every_kind_of_file(name: str, text: str) -> None:
    asked = environment({name: text})
    assert asked.version("torch") == (1, 10, 2)
    assert asked.at_least("torch", "1.12") is False
    assert asked.version("numpy") in (None, (1, 20))


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ('torch = "^1.10"', (True, False)),
        ('torch = "~1.10"', (True, False)),
        ('torch = "*"', (None, None)),
        ('torch = ">=1.10 || >=2.0"', (None, None)),
        ('torch = [{version = "1.13", python = "<3.9"}, {version = "2.1", python = ">=3.9"}]', (True, None)),
    ],
)
def test_poetry_constraints(text: str, answers: tuple[bool | None, bool | None]) -> None:
    asked = environment({"pyproject.toml": f"[tool.poetry.dependencies]\n{text}\n"})
    assert (asked.at_least("torch", "1.10"), asked.at_least("torch", "2.0")) == answers


def test_names_that_only_resemble_the_package_are_no_statement() -> None:
    text = "torchvision==0.15\npytorch-ignite==0.4\nmy-torch==9.0\n# torch==1.0\n"
    assert environment({"requirements.txt": text}).version("torch") is None


def test_spellings_and_distribution_names() -> None:
    text = "scikit_learn==0.21.3\nPytorch.Lightning==1.9.5\ntensorflow-gpu==2.10.0\n"
    asked = environment({"requirements.txt": text})
    assert asked.version("sklearn") == asked.version("scikit-learn") == (0, 21, 3)
    assert asked.at_least("lightning", "2.0") is False
    assert asked.at_least("tensorflow", "2.10") is True


def test_included_files_are_followed_once() -> None:
    files = {"requirements.txt": "-r deps/base.txt\n", "deps/base.txt": "torch==2.1\n-r ../requirements.txt\n"}
    assert environment(files).version("torch") == (2, 1)


def test_the_nearest_statement_decides() -> None:
    files = {
        "requirements.txt": "torch==2.1\n",
        "old/requirements.txt": "torch==1.7\n",
        "old/docs/requirements.txt": "sphinx\n",
    }
    assert environment(files, path="old/docs/train.py").version("torch") == (1, 7)
    assert environment(files, path="new/train.py").version("torch") == (2, 1)


def test_statements_that_disagree_are_not_known() -> None:
    asked = environment({"requirements.txt": "torch==1.7\n", "requirements-new.txt": "torch==2.1\n"})
    assert asked.version("torch") is None
    assert asked.at_least("torch", "2.0") is None
    assert asked.at_least("torch", "1.5") is True


def test_a_range_and_a_lock_agree() -> None:
    files = {
        "pyproject.toml": '[project]\ndependencies = ["torch>=1.10"]\n',
        "uv.lock": '[[package]]\nname = "torch"\nversion = "2.4.1"\n',
    }
    assert environment(files).version("torch") == (2, 4, 1)
    assert environment(files).at_least("torch", "2.0") is True


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("!pip install -q torch==1.8.0+cu101 torchvision==0.9.0+cu101 -f https://x.org/torch_stable.html\n", (1, 8, 0)),
        ('%pip install "torch==1.8.0"\n', (1, 8, 0)),
        ("  !python -m pip install torch==1.8.0\n", (1, 8, 0)),
        ("!conda install -y pytorch=1.8.0 -c pytorch\n", (1, 8, 0)),
        ("# !pip install torch==1.8.0\n", (2, 1)),
        ("!pip install -U torch\n", (2, 1)),
    ],
)
def test_a_notebook_says_what_it_installs(line: str, version: tuple[int, ...]) -> None:
    text = notebook("import torch\n", line)
    asked = environment({"requirements.txt": "torch==2.1\n"}, path="demo.ipynb", text=text)
    assert asked.version("torch") == version


def test_a_script_says_what_it_needs_in_its_header() -> None:
    text = '# /// script\n# dependencies = ["torch==2.3"]\n# ///\nimport torch\n'
    assert environment({"requirements.txt": "torch==1.7\n"}, text=text).version("torch") == (2, 3)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[project\n"),
        ("pyproject.toml", "project = 3\n[tool]\npoetry = 1\n"),
        ("Pipfile.lock", "{"),
        ("Pipfile.lock", "[]"),
        ("environment.yml", "\t- : [\n"),
        ("requirements.txt", "==\n-r\n-r ../../outside.txt\n"),
    ],
)
def test_broken_files_say_nothing(name: str, text: str) -> None:
    assert environment({name: text}).at_least("torch", "2.0") is None


def test_without_a_project_nothing_is_known() -> None:
    document = reading.parse("a.py", b"import torch\n").document
    assert document is not None
    asked = Facts(document, EMPTY_PROJECT)[Environment]
    assert asked.version("torch") is None
    assert asked.launcher.precision is None
    assert not asked.mentions("precision")


# -- defaults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pin", "value"), [("==0.21.3", 3), (">=1.0", 5), (">=0.20", UNKNOWN), ("", UNKNOWN), ("<0.22", 3)]
)
def test_defaults_follow_the_version(pin: str, value: object) -> None:
    asked = environment({"requirements.txt": f"scikit-learn{pin}\n"})
    assert asked.default("sklearn.model_selection.KFold", "n_splits") == value


def test_defaults_that_never_changed_need_no_version() -> None:
    asked = environment()
    assert asked.default("torch.utils.data.DataLoader", "num_workers") == 0
    assert asked.default("torch.utils.data.DataLoader", "no_such") is UNKNOWN
    assert asked.default("no.such", "param") is UNKNOWN


# -- configuration -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "precision"),
    [
        ("default_config.yaml", "distributed_type: 'NO'\ndowncast_bf16: 'no'\nmixed_precision: bf16\n", True),
        ("accelerate.yaml", "mixed_precision: 'no'\nnum_processes: 1\n", False),
        ("ds_config.json", '{"fp16": {"enabled": true, "loss_scale": 0}}', True),
        ("ds_config.json", '{"bf16": {"enabled": "auto"}}', True),
        ("ds_config.json", '{"fp16": {"enabled": false}, "bf16": {"enabled": true}}', True),
        ("ds_config.json", '{"fp16": {"enabled": false}, "zero_optimization": {"stage": 2}}', False),
        ("config.yaml", "trainer:\n  max_epochs: 3\n  precision: 16-mixed\n", True),
        ("config.yaml", "trainer: {max_epochs: 3, precision: bf16}\n", True),
        ("config.yaml", "trainer:\n  precision: 32\n", False),
        ("config.yaml", "fp16:\n    enabled: true  # since May\n", True),
        ("config.yaml", "train:\n  - use_amp: true\n", True),
        ("config.yaml", "AMP_OPT_LEVEL: 'O1'\n", True),
        ("config.yaml", "model:\n  torch_dtype: bfloat16\nload: x\n", True),
        ("config.yaml", "load_in_4bit: true\n", True),
        ("conf/config.toml", '[train]\nmixed_precision = "fp16"\n', True),
        ("run.sh", "accelerate launch \\\n  --mixed_precision fp16 train.py\n", True),
        ("run.sh", "python train.py --fp16 --epochs 3\n", True),
        ("run.sh", "python train.py --amp data/\n", True),
        ("run.sh", "python train.py --bf16 True\n", True),
        ("run.sh", "python train.py trainer.precision=16\n", True),
        ("run.sh", "python train.py --precision=32\n", False),
        ("run.sh", "export ACCELERATE_MIXED_PRECISION=bf16\n", True),
        ("run.sh", "# python train.py --fp16\npython train.py\n", None),
        ("config.yaml", "average_precision: false\nmetrics:\n  precision: 0.91\n", None),
        ("config.yaml", "example: true\nsample: auto\namplitude: 1\n", None),
        ("config.yaml", "trainer:\n  precision: null\n", None),
        ("config.yaml", "description: |\n  precision: 16\nlr: 1\n", None),
        ("config.json", '{"model_type": "bert", "torch_dtype": "float32"}', None),
        ("config.yaml", "fp16_backend: auto\n", None),
        ("config.yaml", ":\n\t- [", None),
        ("config.json", "{", None),
    ],
)
def test_files_that_decide_on_precision(name: str, text: str, precision: bool | None) -> None:
    asked = environment({name: text})
    assert asked.launcher.precision is precision
    assert asked.mentions("precision") is (precision is not None)


def test_a_value_filled_in_later_is_a_decision_of_unknown_content() -> None:
    asked = environment({"config.yaml": "trainer:\n  precision: ${precision}\n"})
    assert asked.launcher.precision is None
    assert asked.mentions("precision")


def test_device_and_workers() -> None:
    asked = environment({"config.yaml": "data:\n  num_workers: 0\ndevice: cuda\n"})
    assert asked.launcher.topics == {"device", "workers"}
    offload = '{"zero_optimization": {"offload_param": {"device": "cpu"}}}'
    assert not environment({"ds.json": offload}).mentions("device")


@pytest.mark.parametrize(
    ("config", "path", "near"),
    [
        ("config.yaml", "src/pkg/train.py", True),
        ("configs/model/b5.yaml", "src/pkg/train.py", True),
        ("src/pkg/fp16.yaml", "src/pkg/train.py", True),
        ("src/conf/trainer.yaml", "src/train.py", True),
        ("src/conf/trainer.yaml", "src/pkg/train.py", True),
        ("src/conf/trainer.yaml", "train.py", False),
        ("examples/nlp/config.yaml", "src/train.py", False),
        ("examples/nlp/configs/config.yaml", "examples/vision/train.py", False),
        ("data/labels.yaml", "train.py", False),
        (".pre-commit-config.yaml", "train.py", False),
        ("annotations.json", "train.py", False),
        ("configs/b5.json", "train.py", True),
    ],
)
def test_only_configuration_near_the_file_counts(config: str, path: str, near: bool) -> None:
    assert environment({config: '{"fp16": true}'}, path=path).mentions("precision") is near


def test_large_files_are_data() -> None:
    text = "fp16: true\n" + "x: 1\n" * 50_000
    assert not environment({"config.yaml": text}).mentions("precision")
    wide = "a." * 100_000 + "b = 1\n[train]\nfp16 = true\n"
    assert not environment({"config.toml": wide, "pyproject.toml": wide}).mentions("precision")


class _Counting(DictSources):
    """Sources that remember what was read."""

    def __init__(self, files: dict[str, str]) -> None:
        super().__init__(files)
        self.read_paths: list[str] = []

    def read(self, path: str) -> str | None:
        self.read_paths.append(path)
        return super().read(path)


def _facts(path: str, sources: DictSources) -> Facts:
    document = reading.parse(path, b"import torch\n").document
    assert document is not None
    return Facts(document, sources)


def test_files_are_read_when_asked_for_and_once_for_the_project() -> None:
    sources = _Counting({"requirements.txt": "torch==2.1\n", "configs/a.yaml": "fp16: true\n", "data/many.json": "{}"})
    asked = [_facts(path, sources)[Environment] for path in ("a.py", "src/b.py", "src/c.py")]
    assert sources.read_paths == []
    assert [each.at_least("torch", "2.0") for each in asked] == [True] * 3
    assert _times(sources, "requirements.txt") == 1
    assert _times(sources, "configs/a.yaml") == 0
    assert [each.mentions("precision") for each in asked] == [True] * 3
    assert _times(sources, "configs/a.yaml") == 1
    assert _times(sources, "data/many.json") == 0


def _times(sources: _Counting, path: str) -> int:
    paths: Sequence[str] = sources.read_paths
    return sum(1 for each in paths if each == path)


# -- hardware ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "hardware"),
    [
        (RunSettings(), None),
        (RunSettings("gpu"), "gpu"),
        (RunSettings("cpu"), "cpu"),
        (RunSettings("detect"), "cpu"),
        (RunSettings("detect", ("NVIDIA A100",)), "gpu"),
    ],
)
def test_hardware_is_what_the_settings_say(settings: RunSettings, hardware: str | None) -> None:
    asked = environment(settings=settings)
    assert asked.hardware == hardware
    assert asked.accelerators == settings.accelerators
