"""Which frameworks a file uses, and what this means for precision, devices and data, told from text alone."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from greenlint.facts.names import Names
from greenlint.facts.project import Project
from greenlint.knowledge import signals
from greenlint.knowledge.aliases import canonical

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Frameworks", "code_of"]

_TOKEN = re.compile(
    r"(\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')|(#[^\n]*)",
    re.DOTALL,
)


_IMPORTED = re.compile(r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]*(\([^)]*\)|[^\n]*)", re.MULTILINE)
_RENAMED = re.compile(r"\b(torch(?=[ \t]+as)|\w+(?=[ \t]+as[ \t]+\w{3}))[ \t]+as[ \t]+(\w+)")


def code_of(text: str) -> str:
    """``text`` as patterns search it: without comments and docstrings, what is imported under its own name.

    Other strings stay, because options are named in them.
    """
    return _spelled_out(_stripped(text))


def _spelled_out(code: str) -> str:
    """``code`` with ``Net`` for ``Mesh`` after ``from zoo import Net as Mesh``; customary short aliases stay."""
    pairs = (pair for found in _IMPORTED.finditer(code) for pair in _RENAMED.findall(found.group(1)))
    own = {alias: name for name, alias in pairs if name != alias}
    if not own:
        return code
    return re.sub(rf"\b(?:{'|'.join(own)})\b", lambda match: own[match.group()], code)


def _stripped(text: str) -> str:
    """``text`` without comments and docstrings."""

    def kept(match: re.Match[str]) -> str:
        literal: str | None = match.group(1)
        if literal is None:
            return ""
        if literal[:3] in ('"""', "'''") and not text[text.rfind("\n", 0, match.start()) + 1 : match.start()].strip():
            return '""'
        return literal

    return _TOKEN.sub(kept, text)


def _comments_of(text: str) -> str:
    return "\n".join(match.group(0) for match in _TOKEN.finditer(text) if match.group(1) is None)


@dataclass(frozen=True, slots=True)
class _Said:
    """What the text of one module says."""

    accelerator: bool
    auto_placed: bool
    device: bool
    host: bool
    precision: bool
    trains: bool
    """Whether it holds a training loop of its own."""
    toy: str | None
    other_data: bool


