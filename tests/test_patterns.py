from __future__ import annotations

import pytest

from greenlint.patterns import GlobError, Matcher, PatternList, relative


def covers(glob: str, path: str) -> bool:
    return Matcher(PatternList("/base", (glob,))).covers(path) is not None


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("build", "/base/build"),
        ("build", "/base/a/build/b.py"),
        ("build/", "/base/a/build/b.py"),
        ("*.py", "/base/a/b.py"),
        ("test_?.py", "/base/test_a.py"),
        ("src/gen", "/base/src/gen/deep/a.py"),
        ("./gen", "/base/gen/a.py"),
        ("/gen", "/base/gen/a.py"),
        ("/base/gen", "/base/gen/a.py"),
        ("src/*.py", "/base/src/a.py"),
        ("src/**", "/base/src/a/b/c.py"),
        ("src/**/c.py", "/base/src/c.py"),
        ("src/**/c.py", "/base/src/a/b/c.py"),
        ("**/c.py", "/base/c.py"),
        ("**/data/*.py", "/base/x/data/c.py"),
        ("{a,b}_*.py", "/base/x/b_1.py"),
        ("[ab]_[!0-9].py", "/base/a_x.py"),
        ("[]x].py", "/base/].py"),
        ("*", "/base/a.py"),
        ("tests/*", "/base/tests/deep/a.py"),
        ("a.py", "/elsewhere/a.py"),
    ],
)
def test_fits(glob: str, path: str) -> None:
    assert covers(glob, path)


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("build", "/base/builds/a.py"),
        ("build", "/base/rebuild"),
        ("base", "/base/a.py"),
        ("*.py", "/base/a.pyi"),
        ("src/gen", "/base/x/src/gen/a.py"),
        ("src/*.py", "/base/src/deep/a.py"),
        ("./gen", "/base/x/gen/a.py"),
        ("[ab]_[!0-9].py", "/base/a_1.py"),
        ("src/**/c.py", "/base/src/xc.py"),
        ("a?c", "/base/a/c"),
        ("src/a.py", "/elsewhere/src/a.py"),
        ("a.py", "/base/aXpy"),
    ],
)
def test_does_not_fit(glob: str, path: str) -> None:
    assert not covers(glob, path)


def test_the_fitting_glob_is_named() -> None:
    matcher = Matcher(PatternList("/base", ("venv", "gen_*", "src/x", "src/*.pyi")))
    assert matcher.covers("/base/gen_1/a.py") == "gen_*"
    assert matcher.covers("/base/src/a.pyi") == "src/*.pyi"
    assert matcher.entry("venv", "a/venv") == "venv"
    assert matcher.entry("y", "src/y") is None


@pytest.mark.parametrize("glob", ["", "./", "[a", "{a,b", "{a,{b,c}}", "[b-a]"])
def test_globs_that_mean_nothing_are_refused(glob: str) -> None:
    with pytest.raises(GlobError):
        Matcher(PatternList("/base", (glob,)))


def test_relative() -> None:
    assert relative("/base/a/b", "/base") == "a/b"
    assert relative("/base", "/base") == ""
    assert relative("/bases/a", "/base") is None
    assert relative("/a", "/") == "a"
