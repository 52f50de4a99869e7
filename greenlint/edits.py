"""Text edits made from tree nodes, in the style of the code around them.

Every function answers with edits that belong together, or with ``None`` where no edit is certain to be right;
a rule then reports without a fix. Offsets are those of ``Document.text``.
"""

from __future__ import annotations

import bisect
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import libcst as cst

from greenlint.document import Document
from greenlint.finding import Edit, Span, apply_edits
from greenlint.line_ends import lines_with_ends

__all__ = [
    "add_arguments",
    "append_element",
    "decorate",
    "delete_statement",
    "delete_statements",
    "drop_imports",
    "ensure_import",
    "hoist",
    "import_instead",
    "insert_after",
    "insert_before",
    "is_remarked",
    "joined",
    "remove_argument",
    "replace",
    "set_argument",
    "spelled",
    "unwrap",
    "use_instead",
    "wrap",
]

Edits = tuple[Edit, ...]
Statement = cst.BaseStatement | cst.BaseSmallStatement


def replace(document: Document, node: cst.CSTNode, text: str) -> Edits:
    """Put ``text`` in the place of ``node``; parentheses around it stay."""
    return (Edit(document.span(node), text),)


# -- arguments --------------------------------------------------------------------------------------------


def set_argument(document: Document, call: cst.Call, name: str, text: str, position: int | None = None) -> Edits | None:
    """Give the parameter ``name`` the value ``text``, instead of its present one or behind the last argument.

    ``position`` (from 0) is where the parameter stands when it may be given without its name. ``None`` where
    a ``*sequence`` or ``**mapping`` may already hold it.
    """
    given = _given(call, name, position)
    if given is not None:
        return (Edit(_value_span(document, given), text),)
    if not all(_cannot_hold(arg, name) for arg in call.args if arg.star):
        return None
    return _append(document, call, f"{name}={text}")


def add_arguments(document: Document, call: cst.Call, **arguments: str) -> Edits | None:
    """Give parameters that the call leaves out their values, in this order; ``None`` where one may be given already."""
    for name in arguments:
        given = any(arg.keyword is not None and arg.keyword.value == name for arg in call.args)
        if given or not all(_cannot_hold(arg, name) for arg in call.args if arg.star):
            return None
    return _append(document, call, *(f"{name}={text}" for name, text in arguments.items()))


def remove_argument(document: Document, call: cst.Call, name: str, position: int | None = None) -> Edits | None:
    """Take the argument of the parameter ``name`` away, with the line or the comma it needs.

    ``None`` when it is not written in the call, when others follow it by position, or when a comment would go, too.
    """
    given = _given(call, name, position)
    if given is None:
        return None
    index = call.args.index(given)
    follows = call.args[index + 1 :]
    if given.keyword is None and any(arg.keyword is None and arg.star != "**" for arg in follows):
        return None
    span = _removal(document, call, index)
    return (Edit(span, ""),) if not _has_comment(document, span) else None


def _given(call: cst.Call, name: str, position: int | None) -> cst.Arg | None:
    """The argument that is written for a parameter."""
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value == name:
            return arg
    for index, arg in enumerate(call.args):
        if arg.star or arg.keyword is not None:
            return None
        if index == position:
            return arg
    return None


def _cannot_hold(arg: cst.Arg, name: str) -> bool:
    """Whether a starred argument is a dictionary written out without ``name``."""
    if arg.star != "**" or not isinstance(arg.value, cst.Dict):
        return False
    keys = [each.key if isinstance(each, cst.DictElement) else None for each in arg.value.elements]
    return all(isinstance(key, cst.SimpleString) and key.evaluated_value != name for key in keys)


def _value_span(document: Document, arg: cst.Arg) -> Span:
    """The value of an argument with its parentheses."""
    span = document.span(arg)
    if isinstance(arg.equal, cst.AssignEqual):
        return Span(document.spans[arg.equal.whitespace_after].end, span.end)
    return span


@dataclass(frozen=True, slots=True)
class _Tail:
    """What stands behind an argument: its comma, and the white space up to the next token."""

    comma: Span | None
    space: Span
    line_end: int | None
    """Where the line of the argument ends, when the next token stands on another one."""
    newline: str

    @property
    def token_end(self) -> int:
        return self.comma.end if self.comma is not None else self.space.start


def _tail(document: Document, arg: cst.Arg) -> _Tail:
    comma: Span | None = None
    if isinstance(arg.comma, cst.Comma):
        start = document.spans[arg.comma.whitespace_before].end
        comma = Span(start, start + 1)
        space = document.spans[arg.comma.whitespace_after]
        space = Span(space.start, max(space.end, document.spans[arg.whitespace_after_arg].end))
    else:
        space = document.spans[arg.whitespace_after_arg]
    text = document.text[space.start : space.end]
    at = min((i for i in (text.find("\n"), text.find("\r")) if i >= 0), default=-1)
    if at < 0 or text[:at].endswith("\\"):
        return _Tail(comma, space, None, "\n")
    return _Tail(comma, space, space.start + at, "\r\n" if text.startswith("\r\n", at) else text[at])


