"""Which frameworks a file uses, and what this means for precision, devices and data, told from text alone."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from greenlint.facts.environment import Environment
from greenlint.facts.glance import Code, Glance
from greenlint.facts.imports import Imports
from greenlint.facts.sources import code_at, once
from greenlint.knowledge import signals
from greenlint.knowledge.aliases import canonical
from greenlint.knowledge.precision import PRECISION
from greenlint.passage import comments_of

__all__ = ["Frameworks"]


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
    array_files: bool
    ranks: bool


class Frameworks:
    """Frameworks, hardware, precision and data of one file and the project modules around it. ``None``: not known."""

    of_text: ClassVar[bool] = True

    def __init__(self, glance: Glance) -> None:
        self._glance = glance
        self._path = glance.path
        self._imports = glance[Imports]

    # -- frameworks -------------------------------------------------------------------------------------------

    @functools.cached_property
    def roots(self) -> frozenset[str]:
        """The root packages that this file imports, under their canonical names (``"torch"``, ``"keras"``)."""
        found = {canonical(each).split(".")[0] for each in self._imported()}
        if "tensorflow" in found and _KERAS_INSIDE.search(self._glance.text):
            found.add("keras")
        return frozenset(found)

    def uses(self, root: str) -> bool:
        """Whether this file imports the package ``root``."""
        return root in self.roots

    @functools.cached_property
    def learns(self) -> bool:
        """Whether this file or a project module that it imports uses a library that learns, or what was trained."""
        if self.roots & signals.LEARNING_ROOTS or signals.TRAINING_SCRIPT.search(self.code):
            return True
        if signals.MODEL_FILE.search(self.code):
            return True
        reached = (self._imports.roots_of(path) for path in self._imports.reachable())
        return any(roots & signals.LEARNING_ROOTS for roots in reached)

    @functools.cached_property
    def decodes(self) -> bool:
        """Whether this file, or a project module around it, reads images, sounds, volumes or arrays from files."""
        if self.roots & signals.MEDIA_ROOTS or self._code.shows(signals.ARRAY_FILES):
            return True
        around = (*self._imports.reachable(), *self._imports.importing())
        return any(self._imports.roots_of(path) & signals.MEDIA_ROOTS for path in around) or any(
            each.array_files for each in self._around()
        )

    @functools.cached_property
    def trainer_owner(self) -> str | None:
        """The framework that owns the training step or the placement of batches in this file."""
        roots = {*self.roots, *(each.split(".")[0] for each in self._imported())}
        for name, packages, pattern in signals.TRAINERS:
            if roots & packages and pattern.search(self._code.text):
                return name
        return None

    def _imported(self) -> Iterator[str]:
        return (each for each in self._imports.names if not each.startswith("."))

    # -- hardware ---------------------------------------------------------------------------------------------

    @functools.cached_property
    def gpu_intent(self) -> bool | None:
        """Whether this program runs on an accelerator: by its code, or because the settings say so."""
        hardware = self._glance.settings.hardware
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
        if any(each.accelerator for each in self._around()):
            return True
        if self.roots & signals.KERAS_PLACES_ITSELF:
            return None
        every = [self._own, *self._around()]
        if any(each.device for each in every) and not any(each.host for each in every):
            return None
        return False

    @functools.cached_property
    def on_ranks(self) -> bool:
        """Whether this file, or a project module around it, has several processes train together."""
        return self._own.ranks or any(each.ranks for each in self._around())

    @functools.cached_property
    def _notebook_on_accelerator(self) -> bool:
        if not self._glance.is_notebook:
            return False
        raw = self._glance.sources.read(self._path)
        return raw is not None and signals.ACCELERATOR_NOTEBOOK.search(raw) is not None

    @functools.cached_property
    def cpu_deliberate(self) -> bool:
        """Whether the settings, a comment, the file's name or its libraries say that a CPU is meant."""
        if self._glance.settings.hardware == "cpu" or signals.CPU_NAME.search(self._path):
            return True
        if self._code.shows(signals.CPU_STACK):
            return True
        return self._own.host and signals.CPU_REMARK.search(comments_of(self._glance.text)) is not None

    # -- precision --------------------------------------------------------------------------------------------

    @functools.cached_property
    def precision(self) -> bool | None:
        """Whether a decision on numeric precision can be seen anywhere: here, in the modules around, at the launcher.

        ``False`` only when everything that could hold one was read.
        """
        if self._own.precision or any(self._decides(path) for path in self._imports.reachable()):
            return True
        # A module with several users is not decided by one of them.
        users = [self._decides(path) for path in self._imports.importing()]
        if 2 * sum(users) >= max(1, len(users)):
            return True
        if self._glance[Environment].mentions("precision"):
            return True
        return None if self._blind else False

    def _decides(self, path: str) -> bool:
        """Whether what another module says of precision can be about this file's work.

        A second training loop decides for itself.
        """
        other = self._at(path)
        return other.precision and not (other.trains and self._own.trains)

    @functools.cached_property
    def _blind(self) -> bool:
        """Whether names that could decide on precision come from modules that cannot be read."""
        path_of = self._imports.path_of
        for star in self._imports.stars:
            if not _known_library(star) and path_of(star) is None:
                return True
        for dotted in self._imports.names:
            if _known_library(dotted) or not signals.WRITES_PRECISION.search(dotted.rsplit(".", 1)[-1]):
                continue
            if path_of(dotted) is None and path_of(_parent(dotted)) is None:
                return True
        return False

    @functools.cached_property
    def legacy_keras(self) -> bool:
        """Whether this file is written for TensorFlow 1 or a Keras that has no mixed precision policies."""
        return self._code.shows(signals.LEGACY_KERAS)

    # -- data and trades --------------------------------------------------------------------------------------

    @functools.cached_property
    def toy_data(self) -> str | None:
        """The toy data set that this file works on, in words; ``None`` when it is none or not known."""
        own = self._own
        if own.toy is not None:
            return None if own.other_data else own.toy
        if own.other_data:
            return None
        if not self._code.shows(signals.REAL_DATA) and signals.WRITTEN_DATA.search(self.code):
            return None if self._imports.reachable() else "data written out in the code"
        if self._code.shows(signals.RANDOM_TENSOR) and not self._code.shows(signals.REAL_DATA):
            return "random tensors"
        toy = None
        for each in self._around():
            if each.other_data:
                return None
            toy = toy or each.toy
        return toy

    @functools.cached_property
    def reinforcement_learning(self) -> bool:
        """Whether this file trains or runs an agent in an environment."""
        roots = {each.split(".")[0] for each in self._imported()}
        return bool(roots & signals.REINFORCEMENT_ROOTS) or self._code.shows(signals.REINFORCEMENT)

    @functools.cached_property
    def science(self) -> bool:
        """Whether the work here needs float32 or float64: solvers, Gaussian processes, second derivatives."""
        roots = {each.split(".")[0] for each in self._imported()}
        return bool(roots & signals.SCIENCE_ROOTS) or self._code.shows(signals.SCIENCE)

    @functools.cached_property
    def is_test(self) -> bool:
        """Whether this file is a test."""
        return signals.TEST_NAME.search(self._path) is not None

    @functools.cached_property
    def is_benchmark(self) -> bool:
        """Whether this file measures speed."""
        return signals.BENCHMARK_NAME.search(self._path) is not None or (self._code.shows(signals.BENCHMARK_TEXT))

    # -- texts ------------------------------------------------------------------------------------------------

    @property
    def code(self) -> str:
        """The text as patterns search it; see :func:`~greenlint.facts.glance.code_of`."""
        return self._code.text

    @property
    def _code(self) -> Code:
        return self._glance.code

    @functools.cached_property
    def _own(self) -> _Said:
        return _said(self._code)

    def _around(self) -> Iterator[_Said]:
        """What the project modules that this file imports, and those that import it, say; nearest first."""
        for path in (*self._imports.reachable(), *self._imports.importing()):
            yield self._at(path)

    def _at(self, path: str) -> _Said:
        sources = self._glance.sources
        return once(sources, path, Frameworks, lambda: _said(Code.of(code_at(sources, path))))


