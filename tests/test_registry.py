from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from greenlint.config import Resolver
from greenlint.registry import NoRulePackagesError, PluginProblem, Registry, RuleLoader
from greenlint.rule import Rule
from greenlint.rule_check import LOOP_ROLES, NODE_TYPES
from greenlint.settings import Settings
from greenlint.suppression_rules import SUPPRESSION_RULES

OWN = {each.name for each in SUPPRESSION_RULES}

RULE = '''\
from __future__ import annotations

from greenlint.rule import Bad, Good, Rule, RuleOptions, Status, on_call, on_file, on_loop, on_node
from greenlint.finding import Severity


class Example(Rule):
    """Flags something."""

    class Options(RuleOptions):
        limit: int = 3
        skip_names: tuple[str, ...] = ()

    examples = (Bad("x()  # bad"), Good("y()"))

    @on_call("a.b")
    def check(self, call, facts):
        yield self.finding(call.node, "wasted")
'''

MADE_HERE = ("acme", "other", "evil", "lonely_rule", "greenlint_local_")

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_rule(name: str, text: str = RULE, **changes: str) -> Path:
        for old, new in changes.items():
            text = text.replace(old, new)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return write_rule


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [each for each in sys.modules if each.startswith(MADE_HERE)]:
        del sys.modules[name]


def package(write: Write, name: str, *modules: str) -> None:
    for module in modules:
        for folder in [*Path(name, module).parents][:-1]:
            write(f"{folder}/__init__.py", "")
        write(f"{name}/{module}")


def settings(**rules: object) -> Settings:
    return Settings(Path("/"), rules=dict.fromkeys(rules, None), rule_options=rules)  # type: ignore[arg-type]


# Packages


def test_a_package_holds_one_rule_in_each_public_module(write: Write) -> None:
    package(write, "acme", "loading/slow_loader.py", "precision/full_width.py", "flat_rule.py", "x/y/deep_rule.py")
    write("acme/_shared.py", "raise RuntimeError")
    write("acme/loading/_helper.py", "raise RuntimeError")
    write("acme/.hidden.py", "raise RuntimeError")
    write("acme/not-a-module.py", "raise RuntimeError")
    write("acme/data.txt", "")
    registry = RuleLoader(["acme"]).registry()
    assert registry.problems == []
    assert {name: rule.category.value for name, rule in registry.rules.items() if name not in OWN} == {
        "deep-rule": "custom",
        "flat-rule": "custom",
        "full-width": "precision",
        "slow-loader": "loading",
    }
    assert list(registry.rules) == sorted(registry.rules)


def test_a_module_may_stand_for_a_package(write: Write) -> None:
    write("lonely_rule.py")
    assert "lonely-rule" in RuleLoader(["lonely_rule"]).registry().rules


def test_the_rules_of_the_engine_are_always_there(write: Write) -> None:
    package(write, "acme", "a_rule.py")
    assert set(RuleLoader(["acme"]).registry().rules) > OWN


def test_without_packages_the_message_says_what_to_do() -> None:
    with pytest.raises(NoRulePackagesError, match=r"^no rule packages installed: run `pip install -e \.`"):
        RuleLoader([]).registry()
    with pytest.raises(NoRulePackagesError):
        RuleLoader([]).find("a-rule")


def test_registries_are_kept(write: Write) -> None:
    package(write, "acme", "a_rule.py")
    loader = RuleLoader(["acme"])
    assert loader.registry() is loader.registry([])


def test_installed_entry_points_are_found(write: Write, tmp_path: Path) -> None:
    package(write, "acme_plugin", "loading/acme_rule.py")
    metadata = tmp_path / "acme-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[greenlint.rules]\nacme = acme_plugin\nbroken = acme_missing\nagain = acme_plugin\n"
    )
    registry = RuleLoader().registry()
    assert "acme-rule" in registry.rules
    assert [(each.name, each.where, each.message) for each in registry.problems] == [
        (
            "acme_missing",
            "entry point broken",
            "the package `acme_missing` cannot be imported: ModuleNotFoundError: no module named 'acme_missing'",
        )
    ]


# Rule paths


def test_files_and_folders_of_a_project(write: Write, tmp_path: Path) -> None:
    write("checks/own_rule.py")
    write("checks/loading/other_rule.py")
    write("checks/test_own_rule.py", "raise RuntimeError")
    write("checks/conftest.py", "raise RuntimeError")
    write("checks/_shared.py", "raise RuntimeError")
    single = write("precision/single_rule.py")
    path = list(sys.path)
    registry = RuleLoader([]).registry([tmp_path / "checks", single])
    assert sys.path == path
    assert registry.problems == []
    assert {name: rule.category.value for name, rule in registry.rules.items() if name not in OWN} == {
        "other-rule": "loading",
        "own-rule": "custom",
        "single-rule": "precision",
    }


