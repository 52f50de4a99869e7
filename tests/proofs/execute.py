"""Runs one program of the proofs and stores what came of it: ``python execute.py PROGRAM OUTCOME``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import random
import runpy
import sys
import warnings
from pathlib import Path
from typing import Any


def main(program: str, outcome: str) -> None:
    """Run ``program`` and write its ``result``, the state of every random generator and its warnings as JSON."""
    _seed()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result: dict[str, object] = runpy.run_path(program, run_name="__main__")["result"]
    stored = {
        "result": {name: _plain(value) for name, value in result.items()},
        "random": _random_states(),
        "warnings": sorted({f"{each.category.__name__}: {each.message}" for each in caught}),
    }
    Path(outcome).write_text(json.dumps(stored), encoding="utf-8")


def _seed() -> None:
    """Generators that the program leaves alone start alike, too; PyTorch's does so by itself."""
    random.seed(0)
    if importlib.util.find_spec("numpy") is not None:
        importlib.import_module("numpy").random.seed(0)


def _plain(value: Any) -> object:
    """Numbers, exactly; tensors and arrays as lists of them."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.double() if value.is_floating_point() else value
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


def _random_states() -> dict[str, str]:
    states = {"random": repr(random.getstate()).encode()}
    if "numpy" in sys.modules:
        states["numpy"] = repr([_plain(part) for part in sys.modules["numpy"].random.get_state()]).encode()
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        states["torch"] = torch.get_rng_state().numpy().tobytes()
        if torch.cuda.is_available():
            states["cuda"] = torch.cuda.get_rng_state().numpy().tobytes()
    return {name: hashlib.sha256(state).hexdigest() for name, state in states.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