def _append(document: Document, call: cst.Call, *arguments: str) -> Edits:
    together = ", ".join(arguments)
    if not call.args:
        start = document.spans[call.whitespace_before_args].start
        return (_insert(start, together),)
    last = call.args[-1]
    end = document.span(last).end
    tail = _tail(document, last)
    indent = _own_line_indent(document, call, last)
    if isinstance(last.value, cst.GeneratorExp) and not last.value.lpar and len(call.args) == 1:
        start = document.span(last).start
        return (_insert(start, "("), _insert(end, f"), {together}"))
    if indent is None:
        if tail.comma is not None:
            return (_insert(tail.comma.end, f" {together},"),)
        return (_insert(end, f", {together}"),)
    newline = tail.newline if tail.line_end is not None else _newline_before(document, end)
    if tail.line_end is None and last.keyword is not None and _comment_is_about(document, call, last):
        start = document.span(last).start
        return (_insert(start, "".join(f"{each},{newline}{indent}" for each in arguments)),)
    if tail.comma is not None:
        at = tail.line_end if tail.line_end is not None else tail.comma.end
        return (_insert(at, "".join(f"{tail.newline}{indent}{each}," for each in arguments)),)
    lines = f",{newline}{indent}".join(arguments)
    if tail.line_end is None or tail.line_end == end:
        return (_insert(end, f",{newline}{indent}{lines}"),)
    return (_insert(end, ","), _insert(tail.line_end, f"{newline}{indent}{lines}"))


def _comment_is_about(document: Document, call: cst.Call, last: cst.Arg) -> bool:
    """Whether a comment behind the call stands on the line of its last argument, which it may be about."""
    line = document.line_span(document.span(last).end)
    above = document.line_span(max(document.line_span(document.span(last).start).start - 1, 0))
    starts_block = document.text[above.start : above.end].lstrip().startswith("#")
    return not starts_block and _has_comment(document, Span(document.span(call).end, line.end))


def _own_line_indent(document: Document, call: cst.Call, arg: cst.Arg) -> str | None:
    """What stands before an argument on its line, when that is only white space."""
    start = document.span(arg).start
    before = document.text[document.line_span(start).start : start]
    return before if not before.strip() else None


def _newline_before(document: Document, offset: int) -> str:
    start = document.line_span(offset).start
    return "\r\n" if document.text[:start].endswith("\r\n") else document.text[start - 1 : start] or "\n"


def _removal(document: Document, call: cst.Call, index: int) -> Span:
    arg = call.args[index]
    span, tail = document.span(arg), _tail(document, arg)
    is_last = index == len(call.args) - 1
    if _own_line_indent(document, call, arg) is not None and tail.line_end is not None:
        return Span(document.line_span(span.start).start, tail.line_end + len(tail.newline))
    if not is_last and tail.line_end is not None and index > 0:
        return Span(_tail(document, call.args[index - 1]).token_end, tail.token_end)
    if not is_last:
        return Span(span.start, document.span(call.args[index + 1]).start)
    if index == 0:
        return Span(span.start, tail.token_end)
    before = _tail(document, call.args[index - 1])
    if "#" in document.text[before.space.start : before.space.end]:
        return Span(span.start, span.end)
    if tail.comma is not None:
        return Span(before.token_end, tail.token_end)
    return Span(document.span(call.args[index - 1]).end, span.end)


def append_element(document: Document, node: cst.List, text: str) -> Edits | None:
    """Put ``text`` behind the last element of a list that is written out; ``None`` where that is in parentheses."""
    if not node.elements:
        start = document.spans[node].start
        closing = document.text.find("]", start)
        inside = document.text[start + 1 : closing]
        return (Edit(Span(start + 1, closing), text),) if not inside.strip() else None
    last = node.elements[-1]
    if not isinstance(last, cst.Element) or last.value.lpar:
        return None
    start, end = document.span(last.value).start, document.span(last.value).end
    line = document.line_span(end)
    before = document.text[document.line_span(start).start : start]
    has_comma = isinstance(last.comma, cst.Comma)
    if isinstance(last.comma, cst.Comma):
        end = document.spans[last.comma.whitespace_before].end + 1
    rest = document.text[end : line.end].strip()
    if before.strip():
        return (_insert(end, f" {text}," if has_comma else f", {text}"),)
    newline = document.newline_at(line.end) or document.tree.default_newline
    if rest and not rest.startswith("#"):
        return (_insert(end, f"{newline}{before}{text}," if has_comma else f",{newline}{before}{text}"),)
    if has_comma:
        return (_insert(line.end, f"{newline}{before}{text},"),)
    if line.end == end:
        return (_insert(end, f",{newline}{before}{text}"),)
    return (_insert(end, ","), _insert(line.end, f"{newline}{before}{text}"))


# -- statements -------------------------------------------------------------------------------------------


def wrap(document: Document, statements: Sequence[cst.CSTNode], header: str) -> Edits | None:
    """Put consecutive statements of one block under ``header``, such as ``"with torch.no_grad():"``.

    ``None`` for statements that share a line with others, or that lie in several cells of a notebook.
    """
    lines = _consecutive_lines(document, statements)
    if lines is None:
        return None
    start, end = _start_of(document, lines[0]), document.span(lines[-1]).end
    if not document.same_cell(start, end):
        return None
    line = document.line_span(start)
    outer = document.text[line.start : start]
    block = _block_of(document, lines[0])
    own = block.indent if isinstance(block, cst.IndentedBlock) else None
    unit = "\t" if outer.strip(" ") else own or document.tree.default_indent
    newline = document.newline_at(line.end) or document.tree.default_newline
    strings = _string_spans(document, Span(start, end))
    deeper = (
        _insert(at + len(outer) if document.text.startswith(outer, at) else at, unit)
        for at in _line_starts(document, start, end)
        if not any(each.start < at < each.end for each in strings)
    )
    return (_insert(start, f"{header}{newline}{outer}{unit}"), *deeper)