def test_equal_file_names_do_not_collide(write: Write, tmp_path: Path) -> None:
    one = write("one/same_rule.py", examples='name = "one-rule"\n    examples')
    two = write("two/same_rule.py", examples='name = "two-rule"\n    examples')
    loader = RuleLoader([])
    assert {"one-rule", "two-rule"} < set(loader.registry([one, two]).rules)
    assert "two-rule" not in loader.registry([one]).rules


def test_rules_of_a_project_join_those_installed(write: Write, tmp_path: Path) -> None:
    package(write, "acme", "a_rule.py")
    write("checks/own_rule.py")
    loader = RuleLoader(["acme"])
    assert "own-rule" not in loader.registry().rules
    assert {"a-rule", "own-rule"} < set(loader.registry([tmp_path / "checks"]).rules)
    assert "own-rule" not in loader.registry().rules


def test_rules_of_a_project_travel_to_other_processes(write: Write, tmp_path: Path) -> None:
    path = write("checks/own_rule.py")
    registry = RuleLoader([]).registry([path])
    [rule] = registry.select(settings(**{"own-rule": {"limit": 7}}))
    (tmp_path / "rule.pickle").write_bytes(pickle.dumps((rule,)))
    code = (
        "import pickle, pathlib; [rule] = pickle.loads(pathlib.Path('rule.pickle').read_bytes()); "
        "print(rule.name, rule.options.limit, rule.options.skip_names); "
        "assert pickle.loads(pickle.dumps(rule))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, env=env, cwd=tmp_path
    )
    assert done.stdout == "own-rule 7 ()\n"


# What goes wrong


def problems(write: Write, text: str = RULE, **changes: str) -> list[str]:
    """The problems of a package with a good rule and a changed one; the good one has to be loaded."""
    package(write, "acme", "good_rule.py")
    write("acme/bad_rule.py", text, **changes)
    registry = RuleLoader(["acme"]).registry()
    assert "good-rule" in registry.rules
    assert "bad-rule" not in registry.rules
    assert registry.problems
    assert all(each.where.endswith("bad_rule.py") for each in registry.problems)
    return [each.message for each in registry.problems]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nowhere", "cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
        ("def (", "cannot be imported: SyntaxError: "),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("raise RuntimeError('a\\n  b')", "cannot be imported: RuntimeError: a b"),
        ("raise RecursionError", "cannot be imported: RecursionError: no message"),
        ("x = 1", "defines no rule; start the names of modules without one with an underscore"),
        ("from greenlint.rule import Rule", "defines no rule; start the names"),
        (
            RULE + "\n\nclass Second(Example):\n    '''Too many.'''\n",
            "defines more than one rule (`Example`, `Second`); each needs a file of its own",
        ),
    ],
)
def test_modules_that_are_no_rule_modules(write: Write, text: str, message: str) -> None:
    [found] = problems(write, text)
    assert found.startswith(message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"""Flags something."""', "", "the rule has no docstring"),
        ('(Bad("x()  # bad"), Good("y()"))', '(Good("y()"),)', "the rule has no `Bad` example"),
        (', Good("y()")', ",", "the rule has no `Good` example"),
        ('(Bad("x()  # bad"), Good("y()"))', '"text"', "`examples` is not a tuple of `Bad` and `Good`"),
        ("examples =", 'severity = "warning"\n    examples =', "`severity` is not a Severity"),
        ("examples =", 'status = "stable"\n    examples =', "`status` is not a Status"),
        ("examples =", 'category = "loading"\n    examples =', "`category` is not a Category"),
        ("examples =", 'frameworks = "torch"\n    examples =', "`frameworks` is not a tuple of str"),
        ("examples =", 'words = ("a", "b")\n    examples =', "`words` is not a tuple of tuples of str"),
        ("examples =", "evidence = ('a',)\n    examples =", "`evidence` is not a tuple of Evidence"),
        ("examples =", "name = 'Bad Rule'\n    examples =", "`Bad Rule` is no rule name"),
        (
            "examples =",
            "name = 'loading'\n    examples =",
            "the rule name `loading` is the name of a category",
        ),
        ("examples =", "name = 'all'\n    examples =", "the rule name `all` is the name of a category"),
        ('@on_call("a.b")', "", "no method is subscribed to anything"),
        ('yield self.finding(call.node, "wasted")', "return []", "`check` is not a generator: hooks yield"),
        ('"a.b"', '"a b"', "`check` is subscribed to `a b`, which is no dotted name"),
        ('"a.b"', "3", "`check` is subscribed to `3`, which is no text"),
        ('"a.b"', "", "`check` is subscribed to nothing"),
        ('on_call("a.b")', 'on_node("FuncDef")', "subscribed to `FuncDef`, which is no libcst node type"),
        ('on_call("a.b")', 'on_node("BaseExpression")', "which is no libcst node type"),
        ('on_call("a.b")', 'on_loop("batch")', "subscribed to `batch`, which is no role of a loop"),
        ("limit: int = 3", "limit: dict[str, int] = {}", "cannot be imported: ValueError: mutable default"),
        ("limit: int = 3", "limit: object = 3", "option `limit` has a type that no configuration file can"),
        ("limit: int = 3", "limit: int = '3'", "the default of option `limit` is not an integer"),
        ("limit: int = 3", "limit: int", "option `limit` has no default"),
        ("class Options(RuleOptions)", "class Options", "`Options` is not a subclass of `RuleOptions`"),
        (
            "limit: int = 3",
            "limit: int = 3\n        def __post_init__(self): raise ValueError('no')",
            "cannot be made: ValueError: no",
        ),
    ],
)
def test_rules_that_break_the_contract(write: Write, old: str, new: str, message: str) -> None:
    found = problems(write, **{old: new})
    assert any(message in each for each in found), found


