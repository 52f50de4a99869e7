"""Mappings: which keys a dictionary certainly holds before ``**``; silence where another may stand there."""

from __future__ import annotations

import textwrap

import pytest

from greenlint import reading
from greenlint.facts import Facts
from greenlint.facts.calls import UNKNOWN, Call, Calls
from greenlint.facts.grids import Grids
from greenlint.facts.mappings import Mappings, MappingValue
from greenlint.facts.modules import Modules
from greenlint.facts.sources import DictSources, RunSettings
from greenlint.facts.values import Values


def shown(code: str, files: dict[str, str] | None = None) -> tuple[Facts, Call]:
    """The last ``show(...)``."""
    text = textwrap.dedent(code)
    document = reading.parse("main.py", text.encode()).document
    assert document is not None
    facts = Modules.begin(document, DictSources({**(files or {}), "main.py": text}), RunSettings())
    return facts, facts[Calls].methods("show")[-1]


def passed(code: str, files: dict[str, str] | None = None) -> object:
    """What the last ``show(**...)`` passes as ``a``; ``"absent"`` when it certainly passes nothing."""
    argument = shown(code, files)[1].argument("a")
    return "absent" if argument.absent else argument.constant


def mapping(code: str) -> MappingValue | None:
    facts, call = shown(code)
    return facts[Mappings].of(call.positional[0])


# -- built -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("{'a': 1}", 1),
        ("{'a': 1, 'a': 2}", 2),
        ("{'b': 1}", "absent"),
        ("{}", "absent"),
        ("{**{'a': 1}, 'a': 2}", 2),
        ("{'a': 1, **{'a': 2}}", 2),
        ("{**unseen, 'a': 1}", 1),
        ("{key: 0, 'a': 1}", 1),
        ("{'a': 1, **unseen}", UNKNOWN),
        ("{'a': 1, key: 2}", UNKNOWN),
        ("{'b': 1, **unseen}", UNKNOWN),
        ("dict(a=1)", 1),
        ("dict({'a': 0}, a=1)", 1),
        ("dict(unseen, a=1)", 1),
        ("dict(a=1, **unseen)", 1),
        ("dict(unseen)", UNKNOWN),
        ("({'a': 1} | {'a': 2})", 2),
        ("({'a': 1} | unseen)", UNKNOWN),
        ("({'a': 1} if c else {'a': 1, 'b': 2})", 1),
        ("({'a': 1} if c else {'a': 2})", UNKNOWN),
        ("({'a': 1} if c else {})", UNKNOWN),
        ("({'a': 1} if c else unseen)", UNKNOWN),
        ("(unseen or {'a': 1})", UNKNOWN),
        ("{key: value for key, value in unseen}", UNKNOWN),
        ("unseen", UNKNOWN),
        ("vars(args)", UNKNOWN),
        ("load()", UNKNOWN),
    ],
)
def test_built(expression: str, value: object) -> None:
    assert passed(f"show(**{expression})") == value
    assert passed(f"options = {expression}\nshow(**options)") == value
    assert passed(f"options = {expression}\nagain = options\nshow(**again)") == value


