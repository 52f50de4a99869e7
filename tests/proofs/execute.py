"""Runs programs of the proofs, each in a process of its own: ``python execute.py`` with a request in each line.

A request is a list of libraries and one of ``[PROGRAM, OUTCOME, SAID]``, which run at the same time; the answer is the
list of their exit codes. To import the libraries takes longer than most programs do, so processes are forked from one
that has imported them: for each library that the programs need a process forks one that imports it as well, until
other libraries are asked for. The last one imports what the first program imports. So none meets what it does not need.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import random
import runpy
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

SECONDS = 240
"""After which a program is stopped, by an alarm."""


def main() -> None:
    """Answer requests until there are no more."""
    # What libraries and programs read and print must not get among requests and answers.
    requests, answers = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    _answer(requests, answers)


def _answer(requests: int, answers: int) -> None:
    """Answer requests, those for more libraries by a process that has one more."""
    following: _Following | None = None
    with os.fdopen(requests, encoding="utf-8") as lines:
        for line in lines:
            libraries, programs = json.loads(line)
            if not libraries:
                os.write(answers, json.dumps(_run(programs)).encode() + b"\n")
                continue
            if following is None or following.library != libraries[0]:
                if following is not None:
                    following.end()
                following = _Following(libraries[0])
            os.write(answers, following.ask([libraries[1:], programs]))
    if following is not None:
        following.end()


class _Following:
    """A process forked from this one that has imported one more library."""

    def __init__(self, library: str) -> None:
        self.library = library
        requests, self._requests = os.pipe()
        answered, answers = os.pipe()
        self._process = os.fork()
        if self._process:
            os.close(requests)
            os.close(answers)
            self._answered = os.fdopen(answered, "rb")
            return
        os.close(self._requests)
        os.close(answered)
        with contextlib.suppress(Exception):
            importlib.import_module(library)
        _answer(requests, answers)
        sys.exit()

    def ask(self, request: object) -> bytes:
        """The answer; where the process is gone, the end of this one as well, which is seen by whoever asked."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._requests, json.dumps(request).encode() + b"\n")
        return self._answered.readline() or sys.exit(1)

    def end(self) -> None:
        os.close(self._requests)
        self._answered.close()
        os.waitpid(self._process, 0)


def _run(programs: list[list[str]]) -> list[int]:
    """The exit codes of programs."""
    _import_what(Path(programs[0][0]).read_text(encoding="utf-8"))
    running = [_start(*each) for each in programs]
    return [os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in running]


def _import_what(text: str) -> None:
    """Import what a program imports; what fails will fail again in the program, where it is reported."""
    imports = [node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    with contextlib.suppress(Exception):
        exec(compile(ast.Module(list(imports), []), "imports", "exec"), {})


def _start(program: str, outcome: str, said: str) -> int:
    """Fork a process that runs ``program`` and ends as any process does, with what libraries do at the end."""
    process = os.fork()
    if process == 0:
        signal.alarm(SECONDS)
        with Path(said).open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.chdir(Path(program).with_suffix(""))
        _execute(program, outcome)
        sys.exit()
    return process


def _execute(program: str, outcome: str) -> None:
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
    main()
