"""`labctl record`: what it writes, what it says, and when it leaves a record as it is."""

from __future__ import annotations

import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from labctl.cli.commands.record import INSTALLED, conclude, demand_writable
from labctl.errors import UsageError
from labctl.model import Result, Verdict
from labctl.results import record
from labctl.scenario.load import load
from labctl.system.places import installed
from support.handmade import result
from support.recorded import CURL, TOLD, ran, seen


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
    verdict = conclude(said, load(Path(file)), results, check=check)
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