def unwrap(document: Document, block: cst.With, call: cst.BaseExpression) -> Edits | None:
    """Take ``call`` away from what ``block`` enters; where nothing is left, the body takes the place of the block.

    ``None`` when the value is bound (``as``), and where a comment would go, too.
    """
    index = next((at for at, each in enumerate(block.items) if each.item is call), None)
    if index is None or block.items[index].asname is not None or block.asynchronous is not None:
        return None
    if len(block.items) > 1:
        items = [document.span(each) for each in block.items]
        if index + 1 < len(items):
            span = Span(items[index].start, items[index + 1].start)
        else:
            span = Span(items[index - 1].end, items[index].end)
        return (Edit(span, ""),) if not _has_comment(document, span) else None
    return _dedented(document, block)


def _dedented(document: Document, block: cst.With) -> Edits | None:
    """The body of a block instead of the block."""
    whole, first = document.span(block), document.span(block.body.body[0]).start
    if isinstance(block.body, cst.SimpleStatementSuite):
        header = Span(whole.start, first)
        return (Edit(header, ""),) if not _has_comment(document, header) else None
    colon = document.span(block.whitespace_before_colon).end
    line = document.line_span(colon)
    header = Span(document.line_span(whole.start).start, line.end + len(document.newline_at(line.end)))
    if _has_comment(document, header) or not document.same_cell(whole.start, whole.end):
        return None
    outer = document.text[header.start : whole.start]
    body = block.body.body[0]
    at = _start_of(document, body) if isinstance(body, cst.BaseStatement) else first
    inner = document.text[document.line_span(at).start : at]
    if not inner.startswith(outer):
        return None
    strings = _string_spans(document, whole)
    taken = [
        Edit(Span(at + len(outer), at + len(inner)), "")
        for at in _line_starts(document, colon, _end_of_comments(document, whole.end, inner))
        if document.text.startswith(inner, at) and not any(each.start < at < each.end for each in strings)
    ]
    return (Edit(header, ""), *taken)


def _end_of_comments(document: Document, offset: int, indent: str) -> int:
    """Where the comments end that follow the line of ``offset`` with an indent, or that line."""
    end = at = document.line_span(offset).end
    while at < len(document.text):
        line = document.line_span(at + len(document.newline_at(at)))
        written = document.text[line.start : line.end]
        if written.startswith(f"{indent}#"):
            end = line.end
        elif written.strip():
            break
        if line.end <= at:
            break
        at = line.end
    return end


def delete_statement(document: Document, statement: cst.CSTNode) -> Edits | None:
    """Take a statement away with its line; a block that would be empty gets ``pass``.

    ``None`` where a comment on the line would go, too.
    """
    line = _line_of(document, statement)
    if line is None:
        return _delete_small(document, statement)
    block = _block_of(document, line)
    if block is None:
        return None
    span = Span(_start_of(document, line), document.span(line).end)
    if len(block.body) == 1 and not isinstance(block, cst.Module):
        return (Edit(span, "pass"),)
    whole = document.whole_lines(span)
    return (Edit(whole, ""),) if not _has_comment(document, whole) else None


def delete_statements(document: Document, statements: Sequence[cst.CSTNode]) -> Edits | None:
    """Take several statements away, in source order, each as :func:`delete_statement` does; all or none."""
    found: list[Edit] = []
    for statement in statements:
        edits = delete_statement(document, statement)
        if edits is None:
            return None
        for edit in edits:
            if found and edit.span.start < found[-1].span.end:
                # At the end of a cell it is the line break before that goes.
                before = document.text[: found[-1].span.start]
                start = len(before.removesuffix("\n").removesuffix("\r"))
                found[-1] = Edit(Span(start, edit.span.end), "")
            else:
                found.append(edit)
    return tuple(found)


def insert_before(document: Document, statement: cst.CSTNode, *lines: str) -> Edits | None:
    """Put lines before a statement and the comment right above it; ``None`` when it shares its line."""
    line = _line_of(document, statement)
    if line is None or _block_of(document, line) is None:
        return None
    start = _start_of(document, line)
    at = document.line_span(start).start
    indent = document.text[at:start]
    newline = document.newline_at(document.line_span(start).end) or document.tree.default_newline
    for line_above in _comments_above(document, at):
        if not document.text.startswith(f"{indent}#", line_above.start):
            break
        at = line_above.start
    return (_insert(at, "".join(f"{indent}{each}{newline}" for each in lines)),)


def decorate(document: Document, function: cst.FunctionDef, text: str) -> Edits | None:
    """Put a decorator next to the function, below those that it has; ``None`` where it shares its line."""
    if _block_of(document, function) is None:
        return None
    start = document.span(function).start
    line = document.line_span(start)
    indent = document.text[line.start : start]
    if indent.strip():
        return None
    newline = document.newline_at(line.end) or document.tree.default_newline
    return (_insert(start, f"@{text}{newline}{indent}"),)


def joined(*groups: Sequence[Edit]) -> Edits:
    """Edits of several changes as those of one: what is inserted at the same place follows each other."""
    found: dict[Span, list[str]] = {}
    for edit in (each for group in groups for each in group):
        texts = found.setdefault(edit.span, [])
        if not (texts and edit.span.start < edit.span.end):
            texts.append(edit.text)
    return tuple(Edit(span, "".join(texts)) for span, texts in found.items())


