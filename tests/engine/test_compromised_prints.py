"""What a service prints and answers reaches people, CI systems and files as data only."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree as ET

import pytest

from support.hostile import ANSWERS, written
from support.variants import labctl, pytest_in

LOOKS = (
    "\x1b[2J\x1b[31;5m\x1b]0;title\x07\x1b]8;;http://nowhere.example\x1b\\",  # clears, blinks, renames, links
    "\x00\x01\x08\x7f\x9b31m\x85\u2028\u2029\u202e\u200b\ufeff\ufffe\U0010ffff",
    "]]> <failure/> &#0; <!-- <![CDATA[",
    "[red]not red[/red] [link=http://nowhere.example]no link[/link] [/]",
    "::error file=forged.py::forged",
    "   ::set-output name=forged::forged",
    "before ##[error]forged ##vso[task.complete result=Failed;]forged",
    "##teamcity[testFailed name='forged']",
    "section_start:1560896352:forged[collapsed=true]\r\x1b[0Kforged",
    "passed nasty in 0.10 s: broken as claimed, and repaired by the fix",
    "labctl: forged",
)  # fmt: skip
NASTY = "\n".join(LOOKS)
REASON = "::error::forged ##[error]forged [red]\x1b[31m\x00\x9b ]]>"
PROGRAM = (
    ANSWERS
    + f"""
import os, sys
NASTY = {NASTY!r}
REASON = {REASON!r}
def refuse(connection):
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 503 " + REASON.encode() + b"\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
if os.environ.get("NASTY"):
    answer = refuse
    for stream in (sys.stdout, sys.stderr):
        stream.buffer.write(NASTY.encode() + b" \\xff\\xfe\\xc3( \\xed\\xa0\\x80\\n")
        stream.flush()
serve()
"""
)
SAYS = ["python3", "-c", f"import sys; sys.stdout.write({NASTY!r}); sys.exit(3)"]
CLIENTS = ("--client", "http.client", "--client", "requests", "--client", "urllib", "--client", "curl")
COMMAND = re.compile(r"^\s*::[\w-]+( .*)?::|##\[|##vso\[|##teamcity\[", re.MULTILINE)
"""What GitHub's runner, Azure Pipelines and TeamCity take for commands in a log."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a scenario in which the fault is a server that has been taken over, and the fix says nasty things."""
    folder = tmp_path_factory.mktemp("nasty")
    written(
        folder / "scenarios",
        "nasty",
        PROGRAM,
        fault=[{"recreate": "server", "environment": {"NASTY": "1"}, "until": {"listens": "0.0.0.0:8080"}}],
        expect={"outcome": "protocol-error"},
        diagnose=[{"log": "server", "context": True}, {"run": SAYS, "host": "server", "context": True}],
        fix=[{"run": SAYS, "host": "server"}],
    )
    return folder


@pytest.fixture(scope="module")
def shown(folder: Path) -> CompletedProcess[str]:
    """Run it as a person does."""
    return labctl(folder, "run", "nasty", *CLIENTS)


@pytest.fixture(scope="module")
def matrix(folder: Path) -> CompletedProcess[str]:
    """Run it as CI does."""
    return labctl(folder, "matrix", "nasty", *CLIENTS, "--junit", "r.xml", PYTHONIOENCODING="utf-8")


