"""Draws `docs/images/terminal.svg` from a real run over the examples: `python docs/picture.py` (needs rich)."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
COMMAND = ["greenlint", "check", "examples/train_classifier.py", "examples/tune_forest.py"]
SHOWN = "torch-train-without-amp,dataloader-no-workers,exhaustive-grid-search"
_FONTS = re.compile(r"\s*@font-face \{[^}]*\}")
"""Fonts that the picture would fetch from elsewhere."""


def main() -> int:
    run = [sys.executable, "-m", *COMMAND, "--select", SHOWN, "--no-cache", "--color", "always"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    console = Console(record=True, width=144, file=io.StringIO())
    console.print(Text.from_ansi(f"$ {' '.join(COMMAND)} --select {SHOWN}\n\n{done.stdout}{done.stderr}".rstrip()))
    picture = _FONTS.sub("", console.export_svg(title="greenlint"))
    (ROOT / "docs" / "images" / "terminal.svg").write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