def insert_after(document: Document, statement: cst.CSTNode, *lines: str) -> Edits | None:
    """Put lines after a statement and all that belongs to it; ``None`` when it shares its line."""
    line = _line_of(document, statement)
    if line is None or _block_of(document, line) is None:
        return None
    start, end = _start_of(document, line), document.span(line).end
    if not document.same_cell(start, end):
        return None
    indent = document.text[document.line_span(start).start : start]
    at = document.line_span(end).end
    newline = document.newline_at(document.line_span(start).end) or document.tree.default_newline
    return (_insert(at, "".join(f"{newline}{indent}{each}" for each in lines)),)


def hoist(document: Document, statement: cst.CSTNode, loop: cst.CSTNode) -> Edits | None:
    """Move a statement before a loop around it, with the comment right above that is about nothing else.

    ``None`` when one of them shares its line, and for what cannot be indented anew: strings over several lines.
    """
    line = _line_of(document, statement)
    block = _block_of(document, line) if line is not None else None
    if line is None or block is None or not isinstance(loop, cst.BaseStatement):
        return None
    span = Span(_start_of(document, line), document.span(line).end)
    if any("\n" in document.text[each.start : each.end] for each in _string_spans(document, span)):
        return None
    inner = document.text[document.line_span(span.start).start : span.start]
    above = _start_of(document, loop)
    outer = document.text[document.line_span(above).start : above]
    if not inner.startswith(outer) or not document.same_cell(above, span.end):
        return None
    is_alone = len(block.body) == 1
    if not is_alone and _ends_paragraph(document, line):
        span = Span(_start_of_comments(document, span.start, inner), span.end)
    taken = Edit(span, "pass") if is_alone else Edit(document.whole_lines(span), "")
    written = document.text[span.start : span.end if is_alone else document.line_span(span.end).end]
    excess = inner[len(outer) :]
    lines = list(lines_with_ends(written))
    moved = lines[0] + "".join(each.removeprefix(excess) for each in lines[1:])
    put = insert_before(document, loop, moved)
    return (*put, taken) if put is not None else None


def _ends_paragraph(document: Document, line: cst.BaseStatement) -> bool:
    """Whether a blank line, another comment or the end of the block follows a statement."""
    end = document.line_span(document.span(line).end).end
    below = document.line_span(end + len(document.newline_at(end)))
    text = document.text[below.start : below.end]
    start = document.span(line).start
    indent = document.text[document.line_span(start).start : start]
    return below.start == end or text.lstrip()[:1] in ("", "#") or not text.startswith(indent)


def _start_of_comments(document: Document, start: int, indent: str) -> int:
    """Where the comments begin that stand with ``indent`` right above a statement, or where that begins."""
    for above in _comments_above(document, document.line_span(start).start):
        if not document.text.startswith(f"{indent}#", above.start):
            break
        start = above.start + len(indent)
    return start


def _has_comment(document: Document, within: Span) -> bool:
    return any(within.start <= document.span(each).start < within.end for each in document.of_type(cst.Comment))


def _delete_small(document: Document, statement: cst.CSTNode) -> Edits | None:
    """One of several statements on a line, or the statement behind a colon."""
    holder = _holder_of(document, statement)
    if holder is None:
        return None
    small = list(holder.body)
    index = next(i for i, each in enumerate(small) if each is statement)
    span = document.span(statement)
    if len(small) == 1:
        return (Edit(span, "pass"),)
    if index + 1 < len(small):
        return (Edit(Span(span.start, document.span(small[index + 1]).start), ""),)
    return (Edit(Span(document.span(small[index - 1]).end, span.end), ""),)


def _line_of(document: Document, node: cst.CSTNode) -> cst.BaseStatement | None:
    """The statement line or compound statement that is, or that alone holds, ``node``."""
    if isinstance(node, cst.BaseStatement):
        return node
    holder = _holder_of(document, node)
    return holder if isinstance(holder, cst.SimpleStatementLine) and len(holder.body) == 1 else None


def _holder_of(document: Document, node: cst.CSTNode) -> cst.SimpleStatementLine | cst.SimpleStatementSuite | None:
    above = document.parent(node)
    return above if isinstance(above, cst.SimpleStatementLine | cst.SimpleStatementSuite) else None


def _block_of(document: Document, line: cst.BaseStatement) -> cst.IndentedBlock | cst.Module | None:
    above = document.parent(line)
    return above if isinstance(above, cst.IndentedBlock | cst.Module) else None


def _consecutive_lines(document: Document, statements: Sequence[cst.CSTNode]) -> list[cst.BaseStatement] | None:
    """The lines of statements that follow each other in one block."""
    first = _line_of(document, statements[0]) if statements else None
    block = _block_of(document, first) if first is not None else None
    if block is None:
        return None
    body = list(block.body)
    start = next(index for index, each in enumerate(body) if each is first)
    lines: list[cst.BaseStatement] = []
    for statement, line in zip(statements, body[start:], strict=False):
        if _line_of(document, statement) is not line or not isinstance(line, cst.BaseStatement):
            return None
        lines.append(line)
    return lines if len(lines) == len(statements) else None


def _start_of(document: Document, line: cst.BaseStatement) -> int:
    """Where a statement begins, decorators included."""
    decorators: Sequence[cst.Decorator] = getattr(line, "decorators", ())
    return document.span(decorators[0] if decorators else line).start


_STRINGS = tuple(
    kind
    for name in ("SimpleString", "FormattedString", "TemplatedString")
    if (kind := getattr(cst, name, None)) is not None  # the last one is new in libcst
)


def _string_spans(document: Document, within: Span) -> list[Span]:
    spans = (document.span(each) for each in document.of_type(*_STRINGS))
    return [span for span in spans if within.start <= span.start < within.end]


# -- remarks ----------------------------------------------------------------------------------------------


