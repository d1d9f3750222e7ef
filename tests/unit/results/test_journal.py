"""The journal: in order, on disk as it happens, and the last runs kept."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labctl.errors import NotWritten, UsageError
from labctl.model import Phase, PhaseResult, Result, Verdict
from labctl.report.estimate import earlier
from labctl.results.fingerprint import fingerprint
from labctl.results.journal import DOCKER, KEPT, NOTE, UNKEPT, Event, Journal, new_folder
from labctl.results.result import find_run
from labctl.system.places import CONTROLS, RUNS

FAULTED = PhaseResult(Phase.FAULTED, 1.0, 2.5)
RESULT = Result("1", "a", "A", "firewall", Verdict.PASSED, "because", "", 1.0, ())


def lines(journal: Journal) -> list[str]:
    return [json.loads(line)["text"] for line in (journal.folder / "journal.jsonl").read_text().splitlines()]


def test_an_event_is_on_disk_before_anybody_hears_of_it(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    journal = Journal(tmp_path / "run", (lambda _: seen.append(lines(journal)),))
    journal.note(NOTE, "one")
    journal.note(NOTE, "two")
    journal.conclude(RESULT)
    assert seen == [["one"], ["one", "two"]]


def test_every_listener_hears_every_event(tmp_path: Path) -> None:
    first: list[Event] = []
    second: list[Event] = []
    journal = Journal(tmp_path / "run", (first.append, second.append))
    journal.note(NOTE, "one", result=FAULTED)
    journal.conclude(RESULT)
    assert first == second == journal.events
    assert first[0].details == {"result": FAULTED}


def test_what_is_timed_is_written_also_when_it_fails(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run")
    with pytest.raises(ZeroDivisionError), journal.timed("dividing", DOCKER):
        _ = 1 / 0
    journal.conclude(RESULT)
    [event] = journal.events
    assert (event.text, event.kind) == ("dividing", DOCKER)
    assert 0 <= event.at <= event.at + event.seconds <= journal.now


def test_the_result_is_written_as_json(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run")
    journal.conclude(RESULT)
    written = json.loads((journal.folder / "result.json").read_text())
    assert written["verdict"] == "passed"
    assert written["reason"] == "because"


def test_what_happens_after_the_end_is_heard_and_does_no_harm(tmp_path: Path) -> None:
    """A try that was cut off with its lab may still report."""
    journal = Journal(tmp_path / "run")
    journal.conclude(RESULT)
    journal.note(NOTE, "late", result=FAULTED)
    assert lines(journal) == []
    assert [event.text for event in journal.events] == ["late"]


def test_the_oldest_runs_make_room(tmp_path: Path) -> None:
    for number in range(KEPT + 5):
        (tmp_path / f"20260101-000000-{number:09}-mine").mkdir()
    (tmp_path / "0-not-a-run").mkdir()
    folder = new_folder(tmp_path, "server-down", since=time.time() + 1)
    folder.mkdir()
    assert folder.name.endswith("-server-down")
    stays, *kept = sorted(path.name for path in tmp_path.iterdir())
    assert len(kept) == KEPT
    assert kept[0] == "20260101-000000-000000006-mine"
    assert stays == "0-not-a-run"


def test_two_runs_of_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    assert len({new_folder(tmp_path, "a", since=0) for _ in range(20)}) == 20


def test_the_runs_of_one_matrix_stay_however_many_they_are(tmp_path: Path) -> None:
    since = time.time() - 60
    for _ in range(KEPT + 5):
        new_folder(tmp_path, "a", since=since).mkdir()
    assert len(list(tmp_path.iterdir())) == KEPT + 5


def test_several_that_make_room_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    for number in range(KEPT * 2):
        (tmp_path / f"20260101-000000-{number:09}-mine").mkdir()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_folder(tmp_path, "a", since=time.time() + 1), range(40)))
    assert len(set(made)) == 40


def test_what_cannot_be_written_is_remembered_and_not_raised(tmp_path: Path) -> None:
    """The lab has to be removed, whatever happens to its journal."""
    (tmp_path / "runs").touch()
    heard: list[Event] = []
    journal = Journal(tmp_path / "runs" / "one", (heard.append,))
    for text in ("one", "two"):
        journal.note(NOTE, text)
    assert not journal.save("logs/a.log", b"x")
    assert journal.append("a.pcap", b"x") is not None
    assert [event.text for event in heard if event.kind == NOTE] == ["one", "two"]
    assert [event.kind for event in heard].count(UNKEPT) == 1
    with pytest.raises(NotWritten, match="Not a directory"):
        journal.demand_kept()
    told = journal.conclude(RESULT)
    assert (told.verdict, told.folder, told.kept) == (Verdict.INCONCLUSIVE, "", False)
    assert told.reason == f"{tmp_path / 'runs' / 'one'} cannot be written: Not a directory."
    assert "Apart from that, it passed: because." in told.advice
    assert told.fingerprint == fingerprint(told)


def test_a_file_that_grows_has_no_gap(tmp_path: Path) -> None:
    """It ends at the first piece that cannot be written, even where the next could be."""
    journal = Journal(tmp_path / "run")
    assert journal.append("a.pcap", b"1") is None
    (tmp_path / "run" / "a.pcap").rename(tmp_path / "kept")
    (tmp_path / "run" / "a.pcap").mkdir()
    refused = journal.append("a.pcap", b"2")
    (tmp_path / "run" / "a.pcap").rmdir()
    (tmp_path / "kept").rename(tmp_path / "run" / "a.pcap")
    assert journal.append("a.pcap", b"3") is refused is not None
    assert (tmp_path / "run" / "a.pcap").read_bytes() == b"1"
    assert journal.append("b.pcap", b"4") is None
    written = json.loads((tmp_path / "run" / "result.json").read_text()) if journal.conclude(RESULT) else {}
    assert (written["verdict"], written["reason"]) == ("inconclusive", journal.unkept and journal.unkept.what)
    assert f"The rest of this run is in {tmp_path / 'run'}." in written["advice"]


def test_a_result_that_cannot_be_written_is_inconclusive(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run")
    (tmp_path / "run" / "result.json").mkdir()
    told = journal.conclude(RESULT)
    assert (told.verdict, told.folder) == (Verdict.INCONCLUSIVE, "")
    assert "result.json cannot be written" in told.reason


def test_only_the_usual_folders_have_another_in_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABCTL_STATE", str(tmp_path / "state"))
    assert new_folder(RUNS, "a", since=0).parent == RUNS
    (tmp_path / ".labctl").touch()
    for usual in (RUNS, CONTROLS, RUNS):
        assert new_folder(usual, "a", since=0).parent == tmp_path / "state" / usual.name
    assert new_folder(Path(".labctl", "chosen"), "a", since=0).parent == Path(".labctl", "chosen")
    said = capfd.readouterr().err.splitlines()
    assert said == [f"labctl: {one} cannot be written here, so the runs are kept in {tmp_path / 'state' / one.name}" for one in (RUNS, CONTROLS)]  # fmt: skip
    (tmp_path / "state").touch()
    assert new_folder(RUNS, "a", since=0).parent == RUNS


def test_runs_are_found_where_they_are_kept_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABCTL_STATE", str(tmp_path / "state"))
    journal = Journal(tmp_path / "state" / "runs" / "20260101-000000-1-a")
    journal.conclude(RESULT)
    with pytest.raises(UsageError, match=r"there are no runs in .labctl/runs\."):
        find_run("last")
    assert earlier(RUNS) == {}
    (tmp_path / ".labctl").touch()
    assert find_run("last") == find_run("a") == journal.folder
    assert earlier(RUNS) == {"a": [1.0]}