@pytest.mark.parametrize(
    "subscription",
    [
        'on_call("torch.*")',
        'on_node("FunctionDef", "With")',
        'on_loop("training")',
        "on_file",
        'on_call("print")',
    ],
)
def test_subscriptions_that_are_fine(write: Write, subscription: str) -> None:
    package(write, "acme", "a_rule.py")
    write("acme/a_rule.py", RULE.replace('on_call("a.b")', subscription))
    assert RuleLoader(["acme"]).registry().problems == []


def test_inherited_docstrings_do_not_count(write: Write) -> None:
    base = textwrap.dedent(
        '''
        from greenlint.rule import Bad, Good, Rule, on_call

        class _Base(Rule):
            """Something else."""

            examples = (Bad("x()  # bad"), Good("y()"))

            @on_call("a.b")
            def check(self, call, facts):
                yield self.finding(call.node, "wasted")


        class BadRule(_Base):
            severity = _Base.severity
        '''
    )
    assert problems(write, base) == ["the rule has no docstring"]


def test_the_first_rule_of_a_name_stays(write: Write, tmp_path: Path) -> None:
    package(write, "acme", "loading/same_rule.py")
    package(write, "other", "precision/same_rule.py")
    write("checks/unused_suppression.py")
    registry = RuleLoader(["acme", "other"]).registry([tmp_path / "checks"])
    assert registry.rules["same-rule"].category.value == "loading"
    assert [each.name for each in registry.problems] == ["same-rule", "unused-suppression"]
    taken = tmp_path / "acme/loading/same_rule.py"
    assert registry.problems[0].message == f"the name `same-rule` is taken by {taken}"
    assert "suppression_rules.py" in registry.problems[1].message


def test_problems_keep_the_traceback_for_people_who_write_rules(write: Write) -> None:
    package(write, "acme", "bad_rule.py")
    path = write("acme/bad_rule.py", "raise RuntimeError('why')")
    [problem] = RuleLoader(["acme"]).registry().problems
    assert problem.name == "bad-rule"
    assert "bad_rule.py" in problem.traceback
    assert str(problem) == f"{path}: cannot be imported: RuntimeError: why"


def test_a_package_that_fails_does_not_hide_others(write: Write) -> None:
    package(write, "acme", "a_rule.py")
    package(write, "evil", "b_rule.py")
    write("evil/__init__.py", "import os; raise SystemExit('bye')")
    registry = RuleLoader(["evil", "acme"]).registry()
    assert "a-rule" in registry.rules
    assert [each.message for each in registry.problems] == ["cannot be imported: SystemExit: bye"]


# Selecting


def test_rules_get_their_options(write: Write) -> None:
    package(write, "acme", "a_rule.py", "b_rule.py", "c_rule.py")
    registry = RuleLoader(["acme"]).registry()
    made = registry.select(settings(**{"a-rule": {"limit": 5}, "b-rule": {}, "unknown": {}}))
    assert [(rule.name, rule.options.limit) for rule in made] == [("a-rule", 5), ("b-rule", 3)]
    assert registry.problems == []