def is_remarked(document: Document, *nodes: cst.CSTNode | None) -> bool:
    """Whether a comment may say why the code of one of ``nodes`` is as it is, or would no longer be true without it.

    That is any comment on its lines (of a compound statement: of its header), and one right above that speaks of
    devices, types or reasons; a mere heading does not count. Nodes of other files are left out.
    """
    return any(_is_remarked(document, each) for each in nodes if each is not None and each in document.spans)


def _is_remarked(document: Document, node: cst.CSTNode) -> bool:
    span = document.span(node)
    colon = getattr(node, "whitespace_before_colon", None) if isinstance(node, cst.BaseCompoundStatement) else None
    end = document.span(colon).end if colon is not None else span.end
    start = document.line_span(span.start).start
    lines = Span(start, document.line_span(max(span.start, end - 1)).end)
    above = (document.text[each.start : each.end] for each in _comments_above(document, start))
    return _has_comment(document, lines) or any(map(_REASON.search, above))


_REASON = re.compile(
    r"cpu|gpu|cuda|mps|memory|debug|reproduc|determin|precis|exact|\bb?f(?:p|loat)\d|tf32|double|single|\bnan|stab|becaus"
    r"|since|need|must|forc|only|bug|crash|fail|slow|fast|error|\bamp\b|mixed|avoid|instead|\boff\b|disabl|hide|wrong|todo",
    re.IGNORECASE,
)


# -- imports ----------------------------------------------------------------------------------------------


def ensure_import(document: Document, statement: str) -> Edits | None:
    """Add an import at the top of the module: no edit when it is there.

    ``None`` when the name it binds means something else in this file.
    ``statement`` is ``import a.b``, ``import a as b``, ``from a import b`` or ``from a import b as c``.
    """
    wanted = _parse_import(statement)
    present = False
    for each in _module_imports(document.importing, in_try=False):
        for imported in _imported(each):
            present = present or _provides(imported, wanted)
            if imported.bound == wanted.bound and imported.target != wanted.target:
                return None
    if present:
        return ()
    if _is_bound_otherwise(document, wanted.bound):
        return None
    return _insert_import(document, statement, wanted)


@dataclass(frozen=True, slots=True)
class _Imported:
    """One name that an import statement binds."""

    bound: str
    target: str
    """What the name stands for."""
    module: str
    """What is loaded."""


def _provides(imported: _Imported, wanted: _Imported) -> bool:
    if imported.bound != wanted.bound or imported.target != wanted.target:
        return False
    is_plain = wanted.target == wanted.bound
    return not is_plain or f"{imported.module}.".startswith(f"{wanted.module}.")


def spelled(document: Document, module: str, alias: str | None = None) -> tuple[Edits, str] | None:
    """How this file writes ``module``, and the edits that import it (under ``alias``) where it does not.

    ``None`` when the name would mean something else in this file.
    """
    for each in _module_imports(document.importing, in_try=False):
        for alias_node in each.names if isinstance(each, cst.Import) else ():
            imported = _imported_as(each, alias_node)
            if imported.target == module:
                shadowed = _is_bound_otherwise(document, imported.bound, *_imports_again(document, imported))
                return None if shadowed else ((), imported.bound)
    added = ensure_import(document, f"import {module} as {alias}" if alias is not None else f"import {module}")
    return (added, alias or module) if added is not None else None


def _imports_again(document: Document, imported: _Imported) -> Iterator[cst.ImportAlias]:
    """Every place that imports the same thing under the same name, as the cells of a notebook do."""
    for each in document.of_type(cst.Import):
        for alias in each.names:
            again = _imported_as(each, alias)
            if (again.bound, again.target) == (imported.bound, imported.target):
                yield alias


_WORD = re.compile(r"\w+")


def drop_imports(document: Document, edits: Sequence[Edit], *, is_taken: Callable[[str], bool]) -> Edits:
    """Edits, and with them the deletion of imports that nothing but the code they delete uses.

    An import stays where it may be there for something else: in an ``__init__.py``, with a comment, where other files
    take the name (``is_taken``), where the name is written anywhere else, if only in a string, and where a package is
    loaded that nothing else at the top of the module loads.
    """
    gone = _names_in(document, edits)
    if not gone or document.path.endswith("__init__.py"):
        return tuple(edits)
    left = apply_edits(document.text, edits)
    others = {each.span.start: each.span.end for each in edits if not each.text}
    found = list(edits)
    for line in document.importing:
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
            continue
        node = line.body[0]
        if not isinstance(node, cst.Import | cst.ImportFrom) or isinstance(node.names, cst.ImportStar):
            continue
        unused = [
            alias
            for alias in node.names
            if (name := _imported_as(node, alias).bound) in gone
            and not is_taken(name)
            and _is_left_over(document, node, alias, left)
        ]
        if unused and not _has_comment(document, document.whole_lines(document.span(line))):
            found.extend(_without(document, line, node, unused, others))
    return (_merged(found) if len(found) > len(edits) else None) or tuple(edits)


def _names_in(document: Document, edits: Sequence[Edit]) -> set[str]:
    """The imported names that stand in what edits delete."""
    words = {word for edit in edits for word in _WORD.findall(document.text[edit.span.start : edit.span.end])}
    imports = _module_imports(document.importing, in_try=False)
    wanted = {imported.bound for each in imports for imported in _imported(each)} & words
    if not wanted:
        return wanted
    return {word for word in wanted if any(_is_written(document, word, edit.span) for edit in edits)}


