"""What names mean: scopes, bindings, imports, and the bindings that can reach a use."""

from __future__ import annotations

import builtins
import enum
import itertools
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import libcst as cst

from greenlint.facts.tree import Tree
from greenlint.knowledge.aliases import canonical
from greenlint.regions import Regions

if TYPE_CHECKING:
    from greenlint.document import Part
    from greenlint.facts import Facts

__all__ = ["Binding", "BindingKind", "Names", "Scope", "dotted", "root_name"]

_DEPTH = 8


class BindingKind(enum.Enum):
    """How a name got its value."""

    IMPORT = "import"
    ASSIGN = "assign"
    AUGMENTED = "augmented"
    PARAMETER = "parameter"
    LOOP = "loop"
    CONTEXT = "context"
    FUNCTION = "function"
    CLASS = "class"
    OTHER = "other"


@dataclass(slots=True, eq=False)
class Scope:
    """A module, function, class, lambda or comprehension."""

    node: cst.CSTNode
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    """Names declared ``global`` or ``nonlocal``."""

    @property
    def is_class(self) -> bool:
        """Whether inner functions cannot see the names bound here."""
        return type(self.node) is cst.ClassDef


@dataclass(slots=True, eq=False)
class Binding:
    """One place that gives a name a value.

    ``value`` is the expression on the right; ``path`` leads into it when it is unpacked (``(1,)`` is its second
    element). For ``LOOP`` the value is the iterable, for ``CONTEXT`` the manager, for ``PARAMETER`` the default.
    ``imported`` is the dotted name an import gives, with leading dots when it is relative.
    """

    name: str
    kind: BindingKind
    node: cst.CSTNode
    scope: Scope
    order: int
    value: cst.BaseExpression | None = None
    path: tuple[int, ...] = ()
    imported: str | None = None
    target: cst.Attribute | None = None
    """What is stored to, for ``OBJECT.NAME = value``."""
    rank: int = field(init=False)
    """The ``order`` within its statement at the top of the module, which stays when an edit moves that."""

    def __post_init__(self) -> None:
        self.rank = self.order

    @property
    def picked(self) -> cst.BaseExpression | None:
        """The value, of a tuple or list that is written out the element that an unpacked name takes."""
        value = self.value
        for step in self.path:
            if not isinstance(value, (cst.Tuple, cst.List)) or not 0 <= step < len(value.elements):
                break
            value = value.elements[step].value
        return value


def dotted(node: cst.CSTNode) -> str | None:
    """``a.b.c`` as written, ``None`` when anything but names and dots is in it."""
    parts: list[str] = []
    while type(node) is cst.Attribute:
        parts.append(node.attr.value)
        node = node.value
    if type(node) is not cst.Name:
        return None
    parts.append(node.value)
    return ".".join(reversed(parts))


def root_name(node: cst.CSTNode) -> str | None:
    """The variable that an attribute or element, at any depth, is a part of: ``table`` for ``table.rows[0].cells``."""
    while isinstance(node, (cst.Subscript, cst.Attribute)):
        node = node.value
    return node.value if isinstance(node, cst.Name) else None


