"""A scenario's record: made from a run, written, read, and what is said where it differs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from handmade import OK, REFUSED, phase, result
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from labctl import record, scenario
from labctl.commands.record import INSTALLED, conclude, demand_writable
from labctl.commands.schema import command as schema
from labctl.errors import LabctlError, Mistakes, UsageError
from labctl.model import Link, Observation, Outcome, Phase, PhaseResult, Result, Stage, Try, Verdict
from labctl.places import installed
from labctl.record import Record, Recorded

CHAIN = (
    Link("requests.exceptions.ConnectionError", "no way to 198.19.3.3", ""),
    Link("urllib3.exceptions.NewConnectionError", "<HTTPConnection at 0x7f18fe341e90>: refused", "context"),
    Link("ConnectionRefusedError", "[Errno 111] Connection refused", "cause"),
)
TOLD = replace(REFUSED, chain=CHAIN, says="requests.exceptions.ConnectionError: no way to 198.19.3.3")
CURL = Try("curl", "curl 7.88.1", Outcome.TIMED_OUT, Stage.CONNECT, 2.01, says="curl: (28) after 2001 ms", exit_code=28)


def ran(*tries: Try) -> Result:
    """Return a run in which the clients saw this first, and another thing later, while the fault was in place."""
    faulted = phase(Phase.FAULTED, *tries)
    later = Observation(1.3, (replace(REFUSED, outcome=Outcome.RESET),), ())
    both = replace(faulted, observations=(*faulted.observations, later))
    made = result(Verdict.PASSED, "server-down", phase(Phase.HEALTHY, OK), both)
    return replace(made, names={"address.server": "198.19.3.3"}, timeout=2.0)


def seen(*tries: Try) -> Record:
    return record.of(ran(*tries))


def test_a_record_is_what_each_client_saw_first_with_names_for_what_varies() -> None:
    made = seen(TOLD, CURL)
    assert (made.scenario, list(made.clients)) == ("server-down", ["requests", "curl"])
    says = "requests.exceptions.ConnectionError: no way to ${address.server}"
    refused = {"outcome": "refused", "stage": "connect", "errno": "ECONNREFUSED", "errno_number": 111, "says": says}
    chain = [
        {"type": CHAIN[0].type, "message": "no way to ${address.server}", "link": ""},
        {"type": CHAIN[1].type, "message": "<HTTPConnection at <id>>: refused", "link": "context"},
        {"type": CHAIN[2].type, "message": "[Errno 111] Connection refused", "link": "cause"},
    ]
    rest = {"exit_code": None, "chain": chain, "time": "at once", "version": "requests 2.34.2"}
    assert made.clients["requests"] == Recorded.model_validate(refused | rest)
    timed_out = {"outcome": "timed-out", "stage": "connect", "errno": None, "errno_number": None, "exit_code": 28}
    rest = {"chain": [], "says": "curl: (28) after <time> ms", "time": "timed out", "version": "curl 7.88.1"}
    assert made.clients["curl"] == Recorded.model_validate(timed_out | rest)


@pytest.mark.parametrize("phases", [(phase(Phase.HEALTHY, OK),), (PhaseResult(Phase.FAULTED, 1.0, 2.0),)])
def test_a_run_that_did_not_come_so_far_has_no_record(phases: tuple[PhaseResult, ...]) -> None:
    with pytest.raises(ValueError, match=r"^this run of server-down has no faulted phase in which a client tried\.$"):
        record.of(result(Verdict.INCONCLUSIVE, "server-down", *phases))


def test_the_record_lies_in_a_folder_next_to_the_scenario() -> None:
    assert record.file_of(Path("scenarios/firewall/drop.yaml")) == Path("scenarios/firewall/records/drop.json")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "records" / "server-down.json"
    assert record.read(file) is None
    record.write(file, seen(TOLD, CURL))
    assert record.read(file) == seen(TOLD, CURL)
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_one_record_is_written_in_one_way(tmp_path: Path) -> None:
    """The clients by name, the keys in the order of the schema, so that a review shows what has changed."""
    file = tmp_path / "server-down.json"
    record.write(file, seen(TOLD, CURL))
    first = file.read_bytes()
    record.write(file, seen(CURL, TOLD))
    assert file.read_bytes() == first == record.encoded(seen(CURL, TOLD))
    written = json.loads(first)
    assert first.endswith(b"}\n")
    assert list(written) == list(Record.model_fields)
    assert list(written["clients"]) == ["curl", "requests"]
    assert list(written["clients"]["curl"]) == list(Recorded.model_fields)


def test_a_text_stays_readable_and_control_characters_are_escaped(tmp_path: Path) -> None:
    file = tmp_path / "server-down.json"
    record.write(file, seen(replace(CURL, says="für \x1b[31m\x00\udcff")))
    assert '"für \\u001b[31m\\u0000\\\\udcff"' in file.read_text(encoding="utf-8")
    assert record.read(file) == seen(replace(CURL, says="für \x1b[31m\x00\udcff"))


@given(st.text(st.characters()), st.text(st.characters()))
def test_whatever_a_client_says_is_recorded(tmp_path_factory: pytest.TempPathFactory, said: str, message: str) -> None:
    file = tmp_path_factory.getbasetemp() / "server-down.json"
    made = seen(replace(TOLD, says=said, chain=(Link("OSError", message, ""),)))
    record.write(file, made)
    assert record.read(file) == made
    assert record.differences(made, made) == []


def test_a_write_that_fails_leaves_the_old_record_alone(tmp_path: Path) -> None:
    file = tmp_path / "server-down.json"
    record.write(file, seen(CURL))
    with pytest.raises(LabctlError, match="more than a record may have"):
        record.write(file, seen(replace(CURL, says="x" * record.MOST_BYTES)))
    file.with_name("folder.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        record.write(file.with_name("folder.json"), seen(CURL))
    assert record.read(file) == seen(CURL)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder.json", "server-down.json"]


def broken(folder: Path, raw: bytes) -> list[str]:
    """Return what is said about a record of these bytes."""
    file = folder / "server-down.json"
    file.write_bytes(raw)
    with pytest.raises(Mistakes) as caught:
        record.read(file)
    lines = str(caught.value).replace(str(file), "FILE").splitlines()
    assert all(line.endswith(" `labctl record server-down` writes it anew.") for line in lines)
    return [line.removesuffix(" `labctl record server-down` writes it anew.") for line in lines]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "FILE:1:1: this is not JSON: Expecting value."),
        (b'{\n  "scenario": server\n}', "FILE:2:15: this is not JSON: Expecting value."),
        (b"{}\n<<<<<<< HEAD\n", "FILE:2:1: this is not JSON: Extra data."),
        (b'{\n"a": "\xe9"}', "FILE:2:7: this is not UTF-8 text."),
        (b"[]", "FILE:1:1: the whole file: a mapping of keys and values is wanted."),
        (b"[" * 100_000, "FILE:1:1: this file holds what no record does."),
        (b'{"a": ' + b"9" * 10_000 + b"}", "FILE:1:1: this file holds what no record does."),
        (b" " * (record.MOST_BYTES + 1), "FILE:1:1: this file is larger than 1 MiB, and no record is."),
    ],
)
def test_a_file_that_is_no_record_is_told_with_its_place(tmp_path: Path, raw: bytes, told: str) -> None:
    assert broken(tmp_path, raw) == [told]


def test_every_mistake_of_a_record_is_told_with_its_path(tmp_path: Path) -> None:
    written = json.loads(record.encoded(seen(TOLD, CURL)))
    written["format"] = 2
    written["clients"]["curl"] |= {"outcome": "vanished", "exit_code": "x\x1b", "colour": 1}
    del written["clients"]["curl"]["says"]
    written["clients"]["requests"]["chain"][1]["message"] = None
    written["clients"]["a\x1bb"] = 1
    outcomes = ", ".join(f"'{one}'" for one in list(Outcome)[:-1])
    assert broken(tmp_path, json.dumps(written).encode()) == [
        f"FILE:1:1: {one}"
        for one in (
            "clients.'a\\x1bb': 1: a mapping of keys and values is wanted.",
            "clients.curl.colour: this key is not known.",
            "clients.curl.exit_code: 'x\\x1b': a whole number is wanted.",
            f"clients.curl.outcome: 'vanished': input should be {outcomes} or '{list(Outcome)[-1]}'.",
            "clients.curl.says: this key is missing.",
            "clients.requests.chain.1.message: a text is wanted.",
            "format: 2: input should be 1.",
        )
    ]


def test_the_record_of_another_scenario_is_a_mistake(tmp_path: Path) -> None:
    raw = record.encoded(seen(CURL)).replace(b'"server-down"', b'"other"')
    assert broken(tmp_path, raw) == [
        "FILE:1:1: scenario: this is the record of 'other', and its file is called otherwise."
    ]


def test_a_record_that_cannot_be_opened_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "server-down.json").mkdir()
    with pytest.raises(Mistakes, match="this record cannot be read: Is a directory"):
        record.read(tmp_path / "server-down.json")


def test_runs_that_differ_in_what_varies_only_do_not_differ() -> None:
    other = replace(
        ran(replace(TOLD, seconds=0.3), CURL), names={"address.server": "198.19.3.3", "address.x": "198.19.3.4"}
    )
    assert record.differences(seen(TOLD, CURL), record.of(other)) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"outcome": Outcome.RESET}, ["curl: outcome", "  - timed-out", "  + reset"]),
        ({"stage": None}, ["curl: stage", "  - connect", "  + None"]),
        ({"errno": "ETIMEDOUT"}, ["curl: errno", "  - None", "  + ETIMEDOUT"]),
        ({"errno_number": 110}, ["curl: errno number", "  - None", "  + 110"]),
        ({"exit_code": 0}, ["curl: exit code", "  - 28", "  + 0"]),
        ({"exit_code": None}, ["curl: exit code", "  - 28", "  + None"]),
        ({"seconds": 1.0}, ["curl: time", "  - timed out", "  + later"]),
        ({"says": ""}, ["curl: what it says", "  - curl: (28) after <time> ms", "  + (nothing)"]),
        ({"says": "a\nb"}, ["curl: what it says", "  - curl: (28) after <time> ms", "  + a\\nb"]),
    ],
)
def test_each_field_that_differs_is_told(changed: dict[str, object], told: list[str]) -> None:
    assert record.differences(seen(TOLD, CURL), seen(TOLD, replace(CURL, **changed))) == told  # type: ignore[arg-type]


def test_a_message_that_differs_is_told_by_its_exception() -> None:
    new = replace(CHAIN[1], message="refused!")
    other = replace(TOLD, chain=(CHAIN[0], new, CHAIN[2]))
    assert record.differences(seen(TOLD), seen(other)) == [
        "requests: message of urllib3.exceptions.NewConnectionError",
        "  - <HTTPConnection at <id>>: refused",
        "  + refused!",
    ]


def test_what_the_client_says_is_not_told_once_more_where_it_is_the_exception_itself() -> None:
    new = replace(CHAIN[0], message="not any way")
    other = replace(TOLD, chain=(new, *CHAIN[1:]), says=f"{new.type}: not any way")
    assert record.differences(seen(TOLD), seen(other)) == [
        "requests: message of requests.exceptions.ConnectionError",
        "  - no way to ${address.server}",
        "  + not any way",
    ]


def test_an_exception_that_came_or_went_is_told() -> None:
    other = replace(TOLD, chain=(CHAIN[0], Link("OSError", "", "context"), replace(CHAIN[2], link="context")))
    assert record.differences(seen(TOLD), seen(other)) == [
        "requests: urllib3.exceptions.NewConnectionError is gone from the chain",
        "  - <HTTPConnection at <id>>: refused",
        "requests: OSError is new in the chain",
        "  + (nothing)",
        "requests: what leads to ConnectionRefusedError",
        "  - cause",
        "  + context",
    ]


def test_another_version_is_told_beside_a_difference_and_is_none() -> None:
    newer = replace(CURL, version="curl 8.0.0")
    assert record.differences(seen(CURL), seen(newer)) == []
    assert record.differences(seen(CURL), seen(replace(newer, says="no"))) == [
        "curl: what it says",
        "  - curl: (28) after <time> ms",
        "  + no",
        "curl was recorded with curl 7.88.1, and is curl 8.0.0 now",
    ]


def test_of_long_texts_only_the_place_is_shown_where_they_differ() -> None:
    before, after = "a" * 300, "z" * 300
    one, other = record.contrast(f"{before} couldn't connect {after}", f"{before} could not connect {after}")
    assert one == f"…{'a' * 18} couldn't connect {'z' * 14}…"
    assert other == f"…{'a' * 18} could not connect {'z' * 14}…"


@given(st.text(max_size=300), st.text("ab", max_size=300), st.text("ab", max_size=300), st.text(max_size=300))
def test_two_texts_that_differ_are_shown_differently_and_briefly(begin: str, one: str, other: str, end: str) -> None:
    shown = record.contrast(begin + one + end, begin + other + end)
    assert max(map(len, shown)) <= record.MOST_SHOWN + 2
    assert (shown[0] == shown[1]) == (one == other)


def test_clients_that_only_one_record_has_are_no_difference_and_can_be_asked_for() -> None:
    one, other = seen(TOLD, CURL), seen(TOLD, replace(CURL, client="nc"))
    assert record.differences(one, other) == []
    assert record.unrecorded(one, other) == ["nc"]
    assert record.untried(one, other) == ["curl"]


def test_a_record_without_its_scenario_is_an_orphan(tmp_path: Path) -> None:
    for name in ("b", "a", "here"):
        record.write(tmp_path / "records" / f"{name}.json", seen(CURL))
    (tmp_path / "records" / "README.md").touch()
    assert [file.stem for file in record.orphans(tmp_path, {"here", "never-recorded"})] == ["a", "b"]
    assert record.orphans(tmp_path / "nowhere", set()) == []


def test_a_place_where_nothing_can_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    demand_writable(tmp_path / "mine.yaml")
    (tmp_path / "records").touch()
    with pytest.raises(UsageError, match="no record can be written to"):
        demand_writable(tmp_path / "mine.yaml")


def test_a_scenario_that_came_with_an_installed_labctl_is_to_be_copied_first() -> None:
    with pytest.raises(UsageError, match=r"Copy it to ./scenarios first: labctl new tiny-backlog --from tiny-backlog"):
        demand_writable(INSTALLED / "scenarios" / "tiny-backlog.yaml")


def concluded(folder: Path, *results: Result, check: bool = False) -> tuple[Verdict, str]:
    """Return what runs of a scenario in a folder came to, and what `labctl record` said of it."""
    file = shutil.copy(installed("scenarios") / "server-down.yaml", folder)
    said = Console(file=StringIO(), width=120)
    verdict = conclude(said, scenario.load(Path(file)), results, check=check)
    assert isinstance(said.file, StringIO)
    return verdict, said.file.getvalue().replace(f"{folder}/", "")


def test_two_runs_with_the_same_errors_are_recorded_once(tmp_path: Path) -> None:
    same = ran(TOLD, CURL), ran(replace(TOLD, seconds=0.2), CURL)
    assert concluded(tmp_path, *same) == (Verdict.PASSED, "wrote records/server-down.json: 2 clients\n")
    assert concluded(tmp_path, *same) == (Verdict.PASSED, "records/server-down.json is as it was\n")
    assert concluded(tmp_path, *same, check=True) == (Verdict.PASSED, "records/server-down.json is what is seen\n")


@pytest.mark.parametrize(
    ("other", "verdict", "told"),
    [
        (
            ran(replace(CURL, says="\x1bno")),
            Verdict.INCONCLUSIVE,
            "the text varies from run to run\n  curl: what it says",
        ),
        (
            ran(CURL, TOLD),
            Verdict.INCONCLUSIVE,
            "the text varies from run to run\n  requests: tried in one of the runs only",
        ),
        (result(Verdict.FAILED), Verdict.FAILED, "a run of server-down did not pass, see above"),
        (result(Verdict.SKIPPED), Verdict.SKIPPED, "a run of server-down did not pass, see above"),
    ],
)
def test_nothing_is_written_where_the_runs_differ_or_did_not_pass(
    tmp_path: Path, other: Result, verdict: Verdict, told: str
) -> None:
    came_to, said = concluded(tmp_path, ran(CURL), other)
    assert came_to is verdict
    assert said.startswith(f"records/server-down.json is left as it is: {told}")
    assert "\x1b" not in said
    assert not (tmp_path / "records").exists()


def test_a_check_tells_what_is_not_as_recorded_and_writes_nothing(tmp_path: Path) -> None:
    told = "records/server-down.json is not there: `labctl record server-down` writes it\n"
    assert concluded(tmp_path, ran(CURL), check=True) == (Verdict.FAILED, told)
    record.write(tmp_path / "records" / "server-down.json", seen(CURL))
    verdict, said = concluded(tmp_path, ran(TOLD, replace(CURL, exit_code=7)), check=True)
    assert verdict is Verdict.FAILED
    assert said.splitlines() == [
        "records/server-down.json is not what is seen: `labctl record server-down` writes it anew",
        "  curl: exit code",
        "    - 28",
        "    + 7",
        "  requests: not recorded",
    ]
    assert record.read(tmp_path / "records" / "server-down.json") == seen(CURL)


def test_the_schema_of_scenarios_and_of_records_is_printed() -> None:
    for arguments, title in (([], "Scenario"), (["scenario"], "Scenario"), (["record"], "Record")):
        printed = CliRunner().invoke(schema, arguments)
        assert (printed.exit_code, json.loads(printed.output)["title"]) == (0, title)


def test_the_schema_explains_every_field_of_a_record() -> None:
    made = Record.model_json_schema()
    models = (made, made["$defs"]["Recorded"], made["$defs"]["RecordedLink"])
    assert all(field.get("description") for model in models for field in model["properties"].values())