def _is_written(document: Document, name: str, within: Span) -> bool:
    places = document.named(name)
    at = bisect.bisect_left(places, within.start, key=lambda each: document.span(each).start)
    return at < len(places) and document.span(places[at]).start < within.end


def _is_left_over(document: Document, node: cst.Import | cst.ImportFrom, alias: cst.ImportAlias, left: str) -> bool:
    """Whether ``left`` has the name of an import nowhere else, and what is imported does nothing by being loaded."""
    imported = _imported_as(node, alias)
    root = imported.module.partition(".")[0]
    if alias.asname is not None and _dotted(alias.name) == imported.bound:  # says that others may take it
        return False
    again = (each for each in document.importing if _is_import_line(each) and _loads(each, root))
    if not root or not (
        root in sys.stdlib_module_names or any(node not in getattr(each, "body", ()) for each in again)
    ):
        return False
    word = re.compile(rf"\b{imported.bound}\b")
    written = len(word.findall(document.source(node)))
    # Most names stand in many places: to look for one more is enough.
    if sum(1 for _ in itertools.islice(word.finditer(left), written + 1)) != written:
        return False
    # Magics of a notebook are no code, but use names.
    cells = document.cells
    return cells is None or len(word.findall(cells.written)) == len(word.findall(document.text))


def _without(
    document: Document,
    line: cst.SimpleStatementLine,
    node: cst.Import | cst.ImportFrom,
    unused: Sequence[cst.ImportAlias],
    others: Mapping[int, int],
) -> Iterator[Edit]:
    """The deletion of names of an import, with its line when none is left, and with a blank line when it was alone."""
    names = [] if isinstance(node.names, cst.ImportStar) else list(node.names)
    if len(unused) == len(names):
        whole = document.whole_lines(document.span(line))
        yield Edit(Span(whole.start, _end_of_gap(document, whole, others)), "")
        return
    kept = [each for each in names if each not in unused]
    for index, alias in enumerate(names):
        if alias in kept:
            continue
        if any(each in kept for each in names[index + 1 :]):
            yield Edit(Span(document.span(alias).start, document.span(names[index + 1]).start), "")
        elif names[index - 1] in kept:
            yield Edit(Span(_alias_end(document, names[index - 1]), _alias_end(document, names[-1])), "")


def _end_of_gap(document: Document, gone: Span, others: Mapping[int, int]) -> int:
    """Where lines that go end, with so many of the blank lines below that no more are left than were on one side.

    ``others`` are deletions, end by start, that may follow.
    """
    above = _blank_lines(document.text[: gone.start].splitlines()[::-1])
    is_first = gone.start == 0 or not document.same_cell(gone.start - 1, gone.start)
    end = gone.end
    while True:
        lines = list(lines_with_ends(document.text[end:]))
        blank = _blank_lines(lines)
        for line in lines[: blank if is_first else min(above, blank)]:
            if not document.same_cell(gone.start, end + len(line)):
                return end
            end += len(line)
        if end not in others:
            return end
        end = others[end]


def _blank_lines(lines: Sequence[str]) -> int:
    return next((count for count, line in enumerate(lines) if line.strip()), len(lines))


def _merged(edits: Sequence[Edit]) -> Edits | None:
    """Edits in source order, deletions that overlap as one; ``None`` where others overlap."""
    found: list[Edit] = []
    for edit in sorted(edits, key=lambda each: each.span):
        last = found[-1] if found else None
        if last is None or edit.span.start >= last.span.end:
            found.append(edit)
        elif last.text or edit.text:
            return None
        else:
            found[-1] = Edit(Span(last.span.start, max(last.span.end, edit.span.end)), "")
    return tuple(found)


def use_instead(document: Document, func: cst.BaseExpression, module: str, new: str) -> Edits | None:
    """Use ``new`` of ``module`` where ``func`` names another thing of that module, and import it as that one is.

    ``None`` when ``func`` is neither an attribute nor a name that one import alone binds.
    """
    if isinstance(func, cst.Attribute):
        return replace(document, func.attr, new)
    if not isinstance(func, cst.Name):
        return None
    found = _import_of(document, func)
    if found is None:
        return None
    alias, is_only_use = found[1], _is_only_use(document, func, found[1])
    if is_only_use and alias.asname is not None:
        return replace(document, alias.name, new)
    if is_only_use and not _binds(document, new):
        return (*replace(document, alias.name, new), *replace(document, func, new))
    added = ensure_import(document, f"from {module} import {new}")
    return (*added, *replace(document, func, new)) if added is not None else None


def import_instead(document: Document, func: cst.Name, module: str) -> Edits | None:
    """Import the name that ``func`` uses from ``module`` instead.

    ``None`` when the name has other uses or meanings, or when a comment would go, too.
    """
    found = _import_of(document, func)
    if found is None or not _is_only_use(document, func, found[1]):
        return None
    node, alias = found
    names = [] if isinstance(node.names, cst.ImportStar) else list(node.names)
    statement = f"from {module} import {document.source(alias).rstrip(', ')}"
    if len(names) == 1:
        whole = document.span(node)
        return (Edit(whole, statement),) if not _has_comment(document, whole) else None
    index = names.index(alias)
    if index + 1 < len(names):
        taken = Span(document.span(alias).start, document.span(names[index + 1]).start)
    else:
        taken = Span(_alias_end(document, names[index - 1]), _alias_end(document, alias))
    added = _insert_beside(document, node, statement)
    return (Edit(taken, ""), *added) if added is not None and not _has_comment(document, taken) else None


