from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from greenlint.batch import Outcome
from greenlint.cache import FOLDER, NO_STAMP, Reading, ResultCache, Stamp, clean, digest, folder_for
from greenlint.finding import Applicability, Confidence, Crash, Severity
from greenlint.packing import packed, unpacked
from greenlint.results import (
    FileResult,
    PlacedEdit,
    PlacedFinding,
    PlacedFix,
    PlacedRelated,
    Problem,
    StoredEdit,
    StoredPlace,
)

PLACES = (StoredPlace(1, 2, 3, 4), StoredPlace(5, 6, 7, 8))
FINDING = PlacedFinding(
    rule="a-rule",
    category="loading",
    severity=Severity.INFO,
    confidence=Confidence.LOW,
    message="message \ud800 漢",
    line=2,
    column=3,
    end_line=4,
    end_column=5,
    cell=6,
    cell_id="c6",
    physical_line=70,
    stored=PLACES,
    source=("a", "b"),
    help="help",
    notes=("one", "two"),
    related=(PlacedRelated("here", 1, 2, 3, None, "c3", 30), PlacedRelated("there", 4, 5, None, "other.py")),
    fix=PlacedFix(
        "title",
        Applicability.UNSAFE,
        "reason",
        (PlacedEdit(1, 2, 3, 4, "text", 6),),
        (),
        (StoredEdit("text", *PLACES),),
    ),
    fingerprint="0123",
)
RESULT = FileResult(
    "shown.py",
    (FINDING, FINDING._replace(fix=None, help=None, cell=None)),
    (FINDING._replace(suppressed="why"),),
    (Problem("syntax", "bad", 3, 4, 5, "c5", 50),),
    (Crash("a-rule", "ValueError: no", "Traceback ..."),),
    bom=True,
)
STAMP = Stamp(10, 1_000)


def unchanged(_: Reading) -> bool:
    return True


def status(size: int = 10, mtime_ns: int = 1_000) -> os.stat_result:
    return os.stat_result((0, 0, 0, 0, 0, 0, size, 0, 0, 0), {"st_mtime_ns": mtime_ns})


def opened(file: Path, still: Callable[[Reading], bool] = unchanged, today: int = 1) -> ResultCache:
    return ResultCache.open(file, still, today)