class Names:
    """Scopes and bindings of one file."""

    of_document: ClassVar[bool] = True

    def __init__(self, facts: Facts) -> None:
        self._tree = facts[Tree]
        self.module = Scope(self._tree.root, None)
        self.star_imports: list[str] = []
        """Modules whose names are imported by ``*``: names bound nowhere else may come from them."""
        self.attributes: dict[str, list[Binding]] = {}
        """``self.NAME = value`` anywhere in the file, by ``Class.NAME``."""
        self.stores: dict[str, list[Binding]] = {}
        """``OBJECT.NAME = value`` anywhere in the file, by the last name, ``self`` included."""
        self.renamed: set[str] = set()
        """Names that somewhere in the file may stand for what has another name elsewhere."""
        # By the id() of nodes, which are kept alive beside: to hash them runs code of libcst's own.
        self._reach: dict[int, tuple[cst.CSTNode, tuple[Binding, ...]]] = {}
        self._resolved: dict[int, tuple[cst.CSTNode, str | None]] = {}
        self._parts = {part: _bound_by(part, facts.document.index) for part in facts.document.parts}
        for part, bound in self._parts.items():
            self._join(bound, self._tree.first(part.node))

    def _join(self, bound: _Bound, base: int) -> None:
        """Take in what a statement at the top of the module binds."""
        bound.join(self.module, base)
        self.star_imports += bound.star_imports
        self.renamed |= bound.renamed
        for here, there in (
            (self.module.bindings, bound.module.bindings),
            (self.attributes, bound.attributes),
            (self.stores, bound.stores),
        ):
            for name, bindings in there.items():
                here.setdefault(name, []).extend(bindings)
        self.module.elsewhere |= bound.module.elsewhere

    def let_go(self, lasting: Container[Part]) -> None:
        """Let go of the bindings, which refer to their scopes and these to them, but for those of ``lasting`` parts."""
        self.module.bindings.clear()
        for part, bound in self._parts.items():
            bound.close(part if part in lasting else None)

    # -- scopes -----------------------------------------------------------------------------------------------

    def scope(self, node: cst.CSTNode) -> Scope:
        """The scope in which ``node`` is evaluated."""
        part, rank = self._tree.place(node)
        if part is None:
            return self.module
        bound = self._parts[part]
        scope = bound.regions.at(rank)
        return self.module if scope is bound.module else scope

    def of(self, node: cst.CSTNode) -> Scope | None:
        """The scope that a module, function, class, lambda or comprehension opens."""
        part, _ = self._tree.place(node)
        if part is None:
            return self.module if node is self._tree.root else None
        return self._parts[part].scopes.get(node)

    # -- uses -------------------------------------------------------------------------------------------------

    def reaching(self, use: cst.Name) -> tuple[Binding, ...]:
        """The bindings whose value ``use`` may have; empty when the name is bound nowhere in this file."""
        known = self._reach.get(id(use))
        if known is None:
            known = self._reach[id(use)] = use, self._reaching(use.value, use)
        return known[1]

    def lookup(self, name: str, at: cst.CSTNode) -> tuple[Binding, ...]:
        """As :meth:`reaching`, for a name that is not written at ``at``."""
        return self._reaching(name, at)

    def is_bound(self, name: str, at: cst.CSTNode) -> bool:
        """Whether a name certainly has a value at ``at``: it is set on every way there, or in a scope around."""
        scope = self.scope(at)
        found = scope.bindings.get(name, ())
        if not found or name in scope.elsewhere:
            return bool(self.lookup(name, at)) or hasattr(builtins, name)
        rank, arms = self._tree.first(at), set[cst.CSTNode]()
        before = [each for each in reversed(found) if each.order < rank and not _may_fail(self._tree, each.node, at)]
        return any(
            each.kind is BindingKind.PARAMETER
            or _dominates(self._tree, each.node, at)
            or _completes(self._tree, each.node, at, arms)
            for each in before
        )

    def _reaching(self, name: str, use: cst.CSTNode) -> tuple[Binding, ...]:
        start = scope = self.scope(use)
        current: Scope | None = scope
        while current is not None:
            if (
                name in current.bindings
                and name not in current.elsewhere
                and (current is start or not current.is_class)
            ):
                found = current.bindings[name]
                if len(found) == 1:
                    return (found[0],)
                if current is start:
                    return tuple(self._flow(found, use)) or tuple(found)
                if _transparent(start, current):
                    return tuple(self._flow(found, start.node)) or tuple(found)
                return tuple(found)
            current = current.parent
        return ()

    def _flow(self, bindings: list[Binding], use: cst.CSTNode) -> Iterator[Binding]:
        """The last binding that certainly runs before ``use``, and those that may run in between or go round a loop."""
        tree = self._tree
        rank = tree.first(use)
        certain = None
        arms: set[cst.CSTNode] = set()
        for binding in reversed(bindings):
            if binding.order >= rank or _exclusive(tree, binding.node, use):
                continue
            yield binding
            if _dominates(tree, binding.node, use) or _completes(tree, binding.node, use, arms):
                certain = binding
                break
        loops = tree.loops_around(use)
        for binding in bindings:
            if binding.order < rank:
                continue
            around = [loop for loop in loops if tree.contains(loop, binding.node)]
            if around and not (certain is not None and tree.contains(around[0], certain.node)):
                yield binding

    # -- resolved names ---------------------------------------------------------------------------------------

    def resolve(self, node: cst.CSTNode) -> str | None:
        """The canonical dotted name an expression stands for through imports and plain aliases.

        Names of this file's own functions and classes, values, and names from star imports are not resolved; a
        relative import gives a name with leading dots, a builtin ``builtins.NAME``.
        """
        known = self._resolved.get(id(node))
        if known is None:
            known = self._resolved[id(node)] = node, self._resolve(node, _DEPTH)
        return known[1]

    def _resolve(self, node: cst.CSTNode, depth: int) -> str | None:
        if depth == 0:
            return None
        # An exact type: to ask isinstance() of a class of libcst runs code of the abc module where the answer is no.
        if type(node) is cst.Attribute:
            base = self._resolve(node.value, depth - 1)
            return canonical(f"{base}.{node.attr.value}") if base is not None else None
        if type(node) is not cst.Name:
            return None
        bindings = self.reaching(node)
        if not bindings:
            return f"builtins.{node.value}" if hasattr(builtins, node.value) else None
        names = {self._resolve_binding(each, depth) for each in bindings if not _is_none(each.value)}
        return names.pop() if len(names) == 1 else None

    def _resolve_binding(self, binding: Binding, depth: int) -> str | None:
        if binding.kind is BindingKind.IMPORT:
            return canonical(binding.imported) if binding.imported else None
        value = binding.value
        if binding.kind is not BindingKind.ASSIGN or binding.path or not isinstance(value, (cst.Name, cst.Attribute)):
            return None
        return None if self._is_value(value) else self._resolve(value, depth - 1)

    def _is_value(self, node: cst.BaseExpression) -> bool:
        """Builtin constants alias nothing."""
        return isinstance(node, cst.Name) and node.value in ("True", "False", "None")

    def names_of(self, node: cst.CSTNode) -> frozenset[str]:
        """Every dotted name the expression may stand for; use :meth:`resolve` where one certain name is needed."""
        if not isinstance(node, cst.Name):
            single = self.resolve(node)
            return frozenset((single,)) if single else frozenset()
        found = {self._resolve_binding(each, _DEPTH) for each in self.reaching(node)}
        return frozenset(each for each in found if each)

    def local_definitions(self, node: cst.CSTNode) -> Sequence[cst.FunctionDef | cst.ClassDef]:
        """The functions and classes of this file that a bare name may stand for."""
        if type(node) is not cst.Name:
            return ()
        found: list[cst.FunctionDef | cst.ClassDef] = []
        for binding in self.reaching(node):
            found.extend(self._definitions_of(binding, _DEPTH))
        return found

    def _definitions_of(self, binding: Binding, depth: int) -> Iterator[cst.FunctionDef | cst.ClassDef]:
        if binding.kind is BindingKind.FUNCTION or binding.kind is BindingKind.CLASS:
            if isinstance(binding.node, (cst.FunctionDef, cst.ClassDef)):
                yield binding.node
        elif binding.kind is BindingKind.ASSIGN and isinstance(binding.value, cst.Name) and depth and not binding.path:
            for each in self.reaching(binding.value):
                yield from self._definitions_of(each, depth - 1)

    def imports(self) -> Iterator[Binding]:
        """Every import of the file, in source order within each scope."""
        inner = (scope for bound in self._parts.values() for scope in bound.scopes.values())
        for scope in itertools.chain((self.module,), inner):
            for bindings in scope.bindings.values():
                yield from (each for each in bindings if each.kind is BindingKind.IMPORT)


