"""How long an editor waits after a keystroke, and what the server's memory does over thousands of them.

    python -m benchmarks.editor [--lines 1000 --lines 5000] [--dense] [--saves] [--edits 200] [--soak 10000]
    python -m benchmarks.editor --file train.py [--root .] [--edits 200]

A real server over standard input and output holds a training file, a made one or one of yours; each edit writes a
character into the middle of a line or takes it away again, and the next waits for the diagnostics of the last. In a
made file these are the lengths of recordings, in one of yours names and numbers anywhere. Needs the extra ``lsp``; the
soak reads memory from /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import keyword
import os
import random
import statistics
import sys
import tempfile
import time
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from benchmarks.machine import machine_facts

_WARM = 10
"""Edits that do not count: the server has everything to learn."""
_SAMPLES = 100
"""Edits between two looks at the memory."""

_HEAD = '''\
"""Trains networks on recordings."""

import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

'''
_PART = '''\

class Recordings{n}(Dataset):
    """Recordings of folder {n}, cut to one length."""

    def __init__(self, folder, length=16000, noise=0.0{n}):
        self.files = sorted(Path(folder).glob("*.npy"))
        self.length = length
        self.noise = noise

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        wave = np.load(self.files[index]).astype(np.float32)
        start = random.randrange(max(1, len(wave) - self.length))
        wave = wave[start : start + self.length]
        if self.noise:
            wave = wave + self.noise * np.random.standard_normal(len(wave)).astype(np.float32)
        label = int(self.files[index].stem.split("-")[-1])
        return torch.from_numpy(wave), label


class Network{n}(nn.Module):
    def __init__(self, classes, width=64):
        super().__init__()
        self.first = nn.Conv1d(1, width, 9, stride=4)
        self.second = nn.Conv1d(width, 2 * width, 9, stride=4)
        self.norm = nn.BatchNorm1d(2 * width)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, waves):
        hidden = F.relu(self.first(waves.unsqueeze(1)))
        hidden = F.relu(self.norm(self.second(hidden)))
        return self.head(hidden.mean(dim=-1))


def evaluate{n}(model, loader):
    model.eval()
    right = seen = 0
    with torch.no_grad():
        for waves, labels in loader:
            waves, labels = waves.to(device), labels.to(device)
            predicted = model(waves).argmax(dim=-1)
            right += (predicted == labels).sum().item()
            seen += len(labels)
    return right / seen

'''
_TRAINING = """\

def train{n}(folder, epochs=30, batch_size=128, rate=1e-3):
    loader = DataLoader(Recordings{n}(folder / "train"), batch_size=batch_size, shuffle=True)
    checks = DataLoader(Recordings{n}(folder / "check"), batch_size=batch_size)
    model = Network{n}(classes=35).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10)
    criterion = nn.CrossEntropyLoss()
    best = 0.0
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for waves, labels in loader:
            waves, labels = waves.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = criterion(model(waves), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        schedule.step()
        accuracy = evaluate{n}(model, checks)
        print(f"epoch {{epoch}}: loss {{total / len(loader):.4f}}, accuracy {{accuracy:.3f}}")
        if accuracy > best:
            best = accuracy
            torch.save(model.state_dict(), folder / "best.pt")
    return best

"""
_TAIL = """\

if __name__ == "__main__":
    print({calls})
"""


def program(lines: int, *, dense: bool = False) -> str:
    """A training file of about this many lines, with one training, or with as many as find room."""
    part = _PART + _TRAINING if dense else _PART
    parts = max(1, (lines - _HEAD.count("\n") - (0 if dense else _TRAINING.count("\n"))) // part.count("\n"))
    trained = range(1, parts + 1) if dense else (parts,)
    body = "".join((_PART + _TRAINING if each in trained else _PART).format(n=each) for each in range(1, parts + 1))
    calls = ", ".join(f'train{number}(Path("data"))' for number in trained)
    return _HEAD + body + _TAIL.format(calls=calls)


_Place: TypeAlias = tuple[int, int]
"""A line and a column, both from 0."""


def _lengths(text: str) -> list[_Place]:
    """Where the lengths of recordings stand in a made file."""
    lines = enumerate(text.split("\n"))
    return [(at, line.index("16000")) for at, line in lines if "length=16000" in line]


def _words(text: str) -> list[_Place]:
    """Behind the names and numbers of any file, in one random order."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    words = [each for each in tokens if each.type in (tokenize.NAME, tokenize.NUMBER) and each.line.isascii()]
    places = [(each.end[0] - 1, each.end[1]) for each in words if not keyword.iskeyword(each.string)]
    random.Random(1).shuffle(places)
    return places


class _Typed(NamedTuple):
    """A file to type into."""

    path: Path
    root: Path
    """The workspace."""
    text: str
    places: list[_Place]


@contextlib.contextmanager
def _made(text: str) -> Iterator[_Typed]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.py")
        path.write_text(text, encoding="utf-8")
        yield _Typed(path, Path(folder), text, _lengths(text))


class _Editor:
    """A client that types into one file."""

    def __init__(self, client: LanguageClient, typed: _Typed, *, saves: bool = False) -> None:
        self._client, self._uri = client, typed.path.as_uri()
        self._saves = saves
        self._version = 1
        self._places = typed.places

    async def type(self, number: int) -> tuple[float, int]:
        """Write a digit, or take away the last one; the seconds until the diagnostics, and how many."""
        turn, is_there = divmod(number, 2)
        line, column = self._places[turn % len(self._places)]
        self._version += 1
        where = types.Range(types.Position(line, column), types.Position(line, column + is_there))
        change = types.TextDocumentContentChangePartial(where, "" if is_there else "1")
        document = types.VersionedTextDocumentIdentifier(self._version, self._uri)
        started = time.perf_counter()
        self._client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        if self._saves:
            self._client.text_document_did_save(
                types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(self._uri))
            )
        asked = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(self._uri))
        report = await self._client.text_document_diagnostic_async(asked)
        seconds = time.perf_counter() - started
        return seconds, len(getattr(report, "items", ()))