# -- changed ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("options['a'] = 2", 2),
        ("options['b'] = 2", 1),
        ("options.update(a=2)", 2),
        ("options.update({'a': 2})", 2),
        ("options.update({'b': 2}, a=3)", 3),
        ("other = options['a'] = 2", 2),
        ("options['a'], b = 2, 3", UNKNOWN),
        ("options['a'] += 2", UNKNOWN),
        ("options[key] = 2", UNKNOWN),
        ("options.update(unseen)", UNKNOWN),
        ("options.update(**unseen)", UNKNOWN),
        ("options.update(unseen)\noptions['a'] = 2", 2),
        ("options |= unseen", UNKNOWN),
        ("options.pop('a')", UNKNOWN),
        ("options.popitem()", UNKNOWN),
        ("options.clear()", UNKNOWN),
        ("del options['a']", UNKNOWN),
        ("del options[key], b", UNKNOWN),
        ("options.setdefault('a', 2)", UNKNOWN),
        ("for options['a'] in values:\n    pass", UNKNOWN),
        ("options = dict(options, a=2)", 2),
        ("options = {**options, 'b': 2}", 1),
        ("others = {}\nothers['a'] = 2", 1),
    ],
)
def test_changed(change: str, value: object) -> None:
    assert passed(f"options = {{'a': 1}}\n{change}\nshow(**options)") == value
    inside = textwrap.indent(f"options = {{'a': 1}}\n{change}\nshow(**options)", "    ")
    assert passed(f"def run():\n{inside}\n") == value


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("if c:\n    options['a'] = 2", UNKNOWN),
        ("if c:\n    options['a'] = 1", 1),
        ("if c:\n    options['b'] = 2", 1),
        ("if c:\n    options.update(unseen)", UNKNOWN),
        ("if c:\n    options = {'a': 1, 'b': 2}", 1),
        ("if c:\n    options = {'a': 2}", UNKNOWN),
        ("if c:\n    options = {'a': 2}\nelse:\n    options = {'a': 2}", 2),
        ("c and options.update(a=2)", UNKNOWN),
        ("options.update(a=2) if c else None", UNKNOWN),
        ("for x in y:\n    options['a'] = 2", UNKNOWN),
        ("match c:\n    case 1:\n        options['a'] = 2", UNKNOWN),
        ("try:\n    options['a'] = 2\nexcept KeyError:\n    pass", 2),
        ("try:\n    pass\nexcept KeyError:\n    options['a'] = 2", UNKNOWN),
        ("with lock:\n    options['a'] = 2", 2),
    ],
)
def test_changed_under_a_condition(change: str, value: object) -> None:
    assert passed(f"options = {{'a': 1}}\n{change}\nshow(**options)") == value


def test_a_change_in_the_branch_of_the_use_is_certain() -> None:
    assert passed("options = {'a': 1}\nif c:\n    options['a'] = 2\n    show(**options)") == 2


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("options = {'a': 1}\nfor x in y:\n    show(**options)\n    options['a'] = 2", UNKNOWN),
        ("for x in y:\n    options = {'a': 1}\n    show(**options)", 1),
        ("options = {'a': 1}\ndef run():\n    show(**options)\noptions['a'] = 2\nrun()", UNKNOWN),
        ("options = {'a': 1}\noptions['a'] = 2\ndef run():\n    show(**options)", 2),
        ("options = {'a': 1}\ndef prepare():\n    options['a'] = 2\nprepare()\nshow(**options)", UNKNOWN),
        ("def prepare():\n    options['a'] = 2\noptions = {'a': 1}\nprepare()\nshow(**options)", UNKNOWN),
        ("options = {'a': 1}\ndef run():\n    show(**options)\ndef prepare():\n    options['a'] = 2", UNKNOWN),
        ("options = {'a': 1}\ndef other():\n    options = {}\n    options['a'] = 2\nshow(**options)", 1),
        ("options = {'a': 1}\nshow(**options)\noptions['a'] = 2", 1),
    ],
)
def test_changes_that_may_run_before_the_use(code: str, value: object) -> None:
    assert passed(code) == value