class Frameworks:
    """Frameworks, hardware, precision and data of one file and the project modules around it. ``None``: not known."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._path = facts.document.path
        self._text = facts.document.text

    # -- frameworks -------------------------------------------------------------------------------------------

    @functools.cached_property
    def roots(self) -> frozenset[str]:
        """The root packages that this file imports, under their canonical names (``"torch"``, ``"keras"``)."""
        names = self._facts[Names]
        imported = [each.imported or "" for each in names.imports()] + names.star_imports
        found = {canonical(each).split(".")[0] for each in imported if each and not each.startswith(".")}
        if "tensorflow" in found and re.search(r"\b(?:tf|tensorflow)\.(?:compat\.v1\.)?keras\b", self._text):
            found.add("keras")
        return frozenset(found)

    def uses(self, root: str) -> bool:
        """Whether this file imports the package ``root``."""
        return root in self.roots

    @functools.cached_property
    def trainer_owner(self) -> str | None:
        """The framework that owns the training step or the placement of batches in this file."""
        roots = {*self.roots, *(each.split(".")[0] for each in self._imported())}
        for name, packages, pattern in signals.TRAINERS:
            if roots & packages and pattern.search(self.code):
                return name
        return None

    def _imported(self) -> Iterator[str]:
        for each in self._facts[Names].imports():
            if each.imported and not each.imported.startswith("."):
                yield each.imported

    # -- hardware ---------------------------------------------------------------------------------------------

    @functools.cached_property
    def gpu_intent(self) -> bool | None:
        """Whether this program runs on an accelerator: by its code, or because the settings say so."""
        hardware = self._facts.settings.hardware
        if hardware == "cpu":
            return False
        in_code = self.gpu_in_code
        if hardware == "gpu" and not (in_code is False and self._own.host):
            return True
        return in_code

    @functools.cached_property
    def gpu_in_code(self) -> bool | None:
        """Whether this file, or the project modules around it, put things on an accelerator."""
        if self._own.accelerator or self._own.auto_placed or self._notebook_on_accelerator:
            return True
        around = list(self._around())
        if any(each.accelerator for each in around):
            return True
        if self.roots & signals.KERAS_PLACES_ITSELF:
            return None
        every = [self._own, *around]
        if any(each.device for each in every) and not any(each.host for each in every):
            return None
        return False

    @functools.cached_property
    def _notebook_on_accelerator(self) -> bool:
        if not self._facts.document.is_notebook:
            return False
        raw = self._facts.sources.read(self._path)
        return raw is not None and signals.ACCELERATOR_NOTEBOOK.search(raw) is not None

    @functools.cached_property
    def cpu_deliberate(self) -> bool:
        """Whether the settings, a comment, the file's name or its libraries say that a CPU is meant."""
        if self._facts.settings.hardware == "cpu" or signals.CPU_NAME.search(self._path):
            return True
        if signals.CPU_STACK.search(self.code):
            return True
        return self._own.host and signals.CPU_REMARK.search(_comments_of(self._text)) is not None

    # -- precision --------------------------------------------------------------------------------------------

    @functools.cached_property
    def precision(self) -> bool | None:
        """Whether a decision on numeric precision can be seen anywhere: here, in the modules around, at the launcher.

        ``False`` only when everything that could hold one was read.
        """
        from greenlint.facts.environment import Environment

        project = self._facts[Project]
        if self._own.precision or any(self._decides(path) for path in project.reachable()):
            return True
        # A module with several users is not decided by one of them.
        users = [self._decides(path) for path in project.importing()]
        if 2 * sum(users) >= max(1, len(users)):
            return True
        if self._facts[Environment].mentions("precision"):
            return True
        return None if self._blind else False

    def _decides(self, path: str) -> bool:
        """Whether what another module says of precision can be about this file's work.

        A second training loop decides for itself.
        """
        other = self._at(path, None)
        return other.precision and not (other.trains and self._own.trains)

    @functools.cached_property
    def _blind(self) -> bool:
        """Whether names that could decide on precision come from modules that cannot be read."""
        names, project = self._facts[Names], self._facts[Project]
        for star in names.star_imports:
            if not _known_library(star) and project.path_of(star) is None:
                return True
        for each in names.imports():
            dotted = each.imported or ""
            if _known_library(dotted) or not signals.WRITES_PRECISION.search(dotted.rsplit(".", 1)[-1]):
                continue
            if project.path_of(dotted) is None and project.path_of(_parent(dotted)) is None:
                return True
        return False

    @functools.cached_property
    def legacy_keras(self) -> bool:
        """Whether this file is written for TensorFlow 1 or a Keras that has no mixed precision policies."""
        return signals.LEGACY_KERAS.search(self.code) is not None

    # -- data and trades --------------------------------------------------------------------------------------

    @functools.cached_property
    def toy_data(self) -> str | None:
        """The toy data set that this file works on, in words; ``None`` when it is none or not known."""
        own = self._own
        if own.toy is not None:
            return None if own.other_data else own.toy
        if own.other_data:
            return None
        if signals.RANDOM_TENSOR.search(self.code) and not signals.REAL_DATA.search(self.code):
            return "random tensors"
        around = [each for each in self._around() if each.toy is not None or each.other_data]
        if around and not any(each.other_data for each in around):
            return next(each.toy for each in around if each.toy is not None)
        return None

    @functools.cached_property
    def reinforcement_learning(self) -> bool:
        """Whether this file trains or runs an agent in an environment."""
        roots = {each.split(".")[0] for each in self._imported()}
        return bool(roots & signals.REINFORCEMENT_ROOTS) or signals.REINFORCEMENT.search(self.code) is not None

    @functools.cached_property
    def science(self) -> bool:
        """Whether the work here needs float32 or float64: solvers, Gaussian processes, second derivatives."""
        roots = {each.split(".")[0] for each in self._imported()}
        return bool(roots & signals.SCIENCE_ROOTS) or signals.SCIENCE.search(self.code) is not None

    @functools.cached_property
    def is_test(self) -> bool:
        """Whether this file is a test."""
        return signals.TEST_NAME.search(self._path) is not None

    @functools.cached_property
    def is_benchmark(self) -> bool:
        """Whether this file measures speed."""
        return signals.BENCHMARK_NAME.search(self._path) is not None or (
            signals.BENCHMARK_TEXT.search(self.code) is not None
        )

    # -- texts ------------------------------------------------------------------------------------------------

    @functools.cached_property
    def code(self) -> str:
        """The text as patterns search it; see :func:`code_of`."""
        return code_of(self._text)

    @functools.cached_property
    def _own(self) -> _Said:
        return _said(self.code)

    def _around(self) -> Iterator[_Said]:
        """What the project modules that this file imports, and those that import it, say; nearest first."""
        project = self._facts[Project]
        for path in project.reachable():
            yield self._at(path, None)
        for path in project.importing():
            yield self._at(path, None)

    def _at(self, path: str, text: str | None) -> _Said:
        memo = self._facts.sources.shared()
        key = ("said", path)
        if key not in memo:
            read = text if text is not None else self._facts.sources.read(path)
            memo[key] = _said(code_of(read or ""))
        return cast("_Said", memo[key])


def _said(code: str) -> _Said:
    from greenlint.knowledge.precision import PRECISION

    toy = signals.TOY_DATA.search(code)
    return _Said(
        accelerator=signals.ACCELERATOR.search(code) is not None,
        auto_placed=signals.AUTO_PLACED.search(code) is not None,
        device=signals.DEVICE.search(code) is not None,
        host=signals.HOST_DEVICE.search(code) is not None,
        precision=PRECISION.search(code) is not None,
        trains=all(word in code for word in signals.OWN_TRAINING),
        toy=_toy_name(toy) if toy is not None else None,
        other_data=signals.OTHER_DATA.search(code) is not None
        or (signals.OTHER_TABLES.search(code) is not None and (toy is None or toy.lastgroup != "vision")),
    )


def _toy_name(match: re.Match[str]) -> str:
    return {"vision": "MNIST-sized images", "tabular": "a toy table", "made": "generated samples"}[
        match.lastgroup or ""
    ]


def _known_library(dotted: str) -> bool:
    root = dotted.split(".")[0]
    return bool(root) and (root in signals.LIBRARY_ROOTS or root in sys.stdlib_module_names)


def _parent(dotted: str) -> str:
    head = dotted.rpartition(".")[0]
    return head if head.strip(".") else dotted[: len(dotted) - len(dotted.lstrip("."))] or dotted
