"""What each premise of a rule asks of a file. Text alone answers; importable without libcst."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from greenlint.facts.environment import Environment
from greenlint.facts.frameworks import Frameworks
from greenlint.facts.glance import Glance
from greenlint.premise import Premise

__all__ = ["held"]


def held(premises: Iterable[Premise], glance: Glance) -> bool:
    """Whether a file fulfils all ``premises``; the cheapest are asked first."""
    return all(_TESTS[each](glance) for each in sorted(premises, key=_ORDER.__getitem__))


_TESTS: Mapping[Premise, Callable[[Glance], bool]] = {
    Premise.NOT_A_TEST: lambda glance: not glance[Frameworks].is_test,
    Premise.MAY_HAVE_ACCELERATOR: lambda glance: glance[Environment].hardware != "cpu",
    Premise.LEARNS: lambda glance: glance[Frameworks].learns,
    Premise.NOT_A_BENCHMARK: lambda glance: not glance[Frameworks].is_benchmark,
    Premise.DECODES: lambda glance: glance[Frameworks].decodes,
    Premise.CPU_NOT_INTENDED: lambda glance: not glance[Frameworks].cpu_deliberate,
    Premise.NOT_SCIENCE: lambda glance: not glance[Frameworks].science,
    Premise.NOT_REINFORCEMENT: lambda glance: not glance[Frameworks].reinforcement_learning,
    Premise.OWN_STEP: lambda glance: glance[Frameworks].trainer_owner is None,
    Premise.REAL_DATA: lambda glance: glance[Frameworks].toy_data is None,
    Premise.NO_TOY_SET: lambda glance: glance[Frameworks].toy_data in (None, "random tensors"),
    Premise.ON_ACCELERATOR: lambda glance: glance[Frameworks].gpu_intent is True,
    Premise.MAYBE_ON_ACCELERATOR: lambda glance: glance[Frameworks].gpu_intent is not False,
    Premise.ON_CPU: lambda glance: glance[Frameworks].gpu_intent is False,
    Premise.ON_RANKS: lambda glance: glance[Frameworks].on_ranks,
    Premise.PRECISION_OPEN: lambda glance: glance[Frameworks].precision is False,
}
_ORDER = {premise: number for number, premise in enumerate(_TESTS)}
