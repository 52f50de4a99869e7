"""What a rule takes for granted of a file as a whole."""

from __future__ import annotations

import enum

__all__ = ["Premise"]


class Premise(enum.Enum):
    """A condition on a file that its text, and the texts around it, decide: where it fails, the rule does not run."""

    NOT_A_TEST = "not a test"
    LEARNS = "a machine-learning library is imported here or around, or a training script is started"
    NOT_A_BENCHMARK = "not a measurement of speed"
    MAY_HAVE_ACCELERATOR = "the settings do not say that there is no accelerator"
    DECODES = "images, sounds or other files are read here or around"
    CPU_NOT_INTENDED = "no comment, name or library says that a CPU is meant"
    NOT_SCIENCE = "no solver, Gaussian process or second derivative, which need full precision"
    NOT_REINFORCEMENT = "no agent in an environment"
    OWN_STEP = "no framework owns the training step"
    REAL_DATA = "no toy data set and no random tensors"
    NO_TOY_SET = "no toy data set; random tensors may be"
    ON_ACCELERATOR = "the code runs on an accelerator"
    MAYBE_ON_ACCELERATOR = "nothing shows that the code runs on a CPU"
    ON_CPU = "nothing puts the code on an accelerator"
    ON_RANKS = "several processes train together, here or around"
    PRECISION_OPEN = "no decision on precision in the code, around it or at the launcher"
