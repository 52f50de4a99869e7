"""The contract a rule class has to keep to be loaded; cheap enough for every run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from greenlint.finding import Severity
from greenlint.options import OptionsError, option_fields
from greenlint.premise import Premise
from greenlint.rule import (
    Bad,
    Category,
    Evidence,
    Example,
    Good,
    Rule,
    RuleOptions,
    Status,
    Subscription,
    Where,
)
from greenlint.selection import ALL
from greenlint.vocabulary import WORD

__all__ = ["rule_faults"]

NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
CALL_KEY = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*(?:\.\*)?")

LOOP_ROLES = frozenset(("training", "microbatch", "epoch", "evaluation", "other"))
"""Values of ``LoopRole``, which cannot be imported without libcst; a test compares the two."""

NODE_TYPES = frozenset(
    """
    Add AddAssign And AnnAssign Annotation Arg AsName Assert Assign AssignEqual AssignTarget
    Asynchronous Attribute AugAssign Await BinaryOperation BitAnd BitAndAssign BitInvert BitOr
    BitOrAssign BitXor BitXorAssign BooleanOperation Break Call ClassDef Colon Comma Comment CompFor
    CompIf Comparison ComparisonTarget ConcatenatedString Continue Decorator Del Dict DictComp
    DictElement Divide DivideAssign Dot Element Ellipsis Else EmptyLine Equal ExceptHandler
    ExceptStarHandler Expr Finally Float FloorDivide FloorDivideAssign For FormattedString
    FormattedStringExpression FormattedStringText From FunctionDef GeneratorExp Global GreaterThan
    GreaterThanEqual If IfExp Imaginary Import ImportAlias ImportFrom ImportStar In IndentedBlock
    Index Integer Is IsNot Lambda LazyImport LazyImportFrom LeftCurlyBrace LeftParen LeftShift
    LeftShiftAssign LeftSquareBracket LessThan LessThanEqual List ListComp Match MatchAs MatchCase
    MatchClass MatchKeywordElement MatchList MatchMapping MatchMappingElement MatchOr MatchOrElement
    MatchSequenceElement MatchSingleton MatchStar MatchTuple MatchValue MatrixMultiply
    MatrixMultiplyAssign Minus Module Modulo ModuloAssign Multiply MultiplyAssign Name NameItem
    NamedExpr Newline Nonlocal Not NotEqual NotIn Or Param ParamSlash ParamSpec ParamStar Parameters
    ParenthesizedWhitespace Pass Plus Power PowerAssign Raise Return RightCurlyBrace RightParen
    RightShift RightShiftAssign RightSquareBracket Semicolon Set SetComp SimpleStatementLine
    SimpleStatementSuite SimpleString SimpleWhitespace Slice StarredDictComp StarredDictElement
    StarredElement Subscript SubscriptElement Subtract SubtractAssign TemplatedString
    TemplatedStringExpression TemplatedStringText TrailingWhitespace Try TryStar Tuple TypeAlias
    TypeParam TypeParameters TypeVar TypeVarTuple UnaryOperation While With WithItem Yield
    """.split()
)
"""Names of libcst's concrete node types; others, of a newer libcst, are looked up there."""


def rule_faults(rule: type[Rule]) -> Iterator[str]:
    """What is wrong with a rule class; the last check is only made of a class that passed the ones before."""
    found = False
    for check in (_naming, _documentation, _metadata, _hooks, _options):
        for fault in check(rule):
            found = True
            yield fault
    if not found:
        yield from _construction(rule)


def _naming(rule: type[Rule]) -> Iterator[str]:
    if not isinstance(rule.name, str) or not NAME.fullmatch(rule.name):
        yield f"`{rule.name}` is no rule name: lower-case words with dashes between them"
    elif rule.name in {each.value for each in Category} or rule.name == ALL.lower():
        yield f"the rule name `{rule.name}` is the name of a category"


def _documentation(rule: type[Rule]) -> Iterator[str]:
    if not (rule.__dict__.get("__doc__") or "").strip():
        yield "the rule has no docstring"
    examples = rule.examples
    if not _all_of(examples, Example):
        yield "`examples` is not a tuple of `Bad` and `Good`"
        return
    for kind in (Bad, Good):
        if not any(isinstance(each, kind) for each in examples):
            yield f"the rule has no `{kind.__name__}` example"


def _metadata(rule: type[Rule]) -> Iterator[str]:
    for attribute, kind in (
        ("severity", Severity),
        ("status", Status),
        ("category", Category),
        ("default", bool),
    ):
        if not isinstance(getattr(rule, attribute), kind):
            yield f"`{attribute}` is not a {kind.__name__}"
    for attribute, item in _TUPLES.items():
        if not _all_of(getattr(rule, attribute), item):
            yield f"`{attribute}` is not a tuple of {item.__name__}"
    if not isinstance(rule.words, tuple | list) or not all(_all_of(group, str) and group for group in rule.words):
        yield "`words` is not a tuple of tuples of str"
    else:
        for word in (*rule.frameworks, *(word for group in rule.words for word in group)):
            if not WORD.fullmatch(word):
                yield f"`{word}` in `frameworks` or `words` is no identifier, nor a part of one with `*` for the rest"


_TUPLES: dict[str, type] = {
    "frameworks": str,
    "premises": Premise,
    "formerly": str,
    "references": str,
    "evidence": Evidence,
}


def _all_of(value: object, kind: type) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(each, kind) for each in value)


def _hooks(rule: type[Rule]) -> Iterator[str]:
    if not rule.subscriptions:
        yield "no method is subscribed to anything (`on_call`, `on_node`, `on_loop`, `on_file`)"
    for subscription in rule.subscriptions:
        if not inspect.isgeneratorfunction(getattr(rule, subscription.method)):
            yield f"`{subscription.method}` is not a generator: hooks yield findings"
        yield from _keys(subscription)


def _keys(subscription: Subscription) -> Iterator[str]:
    if not subscription.keys:
        yield f"`{subscription.method}` is subscribed to nothing"
    for key in subscription.keys:
        fault = _key_fault(subscription.where, key)
        if fault is not None:
            yield f"`{subscription.method}` is subscribed to `{key}`, which is no {fault}"


def _key_fault(where: Where, key: object) -> str | None:
    """What a key should have been, if it is not."""
    if not isinstance(key, str):
        return "text"
    if where is Where.CALL:
        return None if CALL_KEY.fullmatch(key) else "dotted name"
    if where is Where.NODE:
        return None if key in NODE_TYPES or _is_new_node_type(key) else "libcst node type"
    if where is Where.LOOP:
        return None if key in LOOP_ROLES else "role of a loop"
    return None


def _is_new_node_type(key: str) -> bool:
    import libcst as cst

    kind = getattr(cst, key, None)
    return isinstance(kind, type) and issubclass(kind, cst.CSTNode) and not key.startswith("Base")


def _options(rule: type[Rule]) -> Iterator[str]:
    if not (isinstance(rule.Options, type) and issubclass(rule.Options, RuleOptions)):
        yield "`Options` is not a subclass of `RuleOptions`"
        return
    try:
        option_fields(rule.Options)
    except OptionsError as error:
        yield str(error)


def _construction(rule: type[Rule]) -> Iterator[str]:
    try:
        rule()
    except Exception as error:
        yield f"cannot be made: {type(error).__name__}: {error}"
