"""Defaults that changed between releases. Data only.

Read in the packages before and after, or in their release notes.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CHANGES", "Change"]


@dataclass(frozen=True, slots=True)
class Change:
    """What leaving out ``param`` comes to: ``value`` from release ``since`` on, ``before`` up to then."""

    name: str
    """Canonical name of a callable, or of a global switch (then ``param`` is empty)."""
    param: str
    package: str
    """Import name of the package whose version counts."""
    since: str
    before: object
    value: object


CHANGES: tuple[Change, ...] = (
    Change("torch.backends.cuda.matmul.allow_tf32", "", "torch", "1.12", True, False),
    Change("torch.optim.Optimizer.zero_grad", "set_to_none", "torch", "2.0", False, True),
    Change("transformers.PreTrainedModel.from_pretrained", "dtype", "transformers", "5.0", "float32", "auto"),
    Change("transformers.TrainingArguments", "report_to", "transformers", "5.0", "all", "none"),
    Change("lightning.pytorch.Trainer", "accelerator", "lightning", "2.0", "cpu", "auto"),
    Change("keras.Model.compile", "jit_compile", "keras", "3.0", False, "auto"),
    Change("sklearn.model_selection.GridSearchCV", "cv", "sklearn", "0.22", 3, 5),
    Change("sklearn.model_selection.RandomizedSearchCV", "cv", "sklearn", "0.22", 3, 5),
    Change("sklearn.model_selection.cross_val_score", "cv", "sklearn", "0.22", 3, 5),
    Change("sklearn.model_selection.KFold", "n_splits", "sklearn", "0.22", 3, 5),
    Change("sklearn.model_selection.StratifiedKFold", "n_splits", "sklearn", "0.22", 3, 5),
    Change("sklearn.model_selection.TimeSeriesSplit", "n_splits", "sklearn", "0.22", 3, 5),
    Change("sklearn.ensemble.RandomForestClassifier", "n_estimators", "sklearn", "0.22", 10, 100),
    Change("sklearn.ensemble.RandomForestRegressor", "n_estimators", "sklearn", "0.22", 10, 100),
    Change("sklearn.ensemble.ExtraTreesClassifier", "n_estimators", "sklearn", "0.22", 10, 100),
    Change("sklearn.ensemble.ExtraTreesRegressor", "n_estimators", "sklearn", "0.22", 10, 100),
)