def stored(file: Path, outcome: Outcome, readings: tuple[Reading, ...] = ()) -> ResultCache:
    """A cache read back from the disk that holds ``outcome`` for ``a.py``."""
    cache = opened(file)
    cache.store("a.py", outcome, cache.add_log(readings))
    assert cache.save() is None
    return opened(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / FOLDER / "1.0" / "key.json"


def test_results_survive_packing_and_json() -> None:
    again = unpacked(json.loads(json.dumps(packed(RESULT))), "shown.py")

    assert again == RESULT
    assert again.cached


def test_a_clean_result_packs_to_nothing() -> None:
    assert packed(FileResult("a.py")) == 0


def test_a_stored_result_is_found_by_its_stamp_under_the_path_of_this_run(file: Path) -> None:
    cache = stored(file, Outcome(RESULT, digest(b"content"), STAMP))

    found = cache.by_stamp("a.py", "other/shown.py", status())

    assert found is not None
    assert found.path == "other/shown.py"
    assert found.findings == RESULT.findings


@pytest.mark.parametrize("change", [{"size": 11}, {"mtime_ns": 1_001}])
def test_another_stamp_is_another_file(file: Path, change: dict[str, int]) -> None:
    cache = stored(file, Outcome(RESULT, digest(b"content"), STAMP))

    assert cache.by_stamp("a.py", "a.py", status(**change)) is None
    assert cache.by_stamp("b.py", "b.py", status()) is None


def test_the_same_content_with_another_time_is_found_and_remembered(file: Path) -> None:
    cache = stored(file, Outcome(RESULT, digest(b"content"), STAMP))
    touched = status(mtime_ns=2_000)

    assert cache.may_hold("a.py", touched)
    assert cache.by_content("a.py", "a.py", b"content", Stamp.of(touched)) is not None
    assert cache.by_content("a.py", "a.py", b"changed", Stamp.of(touched)) is None
    assert cache.save() is None
    assert opened(file).by_stamp("a.py", "a.py", touched) is not None


def test_files_that_were_gated_out_are_clean_until_they_change(file: Path) -> None:
    cache = opened(file)
    cache.store_gated("a.py", STAMP)
    cache.save()
    cache = opened(file)

    assert cache.by_stamp("a.py", "a.py", status()) == FileResult("a.py")
    assert not cache.may_hold("a.py", status(mtime_ns=2_000))


def test_a_result_falls_with_any_reading_it_rests_on(file: Path) -> None:
    readings = (Reading("first.py", "1"), Reading("second.py", None), Reading("third.py", "3"))
    cache = opened(file)
    log = cache.add_log(readings)
    for length in range(4):
        cache.store(f"{length}.py", Outcome(RESULT, "content", STAMP, readings=length), log)
    cache.save()

    def held(changed: str) -> list[int]:
        again = opened(file, lambda reading: reading.path != changed)
        return [length for length in range(4) if again.by_stamp(f"{length}.py", "", status()) is not None]

    assert held("") == [0, 1, 2, 3]
    assert held("third.py") == [0, 1, 2]
    assert held("second.py") == [0, 1]
    assert held("first.py") == [0]


def test_each_reading_is_looked_at_once(file: Path) -> None:
    asked: list[str] = []

    def still(reading: Reading) -> bool:
        asked.append(reading.path)
        return True

    cache = opened(file)
    first, second = cache.add_log([Reading("x.py", "1")]), cache.add_log([Reading("x.py", "1"), Reading("y.py", "2")])
    cache.store("a.py", Outcome(RESULT, "content", STAMP, readings=1), first)
    cache.store("b.py", Outcome(RESULT, "content", STAMP, readings=2), second)
    cache.save()
    cache = opened(file, still)
    for name in ("a.py", "b.py", "a.py"):
        assert cache.by_stamp(name, name, status()) is not None

    assert asked == ["x.py", "y.py"]


def test_a_dated_result_holds_for_a_day(file: Path) -> None:
    stored(file, Outcome(RESULT, "content", STAMP, dated=True))

    assert opened(file, today=1).by_stamp("a.py", "a.py", status()) is not None
    assert opened(file, today=2).by_stamp("a.py", "a.py", status()) is None


def test_what_was_read_right_after_a_change_is_not_trusted_by_its_stamp() -> None:
    assert STAMP.settled(read_ns=1_000 + 10**9).mtime_ns != STAMP.mtime_ns
    assert STAMP.settled(read_ns=1_000 + 10**10) == STAMP


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        '{"format": 2}',
        '{"format": 99, "readings": [], "logs": [], "files": {"a.py": [10, 1000]}}',
        '{"format": 2, "readings": [], "logs": [[5]], "files": {"a.py": [10, 1000]}}',
        '{"format": 2, "readings": [1], "logs": [], "files": {"a.py": [10, 1000]}}',
        '{"format": 2, "readings": [], "logs": [], "files": {"a.py": "x"}}',
        '{"format": 2, "readings": [], "logs": [], "files": {"a.py": []}}',
        '{"format": 2, "readings": [], "logs": [], "files": {"a.py": [10, 1000, "x", 7, 1, 0, 0]}}',
        '{"format": 2, "readings": [], "logs": [], "files": {"a.py": [10, 1000, "x", -1, 0, 0, [1, 2, 3, 4, 5]]}}',
        '{"format": 2, "readings": [], "logs": [], "files": {"a.py": [10, 1000, "x", -1, 0, 0, [[1], [], [], [], 0]]}}',
        "[" * 100_000,
    ],
)
def test_a_file_that_is_not_ours_is_an_empty_cache(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(text)
    cache = opened(file)

    assert cache.by_stamp("a.py", "a.py", status()) is None
    assert cache.by_content("a.py", "a.py", b"", NO_STAMP) is None


def test_the_folder_is_marked_as_a_cache(file: Path) -> None:
    stored(file, Outcome(RESULT, "content", STAMP))
    top = file.parent.parent

    assert (top / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    assert (top / ".gitignore").read_text() == "*\n"
    assert sorted(each.name for each in file.parent.iterdir()) == ["key.json"]


def test_nothing_is_written_when_nothing_changed(file: Path) -> None:
    stored(file, Outcome(RESULT, "content", STAMP))
    file.unlink()

    assert opened(file).save() is None
    assert not file.exists()


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    cache = opened(tmp_path / "blocked" / "1.0" / "key.json")
    cache.store_gated("a.py", STAMP)

    trouble = cache.save()

    assert trouble is not None
    assert "blocked" in trouble


def test_vanished_files_are_forgotten_by_a_run_over_most_of_the_project(file: Path) -> None:
    cache = opened(file)
    for name in ("a.py", "b.py", "gone.py"):
        cache.store_gated(name, STAMP)
    cache.save()
    cache = opened(file)
    for name in ("a.py", "b.py"):
        cache.by_stamp(name, name, status())
    cache.store_gated("a.py", Stamp(11, 1_000))
    cache.save(lambda name: name != "gone.py")

    assert set(json.loads(file.read_text())["files"]) == {"a.py", "b.py"}


def test_logs_that_nothing_needs_are_dropped(file: Path) -> None:
    cache = opened(file)
    for number in range(3):
        log = cache.add_log([Reading(f"{number}.py", "x")])
        cache.store("a.py", Outcome(RESULT, "content", STAMP, readings=1), log)
    cache.save()
    data = json.loads(file.read_text())

    assert [row[0] for row in data["readings"]] == ["2.py"]
    assert len(data["logs"]) == 1


def test_old_logs_go_with_their_results_when_there_are_too_many(file: Path) -> None:
    cache = opened(file)
    for number in range(40):
        log = cache.add_log([Reading("x.py", "x")])
        cache.store(f"{number}.py", Outcome(RESULT, "content", STAMP, readings=1), log)
    cache.save()
    data = json.loads(file.read_text())

    assert len(data["logs"]) == 32
    assert "39.py" in data["files"]
    assert "0.py" not in data["files"]


def test_clean_removes_only_what_greenlint_wrote(tmp_path: Path) -> None:
    own = folder_for(tmp_path / FOLDER) / "key.json"
    stored(own, Outcome(RESULT, "content", STAMP))
    shared = tmp_path / "shared"
    (shared / "2024-photos").mkdir(parents=True)
    (shared / "2024-photos" / "a.jpg").touch()
    stored(folder_for(shared) / "key.json", Outcome(RESULT, "content", STAMP))

    assert clean(tmp_path / FOLDER)
    assert not (tmp_path / FOLDER).exists()
    assert not clean(tmp_path / FOLDER)
    assert clean(shared)
    assert [each.name for each in shared.iterdir()] == ["2024-photos"]
