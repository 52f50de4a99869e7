"""A text parsed after an edit is the same tree, at the same places, as one parsed from scratch."""

from __future__ import annotations

import ast
import random
import re
import textwrap
from collections.abc import Iterator, Sequence

import libcst as cst
import pytest

from greenlint.document import Document
from greenlint.facts import Facts
from greenlint.facts.glance import Glance, code_of
from greenlint.facts.modules import Modules
from greenlint.facts.names import Names
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.tree import Tree
from greenlint.outline import Outline
from greenlint.passage import Passage
from greenlint.reading import UnreadableError, Wanted, parse
from greenlint.reparse import reparse

PROGRAM = textwrap.dedent(
    '''\
    # training

    """What it does."""
    import torch  # the framework
    from torch import nn


    # the model
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 2)
            # more to come

        @torch.no_grad()
        def forward(self, x):
            return self.head(x)

    # how long
    EPOCHS = 3; RATE = 0.1
    if torch.cuda.is_available():
        device = "cuda"
    else:
        device = "cpu"

    text = """a
    # no comment
    """

    for epoch in range(EPOCHS):
        for x, y in loader:  # each batch
            try:
                loss = model(
                    x.to(device),
                )
            finally:
                pass

    print(loss)
    # the end
    '''
)
RENAMING = f"from zoo import Net as Model\n{PROGRAM}fit(Model(4))\n"
PIECES = (
    *(
        "x",
        "(",
        ")",
        "[",
        "'",
        '"""',
        "\n",
        "\n\n\n",
        "    ",
        "\t",
        ";",
        "\\\n",
        ":",
        "#",
        "\n# new\n",
        "async ",
        "=",
        "é🔥",
    ),
    *(
        "else:\n    pass\n",
        "@decorated\n",
        "if a:\n  b\n",
        "def f():\n    return 1\n",
        "finally:\n    pass\n",
        "x = 1\n",
    ),
)
WITH_NAMES = (*PIECES, "net.head = Model(4)\n", "from zoo import Linear as Model\n")


def document_of(text: str) -> Document | None:
    try:
        return Document("train.py", text, cst.parse_module(text))
    except cst.ParserSyntaxError:
        return None


def edited(text: str, source: random.Random, pieces: Sequence[str] = PIECES) -> str:
    at = source.randrange(len(text) + 1)
    if source.random() < 0.5:
        at = text.rfind("\n", 0, at) + 1
    until = at + source.choice([0, 0, 0, 1, 5, 60])
    return text[:at] + source.choice(pieces) + text[until:]


def placed(document: Document) -> list[str]:
    return sorted(f"{type(node).__name__} {span}" for node, span in document.spans.items())


def reparsed(
    program: str, seed: int, pieces: Sequence[str], rounds: int
) -> Iterator[tuple[Document, Document, Document]]:
    """Documents before and after edits, and those parsed from scratch, which have the same tree.

    After so many ``rounds`` the program is what it was: many edits leave little to edit.
    """
    source = random.Random(seed)
    document = document_of(program)
    for number in range(40):
        assert document is not None
        assert document.spans
        assert document.index
        text = edited(document.text, source, pieces)
        after, fresh = reparse(document, text), document_of(text)
        if after is None:
            continue
        assert fresh is not None, text
        assert after.tree.deep_equals(fresh.tree), text
        yield document, after, fresh
        document = after if (number + 1) % rounds else document_of(program)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("seed", range(20))
def test_as_from_scratch(seed: int, newline: str) -> None:
    for _, after, fresh in reparsed(PROGRAM.replace("\n", newline), seed, PIECES, rounds=40):
        assert placed(after) == placed(fresh), after.text


NESTED = textwrap.dedent(
    '''\
    import torch


    class Trainer:
        """Trains."""

        # how long
        epochs = 3
        rate = 0.1; decay = 0.0

        def __init__(self, model, loader):
            self.model = model
            self.loader = loader  # of batches
            # more to come

        @torch.no_grad()
        # as it is
        def validate(self, rounds):
            for _ in range(rounds):
                if self.rate:
                    loss = self.model(
                        self.batch,
                    )
                elif self.decay:
                    loss = 0
                else:
                    pass
            # none left
            else:
                loss = None
            return loss

        def train(self):
          with torch.enable_grad():
              text = """
        not code
        """
              try:
                  for x, y in self.loader:
                      loss = self.model(x)

                      loss.backward()
                      # after each
              finally:
                  pass
          return loss


    async def run(trainer, mode):
        async with trainer:
            match mode:
                case "train":
                    trainer.train()
                case _:
                    pass
            epochs = 3
        try:
            await trainer
        except* ValueError:
            mode = None
        return mode


    if torch.cuda.is_available():
        trainer = Trainer()
        trainer.train()

    print(torch)
    '''
)
INSIDE = (
    *(*PIECES, "\n    # c\n", "\n        # c", "\n        y = 2\n", "\n    else:\n        pass\n", "  "),
    *("\n        elif z:\n            pass\n", "@d\n    ", "    def g(self):\n        pass\n", "\n# less\n"),
)


