"""What may end a training early, and how long it is."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import Call, Calls
from greenlint.facts.modules import Modules
from greenlint.facts.schedules import Schedules
from greenlint.facts.sources import DictSources, RunSettings


def facts(code: str, files: dict[str, str] | None = None) -> Facts:
    text = textwrap.dedent(code)
    document = reading.parse("train.py", text.encode()).document
    assert document is not None
    every = {name: textwrap.dedent(body) for name, body in (files or {}).items()}
    return Modules.begin(document, DictSources({**every, "train.py": text}), RunSettings())


def fit(code: str, files: dict[str, str] | None = None) -> tuple[Schedules, Call]:
    found = facts("import keras\nfrom keras import callbacks as cb\n" + textwrap.dedent(code), files)
    return found[Schedules], found[Calls].methods("fit")[0]


@pytest.mark.parametrize(
    "code",
    [
        "model.fit(x)",
        "model.fit(x, callbacks=None)",
        "model.fit(x, callbacks=[cb.ModelCheckpoint('m.keras'), cb.TerminateOnNaN()])",
        "every = [cb.CSVLogger('log')]\nevery.append(cb.ReduceLROnPlateau())\nmodel.fit(x, callbacks=every)",
        "def make():\n    return [cb.CSVLogger('log')]\nmodel.fit(x, callbacks=make())",
        "every = [cb.CSVLogger('log')]\nevery += [cb.ReduceLROnPlateau(patience=3)]\nmodel.fit(x, callbacks=every)",
        "class Own(cb.Callback):\n    def on_epoch_end(self, epoch, logs=None):\n        print(logs)\n"
        "model.fit(x, callbacks=[Own()])",
    ],
)
def test_nothing_stops(code: str) -> None:
    schedules, call = fit(code)
    assert schedules.stops(call.argument("callbacks")) is False
    assert not schedules.names_stopping


@pytest.mark.parametrize(
    "code",
    [
        "model.fit(x, callbacks=[cb.EarlyStopping(patience=3)])",
        "stop = cb.EarlyStopping()\nmodel.fit(x, callbacks=[stop, cb.CSVLogger('log')])",
        "every = []\nevery.append(cb.EarlyStopping())\nmodel.fit(x, callbacks=every)",
        "def run(callbacks):\n    model.fit(x, callbacks=callbacks)\nrun([cb.EarlyStopping()])",
        "class Own(cb.Callback):\n    def on_epoch_end(self, epoch):\n        self.model.stop_training = True\n"
        "model.fit(x, callbacks=[Own()])",
    ],
)
def test_something_stops(code: str) -> None:
    schedules, call = fit(code)
    assert schedules.stops(call.argument("callbacks")) is True
    assert schedules.names_stopping


@pytest.mark.parametrize(
    "code",
    [
        "model.fit(x, **options)",
        "from elsewhere import make\nmodel.fit(x, callbacks=make())",
        "from elsewhere import Guard\nmodel.fit(x, callbacks=[Guard()])",
        "def run(callbacks):\n    model.fit(x, callbacks=callbacks)",
        "model.fit(x, callbacks=args.callbacks)",
    ],
)
def test_callbacks_that_cannot_be_seen(code: str) -> None:
    schedules, call = fit(code)
    assert schedules.stops(call.argument("callbacks")) is None


def test_callbacks_made_in_another_module() -> None:
    other = "from keras.callbacks import EarlyStopping\ndef make():\n    return [EarlyStopping()]\n"
    schedules, call = fit("from parts import make\nmodel.fit(x, callbacks=make())", {"parts.py": other})
    assert schedules.stops(call.argument("callbacks")) is True


def test_an_import_and_the_patience_of_a_scheduler_stop_nothing() -> None:
    code = """
    from keras.callbacks import EarlyStopping, ReduceLROnPlateau
    slow = ReduceLROnPlateau(patience=3)
    """
    assert not facts(code)[Schedules].names_stopping
    assert facts("patience = 5\nif waited > patience:\n    stop()")[Schedules].names_stopping


def test_epochs_are_certain_or_a_default() -> None:
    schedules, call = fit("EPOCHS = 40\nmodel.fit(x, epochs=EPOCHS)")
    assert schedules.epochs(call.argument("epochs")) == (40, True)
    code = "parser.add_argument('--epochs', type=int, default=80)\nmodel.fit(x, epochs=parser.parse_args().epochs)"
    schedules, call = fit("import argparse\nparser = argparse.ArgumentParser()\n" + code)
    assert schedules.epochs(call.argument("epochs")) == (80, False)
    schedules, call = fit("model.fit(x, epochs=unknown)")
    assert schedules.epochs(call.argument("epochs")) is None


def test_settings_of_a_trainer() -> None:
    code = """
    from transformers import Trainer, TrainingArguments
    args = TrainingArguments("out", evaluation_strategy="epoch")
    Trainer(model=model, args=args)
    Trainer(model=model, args=TrainingArguments("out"))
    Trainer(model=model, args=elsewhere)
    """
    first, second, third = (Schedules.settings(each) for each in facts(code)[Calls].methods("Trainer"))
    assert first is not None and Schedules.evaluated(first) == "epoch"
    assert second is not None and Schedules.evaluated(second) is None
    assert third is None


def test_lengths_that_are_planned_and_trainings_without_a_measure() -> None:
    assert facts("scheduler = OneCycleLR(optimizer, max_lr=0.1, total_steps=100)")[Schedules].needs_full_length
    assert not facts("scheduler = ReduceLROnPlateau(optimizer)")[Schedules].needs_full_length
    assert facts("discriminator = Discriminator()")[Schedules].open_ended
    assert not facts("model = Model.from_pretrained('bert')")[Schedules].open_ended
