"""Apply every fix to mutated real code and say what goes wrong.

    python -m benchmarks.fuzz_fixes FOLDER [--files N] [--seed N]

Wasteful code, the `Bad` examples of the rules, is put into files of FOLDER at a random place, as it is or inside a
function, a method, a `try` or an `if`. Short statements are joined by semicolons, commas in brackets get line ends and
comments, lines get comments behind them, and the file Windows line ends, no last line end or the shape of a notebook.
Then all fixes are made, unsafe ones included. What comes out must parse and compile, must have nothing left to fix,
must keep every comment but greenlint's own, and every byte outside the edits.
"""

from __future__ import annotations

import argparse
import ast
import io
import itertools
import json
import random
import re
import sys
import textwrap
import tokenize
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from greenlint.document import Document
from greenlint.engine import analyze
from greenlint.finding import Edit, Finding
from greenlint.fixer import UNSAFE, apply_to_source, fix
from greenlint.reading import UnreadableError, parse
from greenlint.registry import RuleLoader
from greenlint.rule import MARK, Bad, Rule
from greenlint.suppression_rules import SUPPRESSION_RULES

_LARGEST = 60_000
"""Characters of a file; larger ones only take time."""
_OPENING = re.compile(r"(?:import|from|class|def|if|for|with|try|@)\b|[A-Za-z_]\w* = |@")


