"""What a run left: found by its names, and its result read back exactly as it was written."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.errors import UnknownName, UsageError
from labctl.model import (
    Connection,
    Diagnosis,
    Evidence,
    Exit,
    Finding,
    Listening,
    Look,
    Observation,
    Packet,
    Phase,
    PhaseResult,
    Result,
    ServiceRun,
    Verdict,
)
from labctl.results.journal import Journal
from labctl.results.result import files, find_run, parse, read
from support.handmade import OK, REFUSED, phase, result

EVIDENCE = Evidence(
    connections=(
        Connection("client", 40000, "server", 80, (Packet(0.0, "client", "SYN", again=True, reached="server"),)),
    ),
    hosts={"server": Look({"TcpExtListenDrops": 3}, (Listening("0.0.0.0", 80, 5, 6),), {"SYN-RECV": 1})},
    rules={"INPUT -j DROP": 7},
    findings=(Finding("server.TcpExtListenDrops", "a change of > 0", held=True, seen="changed by 3"),),
    flaws=("the capture on server lost 1 packets",),
)
RICH = PhaseResult(
    Phase.UNFIXED,
    1.5,
    2.25,
    ("docker compose stop server",),
    (Observation(1.6, (OK, REFUSED), (), EVIDENCE), Observation(1.7, (), ())),
    (Diagnosis("ss -ltn", "server", "zwölf\n\x1b[0m", judged=True, held=False, by="shows x", reason="no"),),
)


def written(one: Result) -> str:
    return json.dumps(asdict(one), indent=2, default=str)


def test_what_a_journal_wrote_is_read_back_exactly(tmp_path: Path) -> None:
    ran = replace(
        result(Verdict.FAILED, "server-down", phase(Phase.HEALTHY, OK, wrong="requests ok"), RICH),
        services={"server": (ServiceRun("listening", Exit(137, out_of_memory=True)),)},
        names={"address.server": "198.19.3.3"},
        timeout=2.0,
    )
    Journal(tmp_path / "run").conclude(ran)
    again = read(tmp_path / "run" / "result.json")
    assert again == ran
    assert type(again.phases[1].phase) is Phase
    assert type(again.phases[1].observations[0].tries[1].chain) is tuple


@given(st.builds(replace, st.just(result()), **{name: st.text() for name in ("reason", "advice", "title", "record")}))
def test_any_text_survives(one: Result) -> None:
    assert parse(written(one)) == one
    assert parse(json.dumps(asdict(one), default=str, ensure_ascii=False)) == one


def test_bytes_that_were_no_text_are_read_as_their_escape() -> None:
    """The half of a pair that Python has for them is no Unicode; whole pairs, and what only looks like one, stay."""
    ran = parse(written(result(reason="a \udc80 b \U0001f600 c \\udc80", advice="\ud83d")))
    assert ran.reason == "a \\udc80 b \U0001f600 c \\udc80"
    assert ran.advice == "\\ud83d"


def test_what_a_newer_labctl_adds_and_an_older_one_lacks_is_no_mistake() -> None:
    value: dict[str, Any] = asdict(result())
    value["phases"][0]["observations"][0]["mood"] = {"new": [1]}
    for name in ("names", "timeout", "record", "fingerprint", "folder", "services"):
        del value[name]
    del value["phases"][0]["diagnoses"]
    assert parse(json.dumps({**value, "later": True}, default=str)) == replace(result(), folder="")


def changed(**changes: Any) -> str:
    return json.dumps({**asdict(result()), **changes}, default=str)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "invalid JSON: EOF while parsing"),
        (b"\xff\xfe", "invalid JSON"),
        ("[]", "an object"),
        ("{}", "run: field required"),
        (changed(verdict="passd"), "verdict: input should be 'passed', 'failed'"),
        (changed(seconds="2"), "seconds: input should be a valid number"),
        (changed(phases=[{"phase": "healthy", "began": True, "ended": 2}]), "phases.0.began: input should be a valid"),
        (changed(versions={"\x1b[2J\n": 5}), r"versions.'\x1b[2J\n': input should be a valid string"),
        (changed(services="[" * 9), "services: "),
        ("[" * 100_000, "recursion limit"),
        (changed(seconds=1)[:-1] + ',"seconds":' + "9" * 9000 + "}", "number out of range"),
        ("," * 400_000, "it holds more than any run writes"),
    ],
    ids=range(12),
)
def test_what_is_no_result_is_refused_with_its_first_mistake(text: str | bytes, wrong: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text, "here.json")
    assert refused.value.what.startswith("here.json is not the result of a run: ")
    assert wrong in refused.value.what
    assert refused.value.what.isprintable()


@given(st.one_of(st.binary(), st.text(st.characters()), st.text('[]{}",:0truenl\\ud8')))
def test_whatever_is_read_there_is_a_result_or_one_kind_of_error(text: str | bytes) -> None:
    with pytest.raises(UsageError):
        parse(text)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)
@given(st.data())
def test_a_result_with_any_value_changed_is_a_result_or_a_mistake_with_its_path(data: st.DataObject) -> None:
    value = asdict(result(Verdict.PASSED, "x", RICH))
    at: Any = value
    key: Any = data.draw(st.sampled_from(sorted(value)))
    while isinstance(at[key], dict | list | tuple) and at[key] and data.draw(st.booleans()):
        at[key] = list(at[key]) if isinstance(at[key], tuple) else at[key]
        at = at[key]
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
    at[key] = data.draw(st.sampled_from([None, 1, -0.5, "x", [], {}, [1], {"a": "b"}, True]))
    try:
        parsed = parse(json.dumps(value, default=str))
    except UsageError as error:
        assert str(key) in error.what
    else:
        assert isinstance(parsed, Result)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read(tmp_path / "result.json")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder with four runs, the newest cut off."""
    folder = tmp_path / "runs"
    for name in (
        "101-000000-1-server-down",
        "101-000001-1-server-down",
        "102-000000-1-loopback-bind",
        "103-000000-1-cut",
    ):
        (folder / f"20260{name}").mkdir(parents=True)
        (folder / f"20260{name}" / "result.json").write_text("{}")
    (folder / "20260103-000000-1-cut" / "result.json").unlink()
    return folder