def _is_none(value: cst.BaseExpression | None) -> bool:
    return type(value) is cst.Name and value.value == "None"


def _transparent(inner: Scope, outer: Scope) -> bool:
    """Whether ``inner`` is a comprehension or lambda evaluated where it stands in ``outer``."""
    scope: Scope | None = inner
    while scope is not None and scope is not outer:
        if not isinstance(scope.node, (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)):
            return False
        scope = scope.parent
    return scope is outer


_BRANCHES = frozenset((cst.If, cst.For, cst.While, cst.Try, cst.TryStar, cst.Match))


def _arms(tree: Tree, node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """The branching statements around ``node`` with the child of each that holds it, up to the scope."""
    below = node
    for above in tree.ancestors(node):
        kind = type(above)
        if kind in _WITH_BODY:
            return
        if kind in _BRANCHES:
            yield above, below
        below = above


def _dominates(tree: Tree, binding: cst.CSTNode, use: cst.CSTNode) -> bool:
    """Whether ``binding`` runs whenever ``use``, later in the text, does."""
    for branch, arm in _arms(tree, binding):
        if isinstance(branch, (cst.Try, cst.TryStar)) and arm is branch.body:
            continue
        if arm in (getattr(branch, "test", None), getattr(branch, "iter", None)):
            continue
        if isinstance(branch, cst.For) and branch is binding and tree.contains(branch.body, use):
            continue
        if not tree.contains(arm, use):
            return False
    if isinstance(binding, cst.For):
        return tree.contains(binding.body, use)
    return True


def _may_fail(tree: Tree, binding: cst.CSTNode, use: cst.CSTNode) -> bool:
    """Whether a ``try`` that ends before ``use`` may leave ``binding`` out."""
    return any(
        isinstance(branch, (cst.Try, cst.TryStar)) and not tree.contains(branch, use)
        for branch, _ in _arms(tree, binding)
    )


def _completes(tree: Tree, binding: cst.CSTNode, use: cst.CSTNode, arms: set[cst.CSTNode]) -> bool:
    """Whether ``binding`` fills the last open arm of an ``if`` that certainly runs before ``use``.

    ``arms`` collects the arms seen so far.
    """
    around = [(branch, arm) for branch, arm in _arms(tree, binding) if not tree.contains(arm, use)]
    if not around or not all(isinstance(branch, cst.If) for branch, _ in around):
        return False
    arms.add(around[0][1])
    outer = around[-1][0]
    return isinstance(outer, cst.If) and _full(outer, arms) and _dominates(tree, outer, use)


def _full(branch: cst.If, arms: set[cst.CSTNode]) -> bool:
    """Whether every arm of ``branch`` is in ``arms`` or itself full."""
    other = branch.orelse
    if other is None or branch.body not in arms:
        return False
    return other in arms or (isinstance(other, cst.If) and _full(other, arms))


def _exclusive(tree: Tree, binding: cst.CSTNode, use: cst.CSTNode) -> bool:
    """Whether the two stand in different arms of one ``if``, or ``binding`` in an arm that always leaves."""
    for branch, arm in _arms(tree, binding):
        if not isinstance(branch, cst.If) or arm is branch.test:
            continue
        if tree.contains(branch, use):
            if not tree.contains(arm, use) and not tree.contains(branch.test, use):
                return True
        elif _leaves(arm.body if isinstance(arm, cst.Else) else arm):
            return True
    return False


def _leaves(body: cst.CSTNode) -> bool:
    """Whether a block ends by leaving its surroundings."""
    if not isinstance(body, cst.IndentedBlock) or not body.body:
        return False
    last = body.body[-1]
    return isinstance(last, cst.SimpleStatementLine) and isinstance(
        last.body[-1], (cst.Return, cst.Raise, cst.Continue, cst.Break)
    )


def _bound_by(part: Part, index: Mapping[int, tuple[Part, int]]) -> _Bound:
    """What a statement binds, which may be known from before an edit elsewhere."""
    known = part.kept.get(_Bound)
    return known if isinstance(known, _Bound) and not known.is_taken else _Bound(part, index)


class _Bound:
    """What one statement at the top of a module binds. It outlives the module's :class:`Names` when others are edited.

    Built in one walk.
    """

    def __init__(self, part: Part, index: Mapping[int, tuple[Part, int]]) -> None:
        self.module = Scope(cst.Pass(), None)
        """Stands in for the scope of the module, whatever node that has."""
        self.scopes: dict[cst.CSTNode, Scope] = {}
        """All others."""
        self.star_imports: list[str] = []
        self.attributes: dict[str, list[Binding]] = {}
        self.stores: dict[str, list[Binding]] = {}
        self.renamed: set[str] = set()
        self.is_taken = False
        """Whether it is a part of a :class:`Names` that is in use."""
        self._index, self._shape = index, part.shape
        self._bindings: list[Binding] = []
        self.regions = self._bind()
        """The scope in which each node is evaluated, by its rank in the statement."""
        self._outermost = [each for each in self.scopes.values() if each.parent is self.module]
        self._at_top = [each for each in self._bindings if each.scope is self.module]
        del self._index

    def join(self, module: Scope, base: int) -> None:
        """Be a part of ``module`` that begins at the rank ``base``."""
        self.is_taken = True
        for scope in self._outermost:
            scope.parent = module
        for each in self._bindings:
            each.order = base + each.rank
        for each in self._at_top:
            each.scope = module

    def close(self, part: Part | None) -> None:
        """Be no part of a module any more, and stay with ``part`` if that lasts."""
        self.is_taken = False
        if part is not None:
            part.kept[_Bound] = self
            return
        for scope in (self.module, *self.scopes.values()):
            scope.bindings.clear()

    def _first(self, node: cst.CSTNode) -> int:
        return self._index[id(node)][1]

    def _last(self, node: cst.CSTNode) -> int:
        return self._shape.end[self._first(node)]

    def _bind(self) -> Regions[Scope]:
        regions = Regions(self.module)
        ranks = self._shape.ranks
        for rank in sorted(rank for kind in _NOTED for rank in ranks.get(kind, ())):
            node = self._shape.nodes[rank]
            scope = regions.reach(rank)
            kind = type(node)
            if kind in _HANDLERS:
                _HANDLERS[kind](self, node, scope)
            if kind in _WITH_BODY:
                # Decorators, defaults, annotations and bases are evaluated outside the scope they stand at.
                body = self._first(node.body)  # type: ignore[attr-defined]
                regions.mark(body, self._shape.end[body], self._open(node, scope))
            elif kind in _OPENING:
                regions.mark(rank + 1, self._shape.end[rank], self._open(node, scope))
        regions.finish()
        return regions

    def _open(self, node: cst.CSTNode, scope: Scope) -> Scope:
        inner = self.scopes[node] = Scope(node, scope)
        if isinstance(node, (cst.FunctionDef, cst.Lambda)):
            self._parameters(node.params, inner)
        return inner

    def _parameters(self, params: cst.Parameters, scope: Scope) -> None:
        every = [*params.posonly_params, *params.params, *params.kwonly_params]
        every.extend(star for star in (params.star_arg, params.star_kwarg) if isinstance(star, cst.Param))
        for param in every:
            self.add(scope, param.name, BindingKind.PARAMETER, param, param.default, order=self._first(scope.node))

    def add(
        self,
        scope: Scope,
        target: cst.CSTNode,
        kind: BindingKind,
        node: cst.CSTNode,
        value: cst.BaseExpression | None = None,
        *,
        order: int | None = None,
        path: tuple[int, ...] = (),
    ) -> None:
        """Bind a target, which may be a name, an attribute or a nest of both."""
        at = self._last(node) if order is None else order
        if isinstance(target, cst.Name):
            if target.value in scope.elsewhere:
                scope = self._outer(scope, target.value)
            self._keep(Binding(target.value, kind, node, scope, at, value, path))
        elif isinstance(target, (cst.Tuple, cst.List)):
            for index, element in enumerate(target.elements):
                step = index if isinstance(element, cst.Element) else -1
                self.add(scope, element.value, kind, node, value, order=at, path=(*path, step))
        elif isinstance(target, cst.Attribute):
            self._attribute(scope, target, kind, node, value, at, path)

    def _keep(self, found: Binding) -> None:
        self._bindings.append(found)
        found.scope.bindings.setdefault(found.name, []).append(found)

    def _outer(self, scope: Scope, name: str) -> Scope:
        above = scope.parent
        while above is not None and above.parent is not None:
            if name in above.bindings and not above.is_class:
                return above
            above = above.parent
        return self.module

    def _attribute(
        self,
        scope: Scope,
        target: cst.Attribute,
        kind: BindingKind,
        node: cst.CSTNode,
        value: cst.BaseExpression | None,
        order: int,
        path: tuple[int, ...],
    ) -> None:
        found = Binding(target.attr.value, kind, node, scope, order, value, path, target=target)
        self._bindings.append(found)
        self.stores.setdefault(target.attr.value, []).append(found)
        owner = self._class_around(scope)
        if isinstance(target.value, cst.Name) and target.value.value in ("self", "cls") and owner is not None:
            self.attributes.setdefault(f"{owner.name.value}.{target.attr.value}", []).append(found)

    @staticmethod
    def _class_around(scope: Scope) -> cst.ClassDef | None:
        above: Scope | None = scope
        while above is not None:
            if isinstance(above.node, cst.ClassDef):
                return above.node
            above = above.parent
        return None

    # -- statements -------------------------------------------------------------------------------------------

    def import_(self, node: cst.Import, scope: Scope) -> None:
        for alias in node.names:
            name = dotted(alias.name)
            if name is None:
                continue
            if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
                self._imported(scope, alias.asname.name.value, name, node)
            else:
                root = name.split(".")[0]
                self._imported(scope, root, root, node)

    def import_from(self, node: cst.ImportFrom, scope: Scope) -> None:
        base = "." * len(node.relative) + (dotted(node.module) or "" if node.module is not None else "")
        if isinstance(node.names, cst.ImportStar):
            self.star_imports.append(base)
            return
        for alias in node.names:
            name = dotted(alias.name)
            if name is None:
                continue
            local = name
            if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
                local = alias.asname.name.value
            joined = f"{base}{name}" if base.endswith(".") or not base else f"{base}.{name}"
            self._imported(scope, local, joined, node)

    def _imported(self, scope: Scope, local: str, name: str, node: cst.CSTNode) -> None:
        if local in scope.elsewhere:
            scope = self.module
        if name.rsplit(".", 1)[-1] != local:
            self.renamed.add(local)
        at = self._last(node)
        self._keep(Binding(local, BindingKind.IMPORT, node, scope, at, imported=name))

    def assign(self, node: cst.Assign, scope: Scope) -> None:
        for target in node.targets:
            if isinstance(target.target, cst.Name) and isinstance(node.value, _ALIASING):
                self.renamed.add(target.target.value)
            self.add(scope, target.target, BindingKind.ASSIGN, node, node.value)

    def ann_assign(self, node: cst.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.add(scope, node.target, BindingKind.ASSIGN, node, node.value)

    def aug_assign(self, node: cst.AugAssign, scope: Scope) -> None:
        self.add(scope, node.target, BindingKind.AUGMENTED, node, node.value)

    def named_expr(self, node: cst.NamedExpr, scope: Scope) -> None:
        while isinstance(scope.node, _COMPREHENSIONS) and scope.parent is not None:
            scope = scope.parent
        self.add(scope, node.target, BindingKind.ASSIGN, node, node.value)

    def for_(self, node: cst.For, scope: Scope) -> None:
        order = self._last(node.iter)
        self.add(scope, node.target, BindingKind.LOOP, node, node.iter, order=order)

    def comp_for(self, node: cst.CompFor, scope: Scope) -> None:
        self.add(scope, node.target, BindingKind.LOOP, node, node.iter, order=self._first(scope.node))

    def with_item(self, node: cst.WithItem, scope: Scope) -> None:
        if node.asname is not None:
            self.add(scope, node.asname.name, BindingKind.CONTEXT, node, node.item)

    def function(self, node: cst.FunctionDef, scope: Scope) -> None:
        self.add(scope, node.name, BindingKind.FUNCTION, node, order=self._first(node))

    def class_(self, node: cst.ClassDef, scope: Scope) -> None:
        self.add(scope, node.name, BindingKind.CLASS, node, order=self._first(node))

    def except_(self, node: cst.ExceptHandler, scope: Scope) -> None:
        if node.name is not None:
            self.add(scope, node.name.name, BindingKind.OTHER, node, order=self._first(node))

    def outside(self, node: cst.Global | cst.Nonlocal, scope: Scope) -> None:
        scope.elsewhere.update(item.name.value for item in node.names)

    def pattern(self, node: cst.MatchAs, scope: Scope) -> None:
        if node.name is not None:
            self.add(scope, node.name, BindingKind.OTHER, node)


_COMPREHENSIONS = (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
_ALIASING = (cst.Name, cst.Attribute, cst.Call, cst.IfExp)
"""What a name may be assigned to be called by another name: ``functools.partial(...)`` is a call."""
_WITH_BODY = frozenset((cst.FunctionDef, cst.ClassDef, cst.Lambda))
_OPENING = (cst.Lambda, *_COMPREHENSIONS)
"""What opens a scope and binds nothing."""
_HANDLERS: dict[type, Callable[[_Bound, Any, Scope], None]] = {
    cst.Import: _Bound.import_,
    cst.ImportFrom: _Bound.import_from,
    cst.Assign: _Bound.assign,
    cst.AnnAssign: _Bound.ann_assign,
    cst.AugAssign: _Bound.aug_assign,
    cst.NamedExpr: _Bound.named_expr,
    cst.For: _Bound.for_,
    cst.CompFor: _Bound.comp_for,
    cst.WithItem: _Bound.with_item,
    cst.FunctionDef: _Bound.function,
    cst.ClassDef: _Bound.class_,
    cst.ExceptHandler: _Bound.except_,
    cst.Global: _Bound.outside,
    cst.Nonlocal: _Bound.outside,
    cst.MatchAs: _Bound.pattern,
}
_NOTED = (*_HANDLERS, *_OPENING)
