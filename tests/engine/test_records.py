"""Records on the real engine: written, compared with every run, mended, and refused where nothing certain was seen."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from labctl.model import Outcome, Verdict
from labctl.results import record
from labctl.results.record import Record
from labctl.scenario import catalogue
from labctl.scenario.load import load
from labctl.system.places import installed
from support import understanding
from support.variants import WRONG, labctl, variant

pytestmark = pytest.mark.usefixtures("session")  # which sees that the image is there

NAME = "down"
FILE = f"scenarios/records/{NAME}.json"
QUICK: dict[str, Any] = {"diagnose": []}  # nothing of which is recorded
BROKEN = '{\n  "scenario": "down",\n<<<<<<< HEAD\n}\n'
REACHED = "curl -sf -m 2 http://server:8080/ > /dev/null"
HTTP = understanding.of("http")
ON_DISK = catalogue.within(installed("scenarios"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Record a scenario whose record cannot be read any more; return the folder, and what was said."""
    folder = tmp_path_factory.mktemp("written")
    variant(folder / "scenarios", NAME, QUICK)
    (folder / FILE).parent.mkdir()
    (folder / FILE).write_text(BROKEN)
    return folder, labctl(folder, "record", NAME)


@pytest.fixture
def folder(written: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> Path:
    """Return a folder of one's own with a scenario that is recorded."""
    shutil.copytree(written[0] / "scenarios", tmp_path / "scenarios")
    return tmp_path


def of(folder: Path) -> Record:
    """Return what is recorded in a folder."""
    found = record.read(folder / FILE)
    assert found
    return found


def test_a_record_that_cannot_be_read_is_written_anew_with_every_client(
    written: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = written
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"wrote {FILE}: {len(HTTP)} clients"
    made = of(folder)
    assert sorted(made.clients) == HTTP
    assert {one.outcome for one in made.clients.values()} == {Outcome.REFUSED}
    assert "198.19." not in (folder / FILE).read_text()


def test_a_run_refuses_a_record_that_cannot_be_read(folder: Path) -> None:
    (folder / FILE).write_text(BROKEN)
    done = labctl(folder, "run", NAME)
    assert (done.returncode, done.stdout) == (2, "")
    told = f"{FILE}:3:1: this is not JSON: Expecting property name enclosed in double quotes."
    assert done.stderr == f"labctl: {told} `labctl record {NAME}` writes it anew.\n"


def test_a_record_of_the_same_errors_stays_as_it_is(folder: Path) -> None:
    before = (folder / FILE).stat().st_mtime_ns, (folder / FILE).read_bytes()
    again = labctl(folder, "record", NAME)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, f"{FILE} is as it was"), again.stdout + again.stderr
    assert ((folder / FILE).stat().st_mtime_ns, (folder / FILE).read_bytes()) == before


def test_a_check_of_the_same_errors_passes(folder: Path) -> None:
    checked = labctl(folder, "record", NAME, "--check")
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, f"{FILE} is what is seen"), checked.stdout


def test_a_message_that_is_not_as_recorded_fails_a_run_and_a_check_until_it_is_recorded(folder: Path) -> None:
    right, changed = of(folder), json.loads((folder / FILE).read_text())
    link = changed["clients"]["socket"]["chain"][0]
    assert link["message"] == "[Errno 111] Connection refused"
    link["message"] = "[Errno 111] Verbindung abgelehnt"
    (folder / FILE).write_text(json.dumps(changed))
    apart = [
        f"socket: message of {link['type']}",
        "  - [Errno 111] Verbindung abgelehnt",
        "  + [Errno 111] Connection refused",
    ]

    ran = labctl(folder, "run", NAME)
    assert ran.returncode == 1
    verdict, *told = ran.stdout.splitlines()[-6:]
    assert verdict.startswith(f"failed {NAME} in ")
    assert verdict.endswith(": broken and repaired as claimed, but the errors differ from the record")
    assert told[:-1] == [
        *(f"  {line}" for line in apart),
        f"  If the new errors are right, `labctl record {NAME}` records them; a review then shows the change.",
    ]

    checked = labctl(folder, "record", NAME, "--check")
    assert checked.returncode == 1
    assert checked.stdout.splitlines()[-4:] == [
        f"{FILE} is not what is seen: `labctl record {NAME}` writes it anew",
        *(f"  {line}" for line in apart),
    ]
    assert json.loads((folder / FILE).read_text()) == changed

    mended = labctl(folder, "record", NAME)
    assert mended.returncode == 0
    assert mended.stdout.splitlines()[-4:] == [
        f"wrote {FILE}: {len(HTTP)} clients",
        *(f"  {line}" for line in apart),
    ]
    assert of(folder) == right


def test_a_scenario_that_fails_is_not_recorded(tmp_path: Path) -> None:
    variant(tmp_path / "scenarios", "wrong", QUICK | WRONG)
    done = labctl(tmp_path, "record", "wrong")
    assert done.returncode == Verdict.FAILED.exit_code
    assert done.stdout.splitlines()[-1] == (
        "scenarios/records/wrong.json is left as it is: a run of wrong did not pass, see above"
    )
    assert not (tmp_path / "scenarios" / "records").exists()


def test_what_says_something_else_in_each_run_is_not_recorded(tmp_path: Path) -> None:
    client = {"host": "client", "run": f"{REACHED} || {{ date +%N; exit 1; }}"}
    variant(tmp_path / "scenarios", "varies", {**QUICK, "client": client, "expect": {"outcome": "protocol-error"}})
    done = labctl(tmp_path, "record", "varies")
    assert done.returncode == Verdict.INCONCLUSIVE.exit_code, done.stdout + done.stderr
    first, what, old, new = done.stdout.splitlines()[-4:]
    assert first == "scenarios/records/varies.json is left as it is: the text varies from run to run"
    assert what == "  run: what it says"
    assert old.startswith("    - ")
    assert new.startswith("    + ")
    assert old[6:].isdecimal()
    assert new[6:].isdecimal()
    assert not (tmp_path / "scenarios" / "records").exists()


@pytest.mark.parametrize("name", ON_DISK)
def test_every_scenario_on_disk_is_recorded_with_all_clients(name: str) -> None:
    recorded = record.read(record.file_of(ON_DISK[name]))
    assert recorded is not None
    assert sorted(recorded.clients) == understanding.of_client(load(ON_DISK[name]).scenario.client)


def test_every_record_on_disk_has_its_scenario() -> None:
    folders = {file.parent for file in ON_DISK.values()}
    assert [orphan for folder in folders for orphan in record.orphans(folder, ON_DISK)] == []
    assert all(len(list((folder / record.FOLDER).glob("*.json"))) > 1 for folder in folders)
    assert folders