def _said(code: Code) -> _Said:
    toy = code.search(signals.TOY_DATA)
    return _Said(
        accelerator=code.shows(signals.ACCELERATOR),
        auto_placed=code.shows(signals.AUTO_PLACED),
        device=code.shows(signals.DEVICE),
        host=code.shows(signals.HOST_DEVICE),
        precision=code.shows(PRECISION),
        trains=all(word in code.text for word in signals.OWN_TRAINING),
        array_files=code.shows(signals.ARRAY_FILES),
        ranks=code.shows(signals.RANKS),
        toy=_toy_name(toy) if toy is not None else None,
        other_data=code.shows(signals.OTHER_DATA)
        or (code.shows(signals.OTHER_TABLES) and (toy is None or toy.lastgroup != "vision")),
    )


def _toy_name(match: re.Match[str]) -> str:
    return {"vision": "MNIST-sized images", "tabular": "a toy table", "made": "generated samples"}[
        match.lastgroup or ""
    ]


_KERAS_INSIDE = re.compile(r"\b(?:tf|tensorflow)\.(?:compat\.v1\.)?keras\b")


def _known_library(dotted: str) -> bool:
    root = dotted.split(".")[0]
    return bool(root) and (root in signals.LIBRARY_ROOTS or root in sys.stdlib_module_names)


def _parent(dotted: str) -> str:
    head = dotted.rpartition(".")[0]
    return head if head.strip(".") else dotted[: len(dotted) - len(dotted.lstrip("."))] or dotted