def test_a_run_is_found_by_path_name_scenario_and_last(runs: Path) -> None:
    newest = runs / "20260101-000001-1-server-down"
    for name in (str(newest), f"{newest}/", f"{newest}/result.json", newest.name, "server-down"):
        assert find_run(name, runs) == newest
    (runs / "20260103-000000-1-cut").rmdir()
    assert find_run("last", runs) == runs / "20260102-000000-1-loopback-bind"


@pytest.mark.parametrize("name", ["cut", "last", "20260103-000000-1-cut"])
def test_a_run_that_was_cut_off_is_said_to_be(runs: Path, name: str) -> None:
    with pytest.raises(UsageError) as refused:
        find_run(name, runs)
    assert "20260103-000000-1-cut has no result.json." in refused.value.what
    assert "cut off before it ended" in refused.value.means
    assert "`labctl run cut`" in refused.value.todo


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("serverdown", "Did you mean server-down?"),
        ("lsat", "Did you mean last?"),
        ("20260102-000000-1-loopback-bnid", "Did you mean 20260102-000000-1-loopback-bind or "),
        ("", "Known: cut, last, loopback-bind, server-down."),
    ],
)
def test_an_unknown_run_is_answered_with_the_nearest(runs: Path, name: str, said: str) -> None:
    with pytest.raises(UnknownName) as refused:
        find_run(name, runs)
    assert refused.value.todo.startswith(said)


@pytest.mark.parametrize("name", ["./nowhere", "..x", "no/such/run"])
def test_a_path_that_is_no_folder_is_named(runs: Path, name: str) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        find_run(name, runs)


def test_where_nothing_has_run_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no runs"):
        find_run("last", tmp_path / "nowhere")


def test_only_what_a_run_leaves_is_taken(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "x.pcap").mkdir()
    for name in ("result.json", "notes.txt", "client.pcap", "logs/server-1.log", "logs/core", "journal.jsonl", ".env"):
        (tmp_path / name).touch()
    assert list(files(tmp_path)) == ["client.pcap", "journal.jsonl", "logs/server-1.log", "result.json"]


@pytest.mark.parametrize("name", ["notes", "server.pcap", "logs/x", "logs"])
def test_a_symbolic_link_is_refused_wherever_it_leads(tmp_path: Path, name: str) -> None:
    link = tmp_path / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to("/etc")
    with pytest.raises(UsageError, match=f"{name} is a symbolic link."):
        files(tmp_path)