# -- other places ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("def run(options):\n    show(**options)\nrun({'a': 1})", 1),
        ("def run(options):\n    show(**options)\nrun({'a': 1})\nrun({'a': 1, 'b': 2})", 1),
        ("def run(options):\n    show(**options)\nrun({'a': 1})\nrun({'a': 2})", UNKNOWN),
        ("def run(options):\n    show(**options)\nrun({'a': 1})\nrun(load())", UNKNOWN),
        ("def run(options={'a': 1}):\n    show(**options)", UNKNOWN),
        ("def run(options):\n    options['a'] = 2\n    show(**options)\nrun({'a': 1})", 2),
        ("def run(**options):\n    show(**options)\nrun(a=1)", UNKNOWN),
        ("def run(**options):\n    show(**options)", UNKNOWN),
        ("def load():\n    return {'a': 1}\nshow(**load())", 1),
        ("def load():\n    if c:\n        return {'a': 1}\n    return {'a': 2}\nshow(**load())", UNKNOWN),
        ("def load():\n    def inner():\n        return {'a': 1}\n    return inner()\nshow(**load())", 1),
        ("def load():\n    def inner():\n        return {'a': 1}\n    run(inner)\nshow(**load())", UNKNOWN),
        ("from lib import wrap\n@wrap\ndef load():\n    return {'a': 1}\nshow(**load())", UNKNOWN),
        ("from lib import *\nshow(**options)", UNKNOWN),
        ("from lib import options\nshow(**options)", UNKNOWN),
    ],
)
def test_parameters_and_functions(code: str, value: object) -> None:
    assert passed(code) == value


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("pass", 1),
        ("self.options['a'] = 2", UNKNOWN),
        ("self.options.update(unseen)", UNKNOWN),
        ("del self.options['a']", UNKNOWN),
        ("self.others['a'] = 2", 1),
    ],
)
def test_attributes(change: str, value: object) -> None:
    code = f"""
    class Run:
        def __init__(self):
            self.options = {{"a": 1}}
        def prepare(self):
            {change}
        def go(self):
            show(**self.options)
    """
    assert passed(code) == value


@pytest.mark.parametrize(
    ("config", "value"),
    [
        ("OPTIONS = {'a': 1}\n", 1),
        ("OPTIONS = {'a': 1}\nOPTIONS['b'] = 2\n", UNKNOWN),
        ("OPTIONS = {'a': 1}\nif c:\n    OPTIONS['a'] = 2\n", UNKNOWN),
        ("OPTIONS = {'a': 1}\nif c:\n    OPTIONS = {}\n", UNKNOWN),
        ("OPTIONS, other = load()\n", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_imported(config: str, value: object) -> None:
    files = {"config.py": config}
    assert passed("from config import OPTIONS\nshow(**OPTIONS)", files) == value
    assert passed("from config import OPTIONS\nOPTIONS['a'] = 3\nshow(**OPTIONS)", files) == (
        3 if value == 1 else UNKNOWN
    )


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ("a=1, **unseen", 1),
        ("**{'b': 1}, **{'a': 2}", 2),
        ("**unseen, **{'a': 2}", UNKNOWN),
        ("**{'a': 2}, **unseen", 2),
    ],
)
def test_several_mappings_in_one_call(arguments: str, value: object) -> None:
    assert passed(f"show({arguments})") == value


# -- what is told of a mapping ---------------------------------------------------------------------------------


def test_entries_and_openness() -> None:
    found = mapping("options = {'a': 1, 'b': x}\nif c:\n    options['d'] = 2\nshow(options)")
    assert found is not None and not found.open
    assert {key: entry.certain for key, entry in found.entries.items()} == {"a": True, "b": True, "d": False}
    found = mapping("show({'a': 1, **unseen})")
    assert found is not None and found.open
    assert mapping("show(unseen)") is None


def test_entries_lead_to_the_file_that_wrote_them() -> None:
    files = {"config.py": "SIZE = 7\nOPTIONS = {'a': SIZE}\n"}
    facts, call = shown("from config import OPTIONS\nshow(OPTIONS)", files)
    found = facts[Mappings].of(call.positional[0])
    assert found is not None
    entry = found.entries["a"]
    assert entry.facts.document.path == "config.py"
    assert entry.facts[Values].constant(entry.node) == 7


def test_a_grid_with_unknown_changes_has_no_known_size() -> None:
    for change, size in (("pass", 6), ("for key in grid:\n    grid[key] = [1]", None)):
        facts, call = shown(f"grid = {{'a': [1, 2], 'b': [1, 2, 3]}}\n{change}\nshow(grid)")
        assert [each.size for each in facts[Grids].grids(call.positional[0])] == [size]


def test_a_subscript_reads_only_what_is_certain() -> None:
    for change, value in (("pass", 1), ("if c:\n    options['a'] = 2", UNKNOWN), ("options.update(unseen)", UNKNOWN)):
        facts, call = shown(f"options = {{'a': 1}}\n{change}\nshow(options['a'])")
        assert facts[Values].constant(call.positional[0]) == value