def test_a_rule_that_cannot_be_made_is_left_out(write: Write) -> None:
    package(write, "acme", "a_rule.py", "b_rule.py")
    registry = RuleLoader(["acme"]).registry()
    chosen = settings(**{"a-rule": {"nope": 1}, "b-rule": {}})
    assert [rule.name for rule in registry.select(chosen) + registry.select(chosen)] == ["b-rule", "b-rule"]
    [problem] = registry.problems
    assert problem.name == "a-rule"
    assert "nope" in problem.message


def test_configuration_sees_what_is_installed(write: Write, tmp_path: Path) -> None:
    package(write, "acme", "loading/a_rule.py", "bad_rule.py")
    write("acme/loading/a_rule.py", examples="formerly = ('old-rule',)\n    examples")
    write("acme/bad_rule.py", "import nowhere")
    write("acme/loading/tried_rule.py", examples="status = Status.PREVIEW\n    examples")
    write("acme/loading/gone_rule.py", examples="status = Status.DEPRECATED\n    examples")
    write("acme/loading/quiet_rule.py", examples="default = False\n    examples")
    write("greenlint.toml", 'select = ["loading"]\nextend-select = ["bad-rule"]\n[rules.old-rule]\nlimit = 9\n')
    loader = RuleLoader(["acme"])
    catalogue = loader.catalogue()
    assert catalogue.former == {"old-rule": "a-rule"}
    assert set(catalogue.failed) == {"bad-rule"}
    on = {name for name, entry in catalogue.entries.items() if entry.default}
    assert on == {"a-rule"} | {rule.name for rule in SUPPRESSION_RULES if rule.default}
    found = Resolver(loader.catalogue, cwd=tmp_path).settings_for("a.py")
    assert list(found.rules) == ["a-rule", "quiet-rule", "tried-rule"]
    assert loader.registry().select(found)[0].options.limit == 9


def test_the_fingerprint_follows_the_code(write: Write) -> None:
    package(write, "acme", "a_rule.py")
    registry = RuleLoader(["acme"]).registry()
    before = registry.fingerprint()
    assert RuleLoader(["acme"]).registry().fingerprint() == before
    write("acme/a_rule.py", wasted="lost")
    assert registry.fingerprint() != before


# Finding one rule


def test_one_rule_is_found_without_importing_the_others(write: Write) -> None:
    package(write, "acme", "loading/a_rule.py")
    write("acme/b_rule.py", "raise RuntimeError")
    rule = RuleLoader(["acme"]).find("a-rule")
    assert rule is not None
    assert rule.name == "a-rule"
    assert "acme.b_rule" not in sys.modules


def test_rules_are_found_by_former_names_and_on_rule_paths(write: Write) -> None:
    package(write, "acme", "a_rule.py")
    write("acme/a_rule.py", examples="formerly = ('old-rule',)\n    examples")
    path = write("checks/own_rule.py")
    loader = RuleLoader(["acme"])
    found: list[type[Rule] | None] = [
        RuleLoader(["acme"]).find("own-rule", [path]),
        loader.find("old-rule"),
        loader.find("a-rule"),
        loader.find("unused-suppression"),
    ]
    assert [rule and rule.name for rule in found] == ["own-rule", "a-rule", "a-rule", "unused-suppression"]
    assert loader.find("nope") is None


# Against libcst


def test_the_known_node_types_are_those_of_libcst() -> None:
    import libcst as cst

    installed = {
        name
        for name, kind in vars(cst).items()
        if isinstance(kind, type) and issubclass(kind, cst.CSTNode) and not name.startswith("Base")
    } - {"CSTNode", "MatchPattern", "MatchSequence"}
    # An older libcst may lack some; a newer one is asked for what is not in the list.
    assert installed <= NODE_TYPES


def test_the_known_roles_are_those_of_loops() -> None:
    from greenlint.facts.loops import LoopRole

    assert {each.value for each in LoopRole} == LOOP_ROLES


def test_loading_rules_imports_no_libcst(write: Write, tmp_path: Path) -> None:
    package(write, "acme", "a_rule.py", "b_rule.py")
    write("acme/b_rule.py", RULE.replace('on_call("a.b")', 'on_node("For")'))
    code = (
        "import sys; from greenlint.registry import RuleLoader; "
        "assert len(RuleLoader(['acme']).registry().rules) > 2; assert 'libcst' not in sys.modules"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=env)


def test_a_registry_can_be_made_of_given_rules() -> None:
    registry = Registry({}, [PluginProblem("x", "here", "wrong")])
    assert registry.rules == {}
    assert str(registry.problems[0]) == "here: wrong"
