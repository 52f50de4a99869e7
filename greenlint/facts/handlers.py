"""Code that a server or app runs for each request, message or click: routes, views, tasks, callbacks, reruns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from greenlint.facts.calls import Call, Calls
from greenlint.facts.names import BindingKind, Names, dotted
from greenlint.facts.project import Definition, Project
from greenlint.facts.tree import Tree
from greenlint.facts.values import Values
from greenlint.knowledge import serving as known

if TYPE_CHECKING:
    from greenlint.facts import Facts

__all__ = ["Handler", "Handlers"]


@dataclass(frozen=True, slots=True)
class Handler:
    """A body of code that runs once for each request, task, event or rerun."""

    facts: Facts
    node: cst.FunctionDef | cst.Module
    what: str
    """Such as ``FastAPI route`` or ``Streamlit script``."""

    @property
    def when(self) -> str:
        """How often it runs, in words."""
        return known.WHEN.get(self.what, "for each request")

    @property
    def name(self) -> str:
        """The name of the function; empty for a script."""
        return self.node.name.value if isinstance(self.node, cst.FunctionDef) else ""


class Handlers:
    """Handlers of one file."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._tree = facts[Tree]
        self._names = facts[Names]
        self._calls = facts[Calls]
        self._roots = {(each.imported or "").split(".")[0] for each in self._names.imports()}
        self._known: list[Handler] | None = None

    @property
    def all(self) -> list[Handler]:
        """Every handler of the file, in source order."""
        if self._known is None:
            found: dict[cst.CSTNode, Handler] = {}
            for each in self._find():
                found.setdefault(each.node, each)
            self._known = sorted(found.values(), key=lambda each: self._tree.first(each.node))
        return self._known

    def around(self, node: cst.CSTNode) -> Handler | None:
        """The handler whose own body holds ``node``."""
        function = self._tree.function(node)
        while function is not None:
            for each in self.all:
                if each.node is function:
                    return each
            function = self._tree.function(function)
        return next((each for each in self.all if isinstance(each.node, cst.Module)), None)

    def calls(self, handler: Handler) -> Iterator[Call]:
        """The calls that stand in a handler's own body, not in functions or lambdas defined there."""
        own = handler.node if isinstance(handler.node, cst.FunctionDef) else None
        for call in self._calls.within(handler.node if own is None else own.body):
            if self._tree.function(call.node) is own and not self._in_class(call.node, handler):
                yield call

    def _in_class(self, node: cst.CSTNode, handler: Handler) -> bool:
        if isinstance(handler.node, cst.FunctionDef):
            return False
        return self._tree.enclosing(node, cst.ClassDef) is not None

    # -- finding them -----------------------------------------------------------------------------------------

    def _find(self) -> Iterator[Handler]:
        for function in self._tree.of_type(cst.FunctionDef):
            what = self._by_decorator(function) or self._by_signature(function)
            if what is not None:
                yield Handler(self._facts, function, what)
        if "gradio" in self._roots:
            yield from self._gradio()
        if "streamlit" in self._roots:
            yield from self._streamlit()

    def _by_decorator(self, function: cst.FunctionDef) -> str | None:
        for each in function.decorators:
            node = each.decorator
            func = node.func if isinstance(node, cst.Call) else node
            last = (dotted(func) or "").rsplit(".", 1)[-1]
            if self._names.resolve(func) in known.TASK_DECORATORS:
                return "Celery task"
            if not isinstance(func, cst.Attribute):
                continue
            if last == "task" and "celery" in self._roots:
                return "Celery task"
            if last in known.ROUTE_METHODS and isinstance(node, cst.Call) and self._is_route(node, func.value):
                return f"{self._framework()} route"
        return None

    def _is_route(self, node: cst.Call, app: cst.BaseExpression) -> bool:
        made = self._facts[Values].of(app).call
        if made is not None and made.name in known.APPS:
            return True
        path = self._calls.of(node).argument("path", 0)
        value = path.constant
        return isinstance(value, str) and value.startswith(("/", "<")) and bool(self._roots & known.WEB.keys())

    def _framework(self) -> str:
        for root, name in known.WEB.items():
            if root in self._roots:
                return name
        return "web"

    def _by_signature(self, function: cst.FunctionDef) -> str | None:
        parameters = [each.name.value for each in function.params.params]
        owner = self._tree.class_of(function)
        if owner is None:
            if parameters == ["event", "context"] and self._tree.function(function) is None:
                return "Lambda handler"
            if parameters[:1] == ["request"] and self._roots & {"django", "rest_framework"}:
                return "Django view"
            return None
        if function.name.value not in known.VIEW_METHODS:
            return None
        for base in self._facts[Project].bases(Definition(self._facts, owner)):
            for pattern, name in known.VIEWS:
                if re.search(pattern, base):
                    return name
        return None

    def _gradio(self) -> Iterator[Handler]:
        for call in self._calls.all:
            built = (call.name or "").startswith("gradio.") and call.method in ("Interface", "ChatInterface")
            if built or (call.name is None and call.method in known.GRADIO_EVENTS):
                yield from self._passed(call, "fn")

    def asked_for(self, node: cst.CSTNode, handler: Handler) -> bool:
        """Whether an expression in a handler's body is made from what the request or user gave."""
        return self._asked_for(node, handler, 6)

    def _asked_for(self, node: cst.CSTNode, handler: Handler, depth: int) -> bool:
        return any(self._is_given(each, handler, depth) for each in self._tree.below(node, cst.Name))

    def _is_given(self, name: cst.Name, handler: Handler, depth: int) -> bool:
        above = self._tree.parent(name)
        if isinstance(above, cst.Arg) and above.keyword is name:
            return False
        resolved = self._names.resolve(name) or ""
        if resolved.startswith("streamlit") or resolved.endswith(".request"):
            return True
        for binding in self._names.reaching(name):
            if binding.scope.node is not handler.node:
                continue
            if binding.kind is BindingKind.PARAMETER:
                return name.value not in ("self", "cls")
            value = binding.value
            if value is None or not depth or self._tree.contains(value, name):
                continue
            if self._asked_for(value, handler, depth - 1):
                return True
        return False

    def _passed(self, call: Call, parameter: str) -> Iterator[Handler]:
        argument = call.argument(parameter, 0)
        if argument.node is None or argument.facts is not self._facts:
            return
        definition = self._facts[Project].definition(argument.node)
        if definition is not None and definition.facts is self._facts and isinstance(definition.node, cst.FunctionDef):
            yield Handler(self._facts, definition.node, "Gradio callback")

    def _streamlit(self) -> Iterator[Handler]:
        """The script, and each function that draws widgets: all of it runs again at every click."""
        drawn = False
        for call in self._calls.all:
            if not (call.name or "").startswith("streamlit.") or call.method in known.NO_WIDGETS:
                continue
            drawn = True
            function = self._tree.function(call.node)
            if function is not None and not self._is_cached(function):
                yield Handler(self._facts, function, "Streamlit script")
        if drawn:
            yield Handler(self._facts, self._facts.document.tree, "Streamlit script")

    def _is_cached(self, function: cst.FunctionDef) -> bool:
        return any(True for _ in function.decorators)
