"""The base class of rules, their options, subscriptions, examples and evidence.

Importable without libcst: the registry, the byte gate and ``greenlint rule`` need a rule's data, not its tree.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from greenlint.finding import Applicability, Confidence, Edit, Fix, Severity
from greenlint.premise import Premise

if TYPE_CHECKING:
    import libcst as cst
    from typing_extensions import dataclass_transform

    from greenlint.document import Document
    from greenlint.outline import Outline
else:

    def dataclass_transform(**_: object) -> Callable[[type], type]:
        return lambda cls: cls


__all__ = [
    "Bad",
    "Category",
    "Evidence",
    "Example",
    "Findings",
    "Good",
    "Grade",
    "InvalidRuleError",
    "Premise",
    "Report",
    "Rule",
    "RuleOptions",
    "Status",
    "Subscription",
    "Where",
    "on_call",
    "on_file",
    "on_loop",
    "on_node",
    "rule_name",
]


class InvalidRuleError(Exception):
    """A rule class that breaks the contract; the message says which part."""


class Category(enum.Enum):
    """What is wasted; the name of the folder that holds the rule."""

    PRECISION = "precision"
    TRANSFER = "transfer"
    DEVICE = "device"
    LOADING = "loading"
    SEARCH = "search"
    COMPILATION = "compilation"
    MEMORY = "memory"
    SCHEDULE = "schedule"
    INFERENCE = "inference"
    CADENCE = "cadence"
    DISTRIBUTED = "distributed"
    DEBUGGING = "debugging"
    ESTIMATORS = "estimators"
    DATAPREP = "dataprep"
    FOOTPRINT = "footprint"
    SUPPRESSION = "suppression"
    """The engine's own: comments that suppress findings."""
    CUSTOM = "custom"
    """Rules of a project or package that files them in no folder of these names."""


class Status(enum.Enum):
    """Where a rule is in its life; only stable rules are on by default."""

    PREVIEW = "preview"
    STABLE = "stable"
    DEPRECATED = "deprecated"


class Grade(enum.Enum):
    """What kind of evidence stands behind a claim."""

    MEASURED = "measured energy"
    TIMED = "measured time or memory"
    DOCUMENTED = "stated by the framework's documentation"
    REASONED = "reasoned, not measured"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One published or measured statement about what the pattern costs."""

    grade: Grade
    claim: str
    source: str
    """Where it can be checked: a URL or an identifier such as ``arXiv 2007.06775``."""


@dataclass(frozen=True, slots=True)
class Example:
    """Code that documents and tests a rule. ``files`` are other files of the project, by path."""

    code: str
    why: str = ""
    options: dict[str, object] = dataclasses.field(default_factory=dict)
    files: dict[str, str] = dataclasses.field(default_factory=dict)
    settings: dict[str, object] = dataclasses.field(default_factory=dict)
    """Settings of the run that matter to the rule, such as ``{"hardware": "gpu"}``."""
    path: str = "example.py"
    not_as: tuple[str, ...] = ()
    """Forms the tester leaves out because they change what the code means: ``notebook``, ``crlf``, ``tabs``,
    ``function``, ``aliases``, ``renamed``, ``comments``, ``cells``, ``moved``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", textwrap.dedent(self.code).strip("\n") + "\n")
        files = {path: textwrap.dedent(text).strip("\n") + "\n" for path, text in self.files.items()}
        object.__setattr__(self, "files", files)


@dataclass(frozen=True, slots=True)
class Bad(Example):
    """Code with findings, each on a line that ends in ``# bad``."""

    fixed: str | None = None
    """The code after the rule's fix, without the marks; required exactly when the rule offers edits."""

    def __post_init__(self) -> None:
        # slots=True replaces the class, which breaks zero-argument super().
        Example.__post_init__(self)
        if self.fixed is not None:
            object.__setattr__(self, "fixed", textwrap.dedent(self.fixed).strip("\n") + "\n")


@dataclass(frozen=True, slots=True)
class Good(Example):
    """Code on which the rule is silent; ``why`` says what makes it innocent."""


@dataclass_transform(frozen_default=True)
class RuleOptions:
    """Typed options of a rule: annotated class attributes with defaults, documented by a docstring below each."""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True)(cls)


class Where(enum.Enum):
    """What a hook subscribes to."""

    CALL = "call"
    NODE = "node"
    LOOP = "loop"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One hook of a rule: run ``method`` for each subject of kind ``where`` whose key is in ``keys``."""

    where: Where
    keys: tuple[str, ...]
    method: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a rule yields: a finding still tied to tree nodes, placed by the engine."""

    node: cst.CSTNode
    message: str
    severity: Severity | None = None
    confidence: Confidence = Confidence.HIGH
    help: str | None = None
    notes: tuple[str, ...] = ()
    related: tuple[tuple[cst.CSTNode, str] | tuple[cst.CSTNode, str, Document], ...] = ()
    fix: Fix | None = None


Findings = Iterator[Report]
Hook = TypeVar("Hook", bound=Callable[..., Findings])


def on_call(*names: str) -> Callable[[Hook], Hook]:
    """Run for each call of one of these resolved names; ``"torch.optim.*"`` takes in a whole module.

    The hook gets ``(call: Call, facts: Facts)``.
    """
    return _subscribe(Where.CALL, names)