def _insert_beside(document: Document, node: cst.ImportFrom, statement: str) -> Edits | None:
    """Put an import in its place among the first of the module, where ``node`` is one of them, or else behind it."""
    last, wanted = _last_of_run(document.tree.body), _parse_import(statement)
    end = document.span(last).end if last is not None else 0
    root = wanted.module.lstrip(".").partition(".")[0]
    same = [each for each in document.importing if _is_import_line(each) and _loads(each, root)][:1]
    if all(document.span(each).end <= end for each in (node, *same)):
        ordered = _insert_in_order(document, statement, wanted, same)
        if ordered is not None:
            return ordered
    return insert_after(document, node, statement)


def _import_of(document: Document, name: cst.Name) -> tuple[cst.ImportFrom, cst.ImportAlias] | None:
    """The one import that gives a name its meaning; ``None`` when others, or other code, do as well."""
    found = [
        (each, alias)
        for each in document.of_type(cst.ImportFrom)
        if not isinstance(each.names, cst.ImportStar)
        for alias in each.names
        if _imported_as(each, alias).bound == name.value
    ]
    return found[0] if len(found) == 1 and not _is_bound_otherwise(document, name.value, found[0][1]) else None


def _is_only_use(document: Document, name: cst.Name, alias: cst.ImportAlias) -> bool:
    """Whether an imported name is used at one place."""
    places = (name, alias.name, alias.asname and alias.asname.name)
    return all(each in places for each in document.named(name.value))


def _alias_end(document: Document, alias: cst.ImportAlias) -> int:
    """Where a name of an import ends, its comma left out."""
    return document.span(alias.asname.name if alias.asname is not None else alias.name).end


def _binds(document: Document, name: str) -> bool:
    """Whether ``name`` means anything in this file."""
    return bool(document.named(name))


def _parse_import(statement: str) -> _Imported:
    tree = cst.parse_module(statement)
    line = tree.body[0] if tree.body else None
    small = line.body[0] if isinstance(line, cst.SimpleStatementLine) else None
    if not isinstance(small, cst.Import | cst.ImportFrom):
        raise ValueError(f"not an import statement: {statement!r}")
    names = list(_imported(small))
    if len(names) != 1:
        raise ValueError(f"an import of exactly one name is needed: {statement!r}")
    return names[0]


def _imported(node: cst.Import | cst.ImportFrom) -> Iterator[_Imported]:
    if isinstance(node.names, cst.ImportStar):
        return
    yield from (_imported_as(node, alias) for alias in node.names)


def _imported_as(node: cst.Import | cst.ImportFrom, alias: cst.ImportAlias) -> _Imported:
    """What one of the names of an import binds."""
    name = _dotted(alias.name)
    bound = _dotted(alias.asname.name) if alias.asname is not None else None
    if isinstance(node, cst.ImportFrom):
        prefix = "." * len(node.relative) + (_dotted(node.module) if node.module is not None else "")
        return _Imported(bound or name, f"{prefix}.{name}", prefix)
    if bound is not None:
        return _Imported(bound, name, name)
    root = name.partition(".")[0]
    return _Imported(root, root, name)


def _module_imports(body: Sequence[cst.CSTNode], *, in_try: bool) -> Iterator[cst.Import | cst.ImportFrom]:
    """The imports that run whenever the module does, those that may fail included."""
    for line in body:
        if isinstance(line, cst.SimpleStatementLine):
            yield from (each for each in line.body if isinstance(each, cst.Import | cst.ImportFrom))
        elif isinstance(line, cst.Try) and not in_try:
            yield from _module_imports(line.body.body, in_try=True)


def _is_bound_otherwise(document: Document, name: str, *but: cst.ImportAlias) -> bool:
    """Whether something other than an import at the top of the module gives a name a meaning, anywhere.

    ``but`` are imported names whose ``as`` does not count.
    """
    spared = sum(each.asname is not None and document.source(each.asname.name) == name for each in but)
    return document.bound[name] > spared


def _insert_import(document: Document, statement: str, wanted: _Imported) -> Edits:
    body, newline = document.tree.body, document.tree.default_newline
    root = wanted.module.lstrip(".").partition(".")[0]
    # Beside an import of the same package nothing is loaded earlier than before.
    same = [each for each in document.importing if _is_import_line(each) and _loads(each, root)]
    ordered = _insert_in_order(document, statement, wanted, same[:1])
    if ordered is not None:
        return ordered
    after = same[0] if same else _last_of_run(body)
    if after is not None:
        gap = newline * 2 if _is_docstring(after) else newline
        return (_insert(document.line_span(document.span(after).end).end, f"{gap}{statement}"),)
    if not body:
        return (_insert(len(document.text), f"{statement}{newline}"),)
    start = _start_of(document, body[0])
    return (_insert(document.line_span(start).start, f"{statement}{newline}"),)


def _insert_in_order(
    document: Document, statement: str, wanted: _Imported, same: Sequence[cst.CSTNode]
) -> Edits | None:
    """The place of an import among those of its section, or between sections; ``None`` where these are not sorted."""
    newline, section = document.tree.default_newline, _section(wanted.module)
    beside = same[0] if same else _last_of_run(document.tree.body)
    end = document.span(beside).end if beside is not None else 0
    blocks = [each for each in _import_blocks(document) if document.span(each[0]).start < end]
    if same:
        blocks = [each for each in blocks if any(line is beside for line in each)]
    own = next((each for each in blocks if all(_section_of(line) == section for line in each)), None)
    if own is not None:
        return _insert_into(document, own, statement, wanted)
    if same or not blocks or not _is_sorted(blocks[0]):
        return None
    sections = [{_section_of(line) for line in each} for each in blocks]
    if any(len(each) > 1 for each in sections):
        return None
    below = [block for block, found in zip(blocks, sections, strict=True) if min(found) > section]
    if below:
        at = document.line_span(_start_of(document, below[0][0])).start
        return (_insert(at, f"{statement}{newline * 2}"),)
    return (_insert(document.line_span(document.span(blocks[-1][-1]).end).end, f"{newline * 2}{statement}"),)


