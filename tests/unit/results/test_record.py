"""A scenario's record: made from a run, written, read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from labctl.cli.commands.schema import command as schema
from labctl.errors import LabctlError, Mistakes, NotWritten
from labctl.language import jsonfile
from labctl.model import Link, Outcome, Phase, PhaseResult, Verdict
from labctl.results import record
from labctl.results.record import Record, Recorded
from labctl.run.run import _compared as compared
from labctl.scenario.load import load
from labctl.system.places import installed
from support.handmade import OK, phase, result
from support.recorded import CHAIN, CURL, TOLD, ran, seen


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


def test_a_client_that_lacked_a_processor_may_have_been_as_quick_as_recorded() -> None:
    late = replace(TOLD, seconds=1.5, starved=1.2)  # of the two seconds that it has
    broken = result(Verdict.PASSED, "server-down", phase(Phase.FAULTED, late))
    broken = replace(broken, timeout=2.0)
    recorded = seen(TOLD)
    assert record.of(broken).clients["requests"].time == "later"
    assert record.of(broken, like=recorded).clients["requests"].time == "at once"
    quick = replace(broken, phases=(phase(Phase.FAULTED, replace(late, starved=0.5)),))
    assert record.of(quick, like=recorded).clients["requests"].time == "later"


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
    with pytest.raises(LabctlError, match="more than are read again"):
        record.write(file, seen(replace(CURL, says="x" * jsonfile.MOST_BYTES)))
    file.with_name("folder.json").mkdir()
    with pytest.raises(NotWritten, match="directory"):
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
        (b"[]", "FILE:1:1: the whole file: expected a mapping of keys and values."),
        (b"[" * 100_000, "FILE:1:1: this file holds what labctl never writes."),
        (b'{"a": ' + b"9" * 10_000 + b"}", "FILE:1:1: this file holds what labctl never writes."),
        (
            b" " * (jsonfile.MOST_BYTES + 1),
            "FILE:1:1: this file is larger than 4 MiB, and labctl writes none that is.",
        ),
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
            "clients.'a\\x1bb': 1: expected a mapping of keys and values.",
            "clients.curl.colour: this key is not known.",
            "clients.curl.exit_code: 'x\\x1b': expected a whole number.",
            f"clients.curl.outcome: 'vanished': input should be {outcomes} or '{list(Outcome)[-1]}'.",
            "clients.curl.says: this key is missing.",
            "clients.requests.chain.1.message: expected text.",
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
    with pytest.raises(Mistakes, match="this file cannot be read: Is a directory"):
        record.read(tmp_path / "server-down.json")


def test_a_record_without_its_scenario_is_an_orphan(tmp_path: Path) -> None:
    for name in ("b", "a", "here"):
        record.write(tmp_path / "records" / f"{name}.json", seen(CURL))
    (tmp_path / "records" / "README.md").touch()
    assert [file.stem for file in record.orphans(tmp_path, {"here", "never-recorded"})] == ["a", "b"]
    assert record.orphans(tmp_path / "nowhere", set()) == []


def test_the_schema_of_scenarios_and_of_records_is_printed() -> None:
    for arguments, title in (([], "Scenario"), (["scenario"], "Scenario"), (["record"], "Record")):
        printed = CliRunner().invoke(schema, arguments)
        assert (printed.exit_code, json.loads(printed.output)["title"]) == (0, title)


def test_the_schema_explains_every_field_of_a_record() -> None:
    made = Record.model_json_schema()
    models = (made, made["$defs"]["Recorded"], made["$defs"]["RecordedLink"])
    assert all(model["properties"] for model in (made, *models))
    assert all(field.get("description") for model in models for field in model["properties"].values())


def test_a_client_of_another_version_is_not_compared_where_it_is_the_machine_s_own() -> None:
    recorded, now = (
        seen(TOLD, CURL),
        seen(replace(TOLD, says="otherwise"), replace(CURL, version="curl 8.0.0", says="x")),
    )
    assert record.comparable(recorded, now).clients.keys() == {TOLD.client}
    assert record.comparable(recorded, seen(TOLD, CURL)) == seen(TOLD, CURL)
    assert record.comparable(seen(TOLD), now).clients.keys() == now.clients.keys()


def test_how_long_a_client_takes_is_not_held_against_it_where_the_machine_was_too_busy() -> None:
    loaded = replace(load(installed("scenarios") / "server-down.yaml"), record=seen(TOLD))
    late = replace(TOLD, seconds=1.5)
    assert compared(ran(TOLD), loaded).record == "as recorded"
    assert compared(ran(late), loaded).verdict is Verdict.FAILED
    told = compared(ran(replace(late, starved=1.4)), loaded)
    assert (told.verdict, told.record) == (
        Verdict.PASSED,
        "as recorded, but for the time of requests (the machine was too busy)",
    )
