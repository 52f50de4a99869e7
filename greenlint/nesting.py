"""How deeply source text is nested, told from its words and brackets before a parser sees it.

libcst parses by recursion on the C stack, where too much of it kills the process, and takes exponential time for
nested ``case`` patterns. A syntax tree comes too late to tell, so this looks at the text alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["excess"]

_MOST = 1200
"""Units of nesting that are let through; about a fifth of what fits into the usual stack of 8 MiB."""
_BLOCK, _BRACKET, _LAMBDA, _LINK = 20, 8, 16, 1
"""Units of stack that one level takes, in multiples of a link of a chain such as ``a + b + c`` or ``a.b.c``."""
_BRACKETS = 100
"""Brackets within brackets that are let through; CPython allows 200."""
_PATTERN_BRACKETS = 6
"""The same in a ``case``, each of which multiplies the time of the parse."""

_FEW_BLOCKS = 40
_FEW_UNITS = _MOST - _FEW_BLOCKS * _BLOCK

_STRING_BODY = (
    r'"""(?:[^"\\]|\\.|"(?!""))*"""'
    r"|'''(?:[^'\\]|\\.|'(?!''))*'''"
    r'|"(?:[^"\\\r\n]|\\(?:\r\n|.))*"'
    r"|'(?:[^'\\\r\n]|\\(?:\r\n|.))*'"
)
_NOISE = re.compile(rf"{_STRING_BODY}|#[^\r\n]*|\\\r?\n|\\\r", re.DOTALL)
_DEEP_HEADER = re.compile(
    rf"^[ \t\f]{{{_FEW_BLOCKS},}}(?:if|elif|else|for|while|with|try|except|finally|def|class|async|match|case)\b",
    re.MULTILINE,
)
_MARKS = bytes.maketrans(b"[{]}+*/%@&|^~-.<>\"'", b"(())...............")
_NOT_MARKS = bytes(set(range(256)) - set(b"\n()[]{}+*/%@&|^~-.<>\"'"))


def excess(text: str) -> int | None:
    """The line (from 1) where ``text`` becomes too deeply nested for libcst; ``None`` when it nowhere does."""
    return None if _is_shallow(text) else _Scan(text).excess()


# -- a quick look that errs towards a closer one ----------------------------------------------------------


def _is_shallow(text: str) -> bool:
    """Whether counts alone show that no statement comes near the limits."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    code = _NOISE.sub(_stub, text)
    if code.count("elif") > _FEW_UNITS or _DEEP_HEADER.search(code) is not None:
        return False
    marks = code.encode("utf-8", "replace").translate(_MARKS, _NOT_MARKS).decode("ascii")
    units = length = depth = deepest = 0
    first = ""
    for line, marked in zip(code.split("\n"), marks.split("\n"), strict=True):
        if not first:
            first = line
        units += len(marked) + (_LAMBDA * line.count("lambda") if "lambda" in line else 0)
        length += len(line)
        opened = marked.count("(")
        deepest = max(deepest, depth + opened)
        depth += opened - marked.count(")")
        if depth > 0:
            continue
        # A keyword that nests, such as "or", takes at least four characters with its operand.
        if units + length // 4 + _BRACKET * deepest > _FEW_UNITS:
            return False
        if deepest > _PATTERN_BRACKETS and first.lstrip().startswith("case"):
            return False
        units = length = depth = deepest = 0
        first = ""
    return depth <= 0


def _stub(match: re.Match[str]) -> str:
    """A mark for a string, more of them for what an f-string may hold, and nothing for a comment."""
    noise = match.group()
    if noise[0] in "#\\":
        return ""
    if not _is_formatted(match.string[max(0, match.start() - 2) : match.start()]):
        return '"'
    braces = noise.count("{") + noise.count("(") + noise.count("[")
    return '"' + "." * (_BRACKET * braces + len(noise) // 2) if braces else '"'


def _is_formatted(prefix: str) -> bool:
    """Whether a string with these letters before its quote is an f-string or a template string."""
    return any(letter in "fFtT" for letter in prefix)


# -- the closer look --------------------------------------------------------------------------------------

_TOKEN = re.compile(
    rf"(?P<string>(?P<prefix>[bBrRuUfFtT]{{0,2}})(?P<body>{_STRING_BODY}))"
    r"|(?P<skip>#[^\r\n]*|\\(?:\r\n|\r|\n))"
    r"|(?P<newline>\r\n|\r|\n)"
    r"|(?P<word>\w+)"
    r"|(?P<open>[(\[{])"
    r"|(?P<close>[)\]}])"
    r"|(?P<reset>[,;]|(?<![=!<>:])=(?!=))"
    r"|(?P<link>\*\*|//|<<|>>|[-+*/%@&|^~.])",
    re.DOTALL,
)
_FIELD_TOKEN = re.compile(
    r"(?P<open>\{\{|[{(\[])|(?P<close>\}\}|[})\]])|(?P<link>[-+*/%@&|^~.]|\b(?:and|or|not|if|else|lambda)\b)"
)
_NESTING_WORDS = frozenset({"and", "or", "not", "if", "else", "for", "await"})


@dataclass(slots=True)
class _Scan:
    """One pass over the tokens of a text, adding up what is open."""

    text: str
    chains: list[int] = field(default_factory=lambda: [0])
    """The links at each level of brackets, since the last comma."""
    lambdas: int = 0
    indents: list[int] = field(default_factory=lambda: [0])
    elifs: dict[int, int] = field(default_factory=dict)
    """The length of the ``elif`` chain at each indentation."""
    in_pattern: bool = False
    fresh: bool = True
    """Whether the next token begins a statement."""

    def excess(self) -> int | None:
        """The line of the first token that is nested too deeply."""
        for match in _TOKEN.finditer(self.text):
            kind = match.lastgroup
            if kind == "skip" or (kind == "newline" and (self.fresh or len(self.chains) > 1)):
                continue
            if kind == "newline":
                self._end_statement()
                continue
            if self.fresh:
                self._begin_statement(match)
            self._take(match, kind or "")
            if self._is_too_deep():
                return _line_of(self.text, match.start())
        return None

    def _end_statement(self) -> None:
        self.chains, self.lambdas = [0], 0
        self.fresh, self.in_pattern = True, False

    def _begin_statement(self, match: re.Match[str]) -> None:
        self.fresh = False
        column = match.start() - 1 - max(self.text.rfind(end, 0, match.start()) for end in "\r\n")
        while self.indents[-1] > column:
            self.elifs.pop(self.indents.pop(), None)
        if self.indents[-1] < column:
            self.indents.append(column)
        word = match.group()
        self.in_pattern = word == "case"
        if word == "elif":
            self.elifs[column] = self.elifs.get(column, 0) + 1
        elif word != "else":
            self.elifs.pop(column, None)

    def _take(self, match: re.Match[str], kind: str) -> None:
        if kind == "open":
            self.chains.append(0)
        elif kind == "close":
            if len(self.chains) > 1:
                self.chains.pop()
            self.chains[-1] += _LINK
        elif kind == "reset":
            self.chains[-1] = 0
        elif kind == "word":
            self._take_word(match.group())
        elif kind == "link":
            self.chains[-1] += _LINK
        elif match["body"] is not None:
            self.chains[-1] += _LINK + (_formatted_units(match["body"]) if _is_formatted(match["prefix"]) else 0)

    def _take_word(self, word: str) -> None:
        if word in _NESTING_WORDS:
            self.chains[-1] += _LINK
        elif word == "lambda":
            self.lambdas += 1

    def _is_too_deep(self) -> bool:
        brackets = len(self.chains) - 1
        if brackets > (_PATTERN_BRACKETS if self.in_pattern else _BRACKETS):
            return True
        units = _BRACKET * brackets + _LAMBDA * self.lambdas + _BLOCK * len(self.indents)
        # Summing at every token would take quadratic time; few tokens come this close.
        return units + sum(self.chains) + sum(self.elifs.values()) > _MOST


def _formatted_units(body: str) -> int:
    """What the deepest replacement field of an f-string takes."""
    most = depth = links = 0
    for match in _FIELD_TOKEN.finditer(body):
        token = match.group()
        if depth == 0:
            depth, links = int(token == "{"), 0
        elif match.lastgroup == "open":
            depth += len(token)
        elif match.lastgroup == "close":
            depth = max(0, depth - len(token))
        else:
            links += _LAMBDA if token == "lambda" else _LINK
        most = max(most, _BRACKET * depth + links)
    return most


def _line_of(text: str, offset: int) -> int:
    before = text[:offset]
    return before.count("\n") + before.count("\r") - before.count("\r\n") + 1