def _insert_into(
    document: Document, block: Sequence[cst.SimpleStatementLine], statement: str, wanted: _Imported
) -> Edits | None:
    newline, is_from = document.tree.default_newline, statement.startswith("from ")
    key = next((each for each in _ORDERS if _is_sorted(block, each)), None)
    if key is None:
        return None
    later = [each for each in block if key(*_key_of(each)) > key(is_from, wanted.module)]
    if not later:
        return (_insert(document.line_span(document.span(block[-1]).end).end, f"{newline}{statement}"),)
    at = document.line_span(_start_of(document, later[0])).start
    if later[0] is not block[0]:
        at = min((each.start for each in _comments_above(document, at)), default=at)
    return (_insert(at, f"{statement}{newline}"),)


def _import_blocks(document: Document) -> list[list[cst.SimpleStatementLine]]:
    """The imports of the module that follow each other with no blank line between them."""
    blocks: list[list[cst.SimpleStatementLine]] = []
    last: cst.CSTNode | None = None
    for line in document.tree.body:
        if isinstance(line, cst.SimpleStatementLine) and _is_import_line(line):
            is_apart = any(each.comment is None for each in line.leading_lines)
            if (
                last is not None
                and blocks
                and blocks[-1][-1] is last
                and not is_apart
                and document.same_cell(document.span(last).start, document.span(line).start)
            ):
                blocks[-1].append(line)
            else:
                blocks.append([line])
        last = line
    return blocks


def _section(module: str) -> int:
    """Where imports of a module go: the future, the standard library, other packages, this package."""
    root = module.partition(".")[0]
    if root == "__future__":
        return 0
    if not root:
        return 3
    return 1 if root in sys.stdlib_module_names else 2


def _section_of(line: cst.SimpleStatementLine) -> int:
    return _section(_key_of(line)[1])


def _key_of(line: cst.SimpleStatementLine) -> tuple[bool, str]:
    """Whether an import takes names from a module, and the module."""
    node = line.body[0]
    if isinstance(node, cst.ImportFrom):
        return True, "." * len(node.relative) + (_dotted(node.module) if node.module is not None else "")
    return False, _dotted(node.names[0].name) if isinstance(node, cst.Import) else ""


def _by_kind(is_from: bool, module: str) -> tuple[object, ...]:
    return is_from, module.lower()


def _by_module(is_from: bool, module: str) -> tuple[object, ...]:
    return module.lower(), is_from


_ORDERS: tuple[Callable[[bool, str], tuple[object, ...]], ...] = (_by_kind, _by_module)
"""How sorters of imports order a section: `import` before `from`, or all by their modules."""


def _is_sorted(
    block: Sequence[cst.SimpleStatementLine], key: Callable[[bool, str], tuple[object, ...]] | None = None
) -> bool:
    """Whether imports are in one of the orders, each on a line of its own."""
    if any(
        len(each.body) > 1 or (isinstance(each.body[0], cst.Import) and len(each.body[0].names) > 1) for each in block
    ):
        return False
    keys = [(key or _by_kind)(*_key_of(each)) for each in block]
    return keys == sorted(keys) or (key is None and _is_sorted(block, _by_module))


def _last_of_run(body: Sequence[cst.CSTNode]) -> cst.CSTNode | None:
    """The last statement of a module's docstring and the imports that directly follow it."""
    last: cst.CSTNode | None = None
    for index, line in enumerate(body):
        if not (_is_import_line(line) or (index == 0 and _is_docstring(line))):
            break
        last = line
    return last


def _is_import_line(line: cst.CSTNode) -> bool:
    return isinstance(line, cst.SimpleStatementLine) and all(
        isinstance(each, cst.Import | cst.ImportFrom) for each in line.body
    )


def _is_docstring(line: cst.CSTNode) -> bool:
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
        return False
    small = line.body[0]
    return isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString | cst.ConcatenatedString)


def _loads(line: cst.CSTNode, root: str) -> bool:
    return any(
        imported.module.partition(".")[0] == root
        for each in _module_imports([line], in_try=True)
        for imported in _imported(each)
    )


def _dotted(node: cst.CSTNode) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""


# -- places -----------------------------------------------------------------------------------------------


def _comments_above(document: Document, start: int) -> Iterator[Span]:
    """The lines right above the one that begins at ``start`` that hold nothing but a comment, nearest first."""
    at = start
    while at > 0:
        above = document.line_span(at - (2 if document.text.startswith("\r\n", at - 2) else 1))
        is_comment = document.text[above.start : above.end].lstrip().startswith("#")
        if not is_comment or not document.same_cell(above.start, start):
            return
        yield above
        at = above.start


def _insert(offset: int, text: str) -> Edit:
    return Edit(Span(offset, offset), text)


def _line_starts(document: Document, start: int, end: int) -> Iterator[int]:
    """The starts of the lines with text between two offsets, that of ``start`` left out."""
    at = start
    while True:
        line_end = document.line_span(at).end
        at = line_end + len(document.newline_at(line_end))
        if at >= end:
            return
        line = document.line_span(at)
        if document.text[line.start : line.end].strip():
            yield at