def laid_out(document: Document) -> list[object]:
    """How the nodes of a document follow each other, those of layout too and those that hold code alone."""
    found: list[object] = [(type(node).__name__, document.span(node)) for node in document.spans]
    for piece in document.pieces:
        bounds = piece.part.placed.bounds.values()
        found += sorted((each.start + piece.shift, each.end + piece.shift, each.first, each.behind) for each in bounds)
    for part in document.parts:
        shape = part.shape
        found.append(([*map(type, shape.nodes)], shape.above, shape.end, shape.ranks))
    return found


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("seed", range(20))
def test_inside_a_statement_as_from_scratch(seed: int, newline: str) -> None:
    program = NESTED.replace("\n", newline)
    program = program.rstrip() if seed % 4 == 0 else program
    shared = 0
    for before, after, fresh in reparsed(program, seed, INSIDE, rounds=8):
        assert laid_out(after) == laid_out(fresh), after.text
        assert {*after.index} == {id(node) for part in after.parts for node in part.shape.nodes}
        shared += not set(methods(before)).isdisjoint(methods(after))
    assert shared


def methods(document: Document) -> list[cst.FunctionDef]:
    return document.of_type(cst.FunctionDef)


def test_methods_beside_an_edit_are_the_same_nodes() -> None:
    document = document_of(NESTED)
    assert document is not None
    after = reparse(document, NESTED.replace("self.model(x)", "self.model(x, y)"))
    assert after is not None
    kept = [one is other for one, other in zip(methods(document), methods(after), strict=True)]
    assert kept == [True, True, False, True]
    assert [after.source(each) for each in after.of_type(cst.Call)].count("self.model(x, y)") == 1


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("self.model = model", "self.net = model", [False, True, True, True]),
        ("        # more to come\n", "        # nothing more\n", [False, True, True, True]),
        ("loss = None\n", "loss = 1\n", [True, False, True, True]),
        ("        return loss\n\n    def", "        return loss  # at last\n\n    def", [True, False, True, True]),
        ("    rate = 0.1; decay", "    rate = 0.2; decay", [True, True, True, True]),
        ("    epochs = 3\n    rate", "    epochs = 3\n    # more\n    rate", [True, True, True, True]),
        ("        epochs = 3\n    try", "        epochs = 30\n    try", [True, True, True, False]),
        ("mode = None", "mode = 0", [True, True, True, False]),
    ],
)
def test_what_is_parsed_again_inside_a_class(old: str, new: str, kept: list[bool]) -> None:
    document = document_of(NESTED)
    assert document is not None
    assert old in NESTED
    after = reparse(document, NESTED.replace(old, new))
    assert after is not None
    assert [one is other for one, other in zip(methods(document), methods(after), strict=True)] == kept


def test_untouched_statements_are_the_same_nodes() -> None:
    document = document_of(PROGRAM)
    assert document is not None
    after = reparse(document, PROGRAM.replace('"cpu"', '"mps"'))
    assert after is not None
    kept = [one is other for one, other in zip(document.tree.body, after.tree.body, strict=True)]
    assert kept.count(False) == 1
    assert (kept[0], kept[-1]) == (True, True)


def test_what_belongs_to_the_statement_before() -> None:
    document = document_of("a = 1\nif a:\n    b = 2\nc = 3\nd = 4\ne = 5\n")
    assert document is not None
    after = reparse(document, document.text.replace("c = 3", "else:\n    c = 3"))
    assert after is not None
    assert len(after.tree.body) == 4