def demand_plain(text: str) -> None:
    """See that nothing steers a terminal, nor a CI system, nor looks like a line of labctl's own."""
    steering = {f"{character!r}" for character in text if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")}
    assert steering <= {repr("\n"), repr("\t")}
    assert not COMMAND.search(text), COMMAND.search(text)
    assert not [line for line in text.splitlines() if line.startswith("passed")]


def test_the_commands_would_be_understood_if_they_were_printed_as_they_are() -> None:
    """The check below finds each of them, and what is no command is none."""
    assert len(COMMAND.findall(NASTY)) == 5
    assert not COMMAND.search("addresses ::1 and fe80::1\n::1 localhost ip6-localhost\n# a comment ## of two [x]")


def test_a_person_sees_it_written_out(shown: CompletedProcess[str]) -> None:
    assert shown.returncode == 1, shown.stderr
    demand_plain(shown.stdout + shown.stderr)
    for harmless in (r"\x1b[2J", r"\x00", "]]>", "[red]not red[/red]", r"\x3a:error file=forged.py::", r"\x23#[error]"):
        assert harmless in shown.stdout


def test_a_terminal_in_colour_gets_no_sequences_but_labctls_own(folder: Path) -> None:
    told = labctl(folder, "run", "nasty", *CLIENTS, FORCE_COLOR="1", COLUMNS="100").stdout
    assert "\x1b[" in told
    assert set(re.findall(r"\x1b(.)", told)) <= {"["}
    assert not re.search(r"\x1b\[(2J|31;5m)|[\x00\x07\x08\x7f\x85\x9b]", told)


def test_a_log_of_ci_gets_no_commands(matrix: CompletedProcess[str]) -> None:
    assert matrix.returncode == 1, matrix.stderr
    demand_plain(matrix.stdout + matrix.stderr)


def test_the_junit_file_is_xml_and_has_the_same_text(folder: Path, matrix: CompletedProcess[str]) -> None:
    assert matrix.returncode == 1
    [case] = ET.parse(folder / "r.xml").getroot().iter("testcase")  # noqa: S314 - our own
    assert case.get("name") == "nasty"
    [failure] = case.iter("failure")
    demand_plain((failure.text or "") + (failure.get("message") or ""))
    assert "]]> <failure/>" in (failure.text or "")


def test_json_carries_every_byte_as_data(folder: Path) -> None:
    """It is ASCII, and still no command where a CI system reads it."""
    printed = labctl(folder, "run", "nasty", "--json", *CLIENTS).stdout
    assert printed.isascii()
    demand_plain(printed)
    [result] = json.loads(printed)
    log = result["services"]["server"][1]["log"]
    assert all(line in log for line in LOOKS)
    assert "�" in log  # what was no UTF-8
    said = {one["says"] for phase in result["phases"][1:2] for one in phase["observations"][-1]["tries"]}
    assert any("##[error]forged [red]\x1b[31m" in says for says in said)


def test_a_run_s_folder_and_its_bundle_show_it_as_data(folder: Path, shown: CompletedProcess[str]) -> None:
    assert shown.returncode == 1
    run = min((folder / ".labctl" / "runs").iterdir())
    result = json.loads((run / "result.json").read_text())
    assert (run / "result.json").read_text().isascii()
    assert (
        len((run / "journal.jsonl").read_text().splitlines())
        == len((run / "journal.jsonl").read_text().split("\n")) - 1
    )
    logs = (run / "logs" / "server-2.log").read_text(encoding="utf-8")
    assert logs == result["services"]["server"][1]["log"].replace("\r", "\n")  # as Python reads a text
    made = labctl(folder, "bundle", run.name, "-o", "b.tar.gz")
    assert made.returncode == 0, made.stdout + made.stderr
    for arguments in (("verify", "b.tar.gz"), ("show", "b.tar.gz")):
        told = labctl(folder, "bundle", *arguments)
        assert told.returncode == 0, told.stderr
        demand_plain(told.stdout + told.stderr)
    inside = labctl(folder, "bundle", "show", "b.tar.gz", "--file", "logs/server-2.log")
    assert not COMMAND.search(inside.stdout)
    assert r"\x1b[2J" in inside.stdout


def test_why_quotes_a_hostile_log_as_data(folder: Path) -> None:
    text = f"{NASTY}\nConnectionRefusedError: [Errno 111] Connection refused {NASTY}\n{REASON}: Connection refused\n"
    (folder / "hostile.log").write_text(text, encoding="utf-8")
    for told in (labctl(folder, "why", "./hostile.log"), labctl(folder, "why", "--all", "./hostile.log")):
        assert told.returncode in (0, 1), told.stderr
        assert "ECONNREFUSED" in told.stdout
        demand_plain(told.stdout + told.stderr)
    printed = labctl(folder, "why", "--json", "./hostile.log").stdout
    assert printed.isascii()
    demand_plain(printed)


def test_pytest_shows_it_as_data(folder: Path) -> None:
    arguments = [word.replace("--client", "--labctl-client") for word in CLIENTS]
    told = pytest_in(folder, "scenarios/nasty.yaml", "-q", "--junitxml=p.xml", *arguments)
    assert told.returncode == 1, told.stdout + told.stderr
    demand_plain(told.stdout.replace("passed", "") + told.stderr)
    ET.parse(folder / "p.xml")  # noqa: S314 - our own