async def _session(typed: _Typed, *, saves: bool = False) -> tuple[LanguageClient, _Editor]:
    client = LanguageClient("benchmark", "1")
    client.feature(types.WINDOW_LOG_MESSAGE)(lambda _: None)
    await client.start_io(sys.executable, "-m", "greenlint", "server")
    pulls = types.TextDocumentClientCapabilities(diagnostic=types.DiagnosticClientCapabilities())
    await client.initialize_async(
        types.InitializeParams(
            capabilities=types.ClientCapabilities(text_document=pulls),
            workspace_folders=[types.WorkspaceFolder(typed.root.as_uri(), "project")],
        )
    )
    client.initialized(types.InitializedParams())
    item = types.TextDocumentItem(typed.path.as_uri(), "python", 1, typed.text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    return client, _Editor(client, typed, saves=saves)


async def _latency(typed: _Typed, edits: int, *, saves: bool) -> str:
    client, editor = await _session(typed, saves=saves)
    measured = [await editor.type(number) for number in range(_WARM + edits)]
    await _end(client)
    seconds = sorted(each for each, _ in measured[_WARM:])
    half, most = statistics.median(seconds), seconds[int(0.95 * (len(seconds) - 1))]
    found = measured[-1][1]
    lines = typed.text.count("\n")
    return f"{typed.path.name}: {lines} lines, {found} findings: p50 {half * 1e3:.0f} ms, p95 {most * 1e3:.0f} ms"


async def _soak(typed: _Typed, edits: int, *, saves: bool) -> list[str]:
    client, editor = await _session(typed, saves=saves)
    sizes: list[float] = []
    for number in range(edits):
        await editor.type(number)
        if number % _SAMPLES == _SAMPLES - 1:
            sizes.append(_resident(client))
    await _end(client)
    tenth = max(1, len(sizes) // 10)
    first, last = statistics.mean(sizes[tenth : 2 * tenth] or sizes), statistics.mean(sizes[-tenth:])
    change = (last / first - 1) * 100
    return [
        f"{edits} edits: {first:.0f} MiB after a tenth, {last:.0f} MiB at the end ({change:+.1f} %)",
        "MiB over time: " + " ".join(f"{each:.0f}" for each in sizes[:: max(1, len(sizes) // 20)]),
    ]


def _resident(client: LanguageClient) -> float:
    """The MiB that the server has in memory."""
    server = client._server
    status = Path(f"/proc/{server.pid if server is not None else 'self'}/status").read_text(encoding="ascii")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return int(kib) / 1024


async def _end(client: LanguageClient) -> None:
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()  # type: ignore[no-untyped-call]


async def _run(options: argparse.Namespace) -> None:
    for name, value in machine_facts(os.cpu_count() or 1, Path(__file__).parent.parent).items():
        print(f"{name}: {value}")
    with contextlib.ExitStack() as stack:
        files = [_given(path, options.root) for path in options.file or ()]
        made = options.lines or ([] if files else [1000, 5000])
        files += [stack.enter_context(_made(program(lines, dense=options.dense))) for lines in made]
        for typed in files:
            print(await _latency(typed, options.edits, saves=options.saves), flush=True)
        if options.soak:
            for line in await _soak(files[0], options.soak, saves=options.saves):
                print(line)


def _given(path: Path, root: Path | None) -> _Typed:
    text = path.read_text(encoding="utf-8")
    return _Typed(path.resolve(), (root or path.parent).resolve(), text, _words(text))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.editor", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--lines", type=int, action="append", help="size of the file [1000 and 5000]")
    parser.add_argument("--dense", action="store_true", help="a training every 75 lines instead of one")
    parser.add_argument("--file", type=Path, action="append", help="a file of yours, which stays as it is")
    parser.add_argument("--root", type=Path, help="the workspace of that [its folder]")
    parser.add_argument("--saves", action="store_true", help="save after each edit, as editors do on their own")
    parser.add_argument("--edits", type=int, default=200, help="edits to measure for each size [200]")
    parser.add_argument("--soak", type=int, default=0, help="edits of the first file to watch the memory over [0]")
    asyncio.run(_run(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
