from __future__ import annotations

from pathlib import Path

from greenlint.watch import Snapshot, snapshot, watch


def watched(*looks: Snapshot) -> list[list[str]]:
    """What ``check`` was called with while the files looked so, one look after the other."""
    checks: list[list[str]] = []
    remaining = list(looks)

    def look() -> Snapshot:
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    watch(look, checks.append, sleep=lambda _: None, rounds=len(looks) + 2)
    return checks


def test_checks_once_without_a_change() -> None:
    assert watched({"a": (1, 1)}) == [[]]


def test_checks_again_what_changed_came_and_went() -> None:
    before: Snapshot = {"same": (1, 1), "changed": (1, 1), "gone": (1, 1)}
    after: Snapshot = {"same": (1, 1), "changed": (1, 2), "new": (1, 1)}

    assert watched(before, after, after) == [[], ["changed", "gone", "new"]]


def test_waits_until_a_change_has_settled() -> None:
    writing: Snapshot = {"a": (0, 2)}
    written: Snapshot = {"a": (9, 3)}

    assert watched({"a": (1, 1)}, writing, written, written) == [[], ["a"]]


def test_a_change_that_is_undone_at_once_is_none() -> None:
    before: Snapshot = {"a": (1, 1)}

    assert watched(before, {"a": (2, 2)}, before, before) == [[]]


def test_a_snapshot_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")

    assert list(snapshot([tmp_path / "a.py", tmp_path / "gone.py"])) == [str(tmp_path / "a.py")]
