"""What cannot be read in a folder is named and left out by commands that look at all scenarios; what is named must be read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from labctl.errors import UnknownName, listed, meant
from labctl.system.places import installed
from support.calling import labctl
from support.variants import variant

TEXT = "curl: (7) Failed to connect to db port 5432 after 2 ms: Connection refused"
LOOKING = {"list": ["list"], "why": ["why", TEXT], "lookalikes": ["lookalikes", "--client", "curl"]}


def not_yaml(folder: Path) -> str:
    (folder / "bad.yaml").write_text("name: [\n")
    return "scenarios/bad.yaml:2:1: this is not YAML"


def not_text(folder: Path) -> str:
    (folder / "bad.yaml").write_bytes(b"\xff\xfe\x00")
    return "scenarios/bad.yaml:1:1: this is not UTF-8 text"


def not_a_scenario(folder: Path) -> str:
    (folder / "bad.yaml").write_text("name: bad\n")
    return "scenarios/bad.yaml:1:1: the key"


def damaged_record(folder: Path) -> str:
    variant(folder, "bad")
    (folder / "records").mkdir()
    (folder / "records" / "bad.json").write_text("{")
    return "scenarios/records/bad.json:1:2: this is not JSON"


def two_of_one_name(folder: Path) -> str:
    variant(folder / "below", "bad")
    variant(folder, "bad")
    return "two scenarios are called 'bad'"


BROKEN = (not_yaml, not_text, not_a_scenario, damaged_record, two_of_one_name)


@pytest.mark.parametrize("command", LOOKING.values(), ids=list(LOOKING))
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_what_cannot_be_read_is_named_and_the_rest_is_there(
    tmp_path: Path, broken: Callable[[Path], str], command: list[str]
) -> None:
    folder = tmp_path / "scenarios"
    folder.mkdir()
    named = broken(folder)
    alone = labctl(tmp_path / "scenarios" / "..", *command)
    assert (alone.returncode, "left out: " in alone.stderr, named in alone.stderr) == (0, True, True), alone.stderr
    assert "server-down" in alone.stdout
    assert "Traceback" not in alone.stderr


def test_a_table_that_cannot_be_read_costs_what_it_holds_alone(tmp_path: Path) -> None:
    variant(tmp_path / "scenarios", "own")
    shutil.copy(installed("scenarios") / "records" / "server-down.json", tmp_path)
    (tmp_path / "scenarios" / "controls.json").write_text("[")
    for command in (["why", TEXT], ["lookalikes"]):
        done = labctl(tmp_path, *command)
        assert (done.returncode, "controls.json:1:2: this is not JSON" in done.stderr) == (0, True)
        assert "server-down" in done.stdout


def test_a_scenario_that_is_named_must_be_read(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    named = not_yaml(tmp_path / "scenarios")
    for command in (["run", "bad", "--dry-run"], ["lookalikes", "bad"], ["show", "bad"], ["lint"]):
        done = labctl(tmp_path, *command)
        assert (done.returncode, named in done.stdout + done.stderr) == (2, True), command


def test_lookalikes_sees_the_scenarios_that_why_sees(tmp_path: Path) -> None:
    """Also in a folder whose own scenarios have no records."""
    variant(tmp_path / "scenarios", "own")
    groups = labctl(tmp_path, "lookalikes").stdout
    assert groups == labctl(tmp_path / "scenarios", "lookalikes").stdout
    assert " look alike to " in groups


@pytest.mark.parametrize(
    "path", ["app.log", "no/such/file", "./x", "trace.txt", "a.json", "/no/labctl-such", "C.log.1"]
)
def test_a_word_that_names_no_file_is_not_taken_for_a_text(tmp_path: Path, path: str) -> None:
    done = labctl(tmp_path, "why", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"there is no file {path}." in done.stderr


@pytest.mark.parametrize("text", ["ECONNREFUSED", "requests.exceptions.ConnectionError", "tcp://db:80/x", "EAI_AGAIN"])
def test_a_word_of_an_error_is_a_text(tmp_path: Path, text: str) -> None:
    assert labctl(tmp_path, "why", text).returncode in (0, 1)


def test_a_folder_and_a_file_that_may_not_be_read_are_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    done = labctl(tmp_path, "why", "logs")
    assert (done.returncode, "logs cannot be read: Is a directory." in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ["Connection", "refused"],
        [
            "curl:",
            "(7)",
            "Failed",
            "to",
            "connect",
            "to",
            "db",
            "port",
            "5432",
            "after",
            "2",
            "ms:",
            "Connection",
            "refused",
        ],
        ["socket.gaierror:", "[Errno", "-2]", "Name", "or", "service", "not", "known"],
        ["redis-cli", "-p", "6380:", "Connection", "refused"],
    ],
)
def test_words_without_quotes_are_one_text(tmp_path: Path, words: list[str]) -> None:
    apart = labctl(tmp_path, "why", *words)
    together = labctl(tmp_path, "why", " ".join(words))
    assert (apart.returncode, apart.stdout) == (0, together.stdout)


def test_an_option_that_is_not_there_is_still_one_that_is_not_there(tmp_path: Path) -> None:
    done = labctl(tmp_path, "why", "--jsno", "Connection", "refused")
    assert (done.returncode, "there is no option --jsno" in done.stderr) == (2, True)


def test_an_unknown_name_is_answered_in_a_few_lines(tmp_path: Path) -> None:
    assert "Did you mean loopback-bind" in labctl(tmp_path, "run", "lopback-bind").stderr
    assert "Did you mean loopback-bind" in labctl(tmp_path, "run", "loopback").stderr
    far = labctl(tmp_path, "run", "qqqq").stderr
    assert "`labctl list` lists the " in far
    for text in (
        far,
        str(UnknownName("thing", "qqqq", map(str, range(10_000)))),
        meant("qqqq", map(str, range(10_000))),
    ):
        assert len(text) < 400


def test_a_list_of_names_says_how_many_more_there_are() -> None:
    assert listed([]) == "none"
    assert listed(["a", "b"]) == "a, b"
    assert listed(["x" * 500]) == "x" * 500
    assert listed([f"name-{number}" for number in range(100)]).endswith(" more")