def on_node(*types: str) -> Callable[[Hook], Hook]:
    """Run for each node of these libcst types, given by name (``"FunctionDef"``).

    The hook gets ``(node, facts: Facts)``.
    """
    return _subscribe(Where.NODE, types)


def on_loop(*roles: str) -> Callable[[Hook], Hook]:
    """Run for each loop of one of these roles (values of ``LoopRole``).

    The hook gets ``(loop: Loop, facts: Facts)``.
    """
    return _subscribe(Where.LOOP, roles)


def on_file(hook: Hook) -> Hook:
    """Run once for each file that passes the rule's gate. The hook gets ``(tree: cst.Module, facts: Facts)``."""
    return _subscribe(Where.FILE, ("*",))(hook)


def _subscribe(where: Where, keys: Sequence[str]) -> Callable[[Hook], Hook]:
    def mark(hook: Hook) -> Hook:
        marks = [*getattr(hook, "_subscriptions", ()), (where, tuple(keys))]
        hook._subscriptions = marks  # type: ignore[attr-defined]
        return hook

    return mark


class Rule:
    """One wasteful pattern.

    A subclass sits alone in its module; the module's name is the rule's name, with dashes. Its docstring says what
    the rule does, why the pattern wastes energy, when not to follow it and how to fix it. Instances hold nothing but
    ``options``; hooks are pure generators of :class:`Report`.
    """

    Options: ClassVar[type[RuleOptions]] = RuleOptions

    severity: ClassVar[Severity] = Severity.WARNING
    status: ClassVar[Status] = Status.STABLE
    default: ClassVar[bool] = True
    """Whether the rule runs without being selected."""
    since: ClassVar[str] = "0.1.0"
    frameworks: ClassVar[tuple[str, ...]] = ()
    """Root packages, one of which a file must name (``"torch"``); empty for any file."""
    words: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """The first gate: a file without at least one word of each group cannot have a finding. A word is an identifier,
    or a part of one with ``*`` for the rest: ``"DataLoader"``, ``"*_eval"``, ``"train*"``."""
    premises: ClassVar[tuple[Premise, ...]] = ()
    """What the text of a file must not contradict; where one fails, no hook runs and nothing is parsed."""
    formerly: ClassVar[tuple[str, ...]] = ()
    references: ClassVar[tuple[str, ...]] = ()
    evidence: ClassVar[tuple[Evidence, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = ()

    name: ClassVar[str] = ""
    category: ClassVar[Category] = Category.CUSTOM
    subscriptions: ClassVar[tuple[Subscription, ...]] = ()

    def __init__(self, options: RuleOptions | None = None) -> None:
        self.options: Any = options if options is not None else self.Options()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = rule_name(cls.__module__)
        if "category" not in cls.__dict__:
            cls.category = _category(cls.__module__)
        cls.subscriptions = tuple(
            Subscription(where, keys, attribute)
            for attribute, member in inspect.getmembers(cls, inspect.isfunction)
            for where, keys in getattr(member, "_subscriptions", ())
        )

    @classmethod
    def concerns(cls, outline: Outline) -> bool:
        """The second gate: whether a file with this outline can have a finding. Must not lose one.

        Unless overridden: whether something is called that a hook waits for, when all hooks wait for calls.
        """
        if any(each.where is not Where.CALL for each in cls.subscriptions) or not cls.subscriptions:
            return True
        names = {key.rpartition(".")[2] for each in cls.subscriptions for key in each.keys}
        return "*" in names or not names.isdisjoint(outline.calls)

    def finding(
        self,
        node: cst.CSTNode,
        message: str,
        *,
        help: str | None = None,  # noqa: A002 - the field's name in every output format
        notes: Sequence[str] = (),
        related: Sequence[tuple[cst.CSTNode, str] | tuple[cst.CSTNode, str, Document]] = (),
        fix: Fix | None = None,
        severity: Severity | None = None,
        confidence: Confidence = Confidence.HIGH,
    ) -> Report:
        """A report at ``node``.

        ``message`` says what is wasted where (lower case, no full stop), ``help`` the remedy. ``severity`` may only
        demote. ``related`` holds ``(node, message)`` pairs, with a third element for nodes of another document.
        """
        if severity is not None and severity.rank > self.severity.rank:
            raise InvalidRuleError(f"{self.name}: a finding may be demoted, never promoted")
        return Report(node, message, severity, confidence, help, tuple(notes), tuple(related), fix)

    @staticmethod
    def safe_fix(title: str, *edits: Edit) -> Fix:
        """Same values, same side effects, only cheaper."""
        return Fix(title, edits, Applicability.SAFE)

    @staticmethod
    def unsafe_fix(title: str, *edits: Edit, reason: str) -> Fix:
        """May change numerics, randomness, memory or the course of training; ``reason`` says which."""
        return Fix(title, edits, Applicability.UNSAFE, reason)


def rule_name(module: str) -> str:
    """The name for a module path: ``greenlint_rules.loading.dataloader_no_workers`` -> ``dataloader-no-workers``."""
    return module.rsplit(".", 1)[-1].replace("_", "-")


def _category(module: str) -> Category:
    folder = module.split(".")[-2] if "." in module else ""
    try:
        return Category(folder)
    except ValueError:
        return Category.CUSTOM


MARK = re.compile(r"[ \t]*# bad[ \t]*$", re.MULTILINE)
"""The mark at the end of a line of a ``Bad`` example that carries a finding."""