@dataclass
class Tally:
    """What came of all files."""

    files: int = 0
    applied: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Mutate, fix, compare; exit code 1 when something went wrong."""
    options = _options(arguments)
    warnings.simplefilter("ignore")
    source = random.Random(options.seed)
    files = sorted(each for each in options.folder.rglob("*.py") if each.stat().st_size < _LARGEST)
    rules = [_made(rule) for rule in RuleLoader(["greenlint_rules"]).registry().rules.values()]
    fuzz = _Fuzz(rules, source)
    for path in source.sample(files, min(options.files, len(files))):
        fuzz.file(path)
    tally = fuzz.tally
    for problem in tally.problems:
        print(problem)
    print(f"{tally.files} files ({', '.join(f'{n} {shape}' for shape, n in tally.shapes.most_common())})")
    print(f"{tally.applied.total()} fixes of {len(tally.applied)} rules, {len(tally.problems)} problems")
    for rule, count in sorted(tally.applied.items()):
        print(f"  {count:5} {rule}")
    return int(bool(tally.problems))


class _Fuzz:
    def __init__(self, rules: Sequence[Rule], source: random.Random) -> None:
        self._rules = rules
        self._source = source
        self._examples = [made for rule in rules if (made := list(_fixable(rule)))]
        self.tally = Tally()

    def file(self, path: Path) -> None:
        """Mutate one file, fix it and look at the outcome."""
        try:
            text = path.read_text("utf-8")
            compile(text, str(path), "exec")
        except (UnicodeDecodeError, SyntaxError, ValueError):
            return
        name, mutated, shape = self._mutated(text.replace("\r\n", "\n"))
        if mutated is None:
            return
        self.tally.files += 1
        self.tally.shapes[shape] += 1
        try:
            for problem in self._problems(name, mutated):
                self.tally.problems.append(f"{path}: {shape}: {problem}")
        except Exception:
            self.tally.problems.append(f"{path}: {shape}: {traceback.format_exc()}")

    # -- mutating ----------------------------------------------------------------------------------------

    def _mutated(self, text: str) -> tuple[str, str | None, str]:
        source = self._source
        example = _joined(source.choice(source.choice(self._examples)), source)
        text = _loosened(self._with_example(text, _held(example, source)), source)
        try:
            compile(text, "mutated", "exec")
        except (SyntaxError, ValueError):
            return "", None, ""
        shape = source.choice(["plain", "plain", "crlf", "tabs", "notebook"])
        if shape != "notebook" and source.random() < 0.2:
            text = text.rstrip("\n")
        if shape == "crlf":
            return "train.py", text.replace("\n", "\r\n"), shape
        if shape == "tabs":
            text = re.sub(r"^(?: {4})+", lambda match: "\t" * (len(match.group()) // 4), text, flags=re.MULTILINE)
            try:
                compile(text, "mutated", "exec")
            except SyntaxError:
                return "", None, ""
        if shape == "notebook":
            return "train.ipynb", _notebook(text, source), shape
        return "train.py", text, shape

    def _with_example(self, text: str, example: str) -> str:
        """The file with a wasteful example between two of its statements at the top."""
        lines = text.splitlines(keepends=True)
        places = [number for number, line in enumerate(lines) if _OPENING.match(line)]
        at = self._source.choice([*places, len(lines)])
        return "".join([*lines[:at], example, "\n", *lines[at:]])

    # -- fixing ------------------------------------------------------------------------------------------

    def _problems(self, name: str, mutated: str) -> Iterator[str]:
        moved: list[str] = []

        def apply(text: str, document: Document, edits: Sequence[Edit]) -> str | None:
            made = apply_to_source(text, document, edits)
            if made is not None:
                moved.extend(_changed_outside(text, made, document, edits))
            return made

        def parsed(text: str) -> Document | None:
            try:
                return parse(name, text.encode()).document
            except UnreadableError:
                return None

        def found(document: Document) -> Sequence[Finding]:
            analysis = analyze(document, self._rules)
            crashed.extend(f"{each.rule} crashes: {each.error}" for each in analysis.crashes)
            return analysis.findings

        crashed: list[str] = []
        result = fix(mutated, parse=parsed, analyze=found, levels=UNSAFE, apply=apply)
        self.tally.applied.update(result.applied)
        yield from dict.fromkeys(crashed)
        yield from moved
        yield from (f"the fixes of {rule} never come to rest" for rule in result.unstable)
        yield from (f"a fix of {rule} leaves code that does not parse" for rule in result.rejected)
        if not result.applied:
            return
        again = fix(result.source, parse=parsed, analyze=found, levels=UNSAFE, apply=apply)
        if again.applied:
            yield f"a second run changes more: {dict(again.applied)}"
        document = parsed(result.source)
        if document is None:
            yield f"no longer parses after {dict(result.applied)}"
            return
        try:
            compile(document.text, "fixed", "exec", dont_inherit=True)
        except SyntaxError as error:
            yield f"no longer compiles after {dict(result.applied)}: {error}"
        before = parsed(mutated)
        lost = Counter(_comments(before.text if before else "")) - Counter(_comments(document.text))
        if lost:
            yield f"loses comments after {dict(result.applied)}: {sorted(lost)}"


def _made(rule: type[Rule]) -> Rule:
    """A rule with the options of its first example that has some, so that it looks for all it can find."""
    options = next((each.options for each in rule.examples if isinstance(each, Bad) and each.options), None)
    return rule(rule.Options(**options)) if options else rule()


_HOLDERS = (
    "def run_example():\n{}",
    "class RunsExample:\n    def run(self):\n        count = 0\n    {}",
    "try:\n{}finally:\n    pass\n",
    'if __name__ == "__main__":\n{}',
)


def _held(example: str, source: random.Random) -> str:
    """An example as it is, or inside of a block."""
    if source.random() < 0.5:
        return example
    holder = source.choice(_HOLDERS)
    indent = "    " * (2 if holder.startswith("class") else 1)
    return holder.replace("    {}", "{}").format(textwrap.indent(example, indent))


def _joined(example: str, source: random.Random) -> str:
    """An example with some of its short statements on the line of the one before."""
    lines = example.splitlines(keepends=True)
    simple = (ast.Assign, ast.AugAssign, ast.Expr, ast.Import, ast.ImportFrom, ast.Pass, ast.Assert)
    for block in ast.walk(ast.parse(example)):
        body = getattr(block, "body", ())
        for one, other in itertools.pairwise(body if isinstance(body, list) else ()):
            short = isinstance(one, simple) and isinstance(other, simple) and one.end_lineno == other.lineno - 1
            before, after = lines[one.lineno - 1], lines[other.lineno - 1]
            if short and other.lineno == other.end_lineno and "#" not in before + after and source.random() < 0.1:
                lines[one.lineno - 1], lines[other.lineno - 1] = "", f"{before.rstrip()}; {after.lstrip()}"
    return "".join(lines)


def _changed_outside(before: str, after: str, document: Document, edits: Sequence[Edit]) -> Iterator[str]:
    """Whether text that no edit touches has changed, by a comparison that knows nothing of how edits are made."""
    if not document.is_notebook:
        pattern, at = "", 0
        for edit in sorted(edits, key=lambda each: each.span):
            pattern += re.escape(before[at : edit.span.start]) + re.escape(edit.text)
            at = edit.span.end
        if re.fullmatch(pattern + re.escape(before[at:]), after) is None:
            yield "text outside the edits has changed"
        return
    one, other = json.loads(before), json.loads(after)
    layouts = [(indent, ascii_only) for indent in (1, 2, 4) for ascii_only in (True, False)]
    if not any(_stored(one, *layout) == before and _stored(other, *layout) == after for layout in layouts):
        yield "the notebook is laid out in another way"
    for notebook in (one, other):
        for cell in notebook["cells"]:
            del cell["source"]
    if one != other:
        yield "the notebook has changed outside its sources"


def _loosened(text: str, source: random.Random) -> str:
    """The code with comments behind lines, and with line ends and comments behind commas in brackets."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, IndentationError):
        return text
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    depth, inserts = 0, []
    commented = {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
    for token in tokens:
        offset = starts[token.end[0] - 1] + token.end[1]
        if token.type == tokenize.OP and token.string in "([{":
            depth += 1
        elif token.type == tokenize.OP and token.string in ")]}":
            depth -= 1
        elif token.type == tokenize.OP and token.string == "," and depth and source.random() < 0.1:
            inserts.append((offset, source.choice(["\n        ", "  # why\n        ", "   "])))
        elif token.type == tokenize.NEWLINE and token.start[0] not in commented and source.random() < 0.1:
            inserts.append((starts[token.start[0] - 1] + token.start[1], "  # note"))
    for offset, insert in sorted(inserts, reverse=True):
        if text[offset : offset + 2].lstrip(" ")[:1] not in ("#", "\n") or not insert.strip(" ").startswith("\n"):
            text = text[:offset] + insert + text[offset:]
    return text


def _notebook(text: str, source: random.Random) -> str:
    """The code in cells that begin at statements at the top."""
    lines = text.splitlines(keepends=True)
    cells: list[list[str]] = [[]]
    for number, line in enumerate(lines):
        if (
            _OPENING.match(line)
            and not lines[number - 1].startswith("@")
            and source.random() < 0.2
            and _ends("".join(cells[-1]))
        ):
            cells.append([])
        cells[-1].append(line)
    stored: list[dict[str, object]] = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": _source(cell, source)}
        for cell in cells
    ]
    content = {"cells": stored, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return _stored(content, source.choice([1, 2, 4]), source.random() < 0.5)


def _stored(content: object, indent: int, ascii_only: bool) -> str:
    return json.dumps(content, indent=indent, ensure_ascii=ascii_only) + "\n"


def _source(cell: list[str], source: random.Random) -> list[str] | str:
    lines = [*cell[:-1], cell[-1].rstrip("\n")] if cell else []
    return "".join(lines) if source.random() < 0.2 else lines


def _ends(text: str) -> bool:
    try:
        compile(text, "cell", "exec")
    except SyntaxError:
        return False
    return True


def _comments(text: str) -> list[str]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text.replace("\r\n", "\n")).readline))
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return []
    comments = (token.string.strip() for token in tokens if token.type == tokenize.COMMENT)
    return [each for each in comments if "greenlint:" not in each]


def _fixable(rule: Rule) -> Iterator[str]:
    """The examples of a rule that have a fix; those of the rules about comments change no code."""
    for example in rule.examples if type(rule) not in SUPPRESSION_RULES else ():
        if isinstance(example, Bad) and example.fixed is not None and example.path.endswith(".py"):
            yield MARK.sub("", example.code)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz_fixes", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