def told(value: object) -> object:
    """What an outline holds, for comparison; where a line is does not count."""
    if isinstance(value, ast.AST):
        return ast.dump(value)
    if isinstance(value, dict):
        return {key: told(each) for key, each in value.items() if key != "deepest_line"}
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, (list, tuple)):
        return [told(each) for each in value]
    return told(vars(value)) if hasattr(value, "__dict__") else value


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("seed", range(5))
def test_the_gates_see_what_they_see_in_the_whole_text(seed: int) -> None:
    source = random.Random(seed)
    seen: list[object] = []

    def wanted(_: str, outline: Outline, __: Sequence[Passage]) -> bool:
        seen.append(told(outline))
        return True

    before = parse("train.py", PROGRAM.encode(), wanted).document
    compared = 0
    for _ in range(60):
        assert before is not None
        text = edited(before.text, source)
        try:
            after = parse("train.py", text.encode(), wanted, before).document
        except UnreadableError:
            continue
        parse("train.py", text.encode(), wanted)
        assert seen[-1] == seen[-2], text
        compared += after is not None and any(each in before.tree.body for each in after.tree.body)
        before = after
    assert compared > 5


def meanings(facts: Facts) -> list[object]:
    """What every name of a file may be bound to and stands for, in source order."""
    tree, names = facts[Tree], facts[Names]
    found: list[object] = [list(names.star_imports), sorted(names.renamed)]
    for kept in (names.attributes, names.stores):
        found += [(name, [each.order for each in bound]) for name, bound in sorted(kept.items())]
        assert all(names.of(each.scope.node) is each.scope for bound in kept.values() for each in bound)
    found += [(each.name, each.order, type(each.scope.node)) for each in names.imports()]
    for use in tree.of_type(cst.Name):
        assert all(names.of(each.scope.node) is each.scope for each in names.reaching(use))
        around = [type(each) for each in tree.ancestors(use)]
        bound = [(each.kind, each.order, type(each.scope.node)) for each in names.reaching(use)]
        found.append((tree.first(use), use.value, around, bound, names.resolve(use), len(tree.loops_around(use))))
    return found


def versions(program: str, seed: int, wanted: Wanted | None = None) -> Iterator[tuple[str, Document, bool]]:
    """Texts that come of edits, read with what is known of the ones before, and whether statements are shared."""
    source = random.Random(seed)
    before = parse("train.py", program.encode()).document
    for _ in range(60):
        assert before is not None
        text = edited(before.text, source, WITH_NAMES)
        try:
            after = parse("train.py", text.encode(), wanted, before).document
        except UnreadableError:
            continue
        assert after is not None
        is_shared = not set(before.parts).isdisjoint(after.parts)
        yield text, after, is_shared
        # After some edits a text has to be read as a whole ever after.
        before = after if is_shared else parse("train.py", program.encode()).document


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("seed", range(5))
def test_names_mean_what_they_mean_in_the_whole_text(seed: int) -> None:
    sources, compared = DictSources(), 0
    for text, document, is_shared in versions(PROGRAM, seed):
        whole = parse("train.py", text.encode()).document
        assert whole is not None
        assert meanings(Modules.begin(document, sources, RunSettings())) == meanings(Facts(whole)), text
        compared += is_shared
    assert compared > 3


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("seed", range(5))
def test_passages_show_what_the_whole_text_shows(seed: int) -> None:
    passages: list[Sequence[Passage]] = []

    def wanted(_: str, __: Outline, consists_of: Sequence[Passage]) -> bool:
        passages.append(consists_of)
        return True

    compared = 0
    for text, _, _ in versions(RENAMING, seed, wanted):
        glance = Glance("train.py", text, DictSources(), RunSettings(), passages=passages[-1])
        compared += bool(passages[-1])
        assert glance.code.text == code_of(text)
        assert all(word in glance.words for word in re.findall(r"\w+", text))
        assert "nowhere" not in glance.words
    assert compared > 5


def test_passages_follow_what_an_import_calls_something() -> None:
    shown: list[str] = []

    def wanted(text: str, _: Outline, consists_of: Sequence[Passage]) -> bool:
        glance = Glance("train.py", text, DictSources(), RunSettings(), passages=consists_of)
        shown.append(glance.code.text)
        assert consists_of
        return True

    before = parse("train.py", RENAMING.encode()).document
    for maker in ("Linear", "Conv1d"):
        text = RENAMING.replace("zoo import Net", f"zoo import {maker}")
        before = parse("train.py", text.encode(), wanted, before).document
        assert shown[-1] == code_of(text)
        assert shown[-1].endswith(f"fit({maker}(4))\n")


@pytest.mark.parametrize(
    "text", ["a = 1\nb = (\nc = 3\nd = 4\n", "a = 1\nb = 2 \\\nc = 3\nd = 4\n", "a = 1\n@b\n\nd = 4\n"]
)
def test_what_only_the_whole_tells(text: str) -> None:
    document = document_of("a = 1\nb = 2\nc = 3\nd = 4\n")
    assert document is not None
    assert reparse(document, text) is None
