"""`labctl show`: what is recorded of a scenario, beside what the scenario claims."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from labctl.model import Outcome
from labctl.results import record
from labctl.system.places import installed
from support.calling import labctl
from support.recorded import CURL, TOLD, seen
from support.variants import variant


def shown(folder: Path, *, title: str = "") -> list[str]:
    """Return what is shown of a scenario in a folder, between the lines that are empty."""
    shutil.copy(installed("scenarios") / "server-down.yaml", folder)
    if title:
        variant(folder, "server-down", {"title": title})
    done = labctl(folder, "show", "./server-down.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n\n")


def test_what_each_client_saw_is_a_row_and_its_last_line_the_next(tmp_path: Path) -> None:
    nothing = replace(CURL, client="nc", stage=None, outcome=Outcome.OK, seconds=0.1, says="")
    lines = replace(CURL, client="telnet", says="Trying 198.19.3.3...\n\x1b[2J")
    record.write(tmp_path / "records" / "server-down.json", seen(TOLD, CURL, nothing, lines))
    assert shown(tmp_path)[2].splitlines() == [
        "recorded while it is broken",
        "  curl      timed-out at connect                timed out",
        "    curl: (28) after <time> ms",
        "  nc        ok                                  at once",
        "  requests  refused at connect    ECONNREFUSED  at once",
        "    requests.exceptions.ConnectionError: no way to ${address.server}",
        "  telnet    timed-out at connect                timed out",
        r"    Trying ${address.server}...\n\x1b[2J",
    ]


def test_a_column_that_says_nothing_is_left_out(tmp_path: Path) -> None:
    record.write(tmp_path / "records" / "server-down.json", seen(CURL))
    assert shown(tmp_path)[2].splitlines()[1] == "  curl  timed-out at connect  timed out"


def test_without_a_record_nothing_is_said_of_it(tmp_path: Path) -> None:
    parts = shown(tmp_path)
    assert parts
    assert not any("recorded" in part for part in parts)


def test_what_a_scenario_says_steers_no_terminal(tmp_path: Path) -> None:
    """A control character is refused; what formats text, as between parts of an emoji, is written out."""
    first, *_ = shown(tmp_path, title="a\u200db")
    assert first.splitlines()[0] == r"server-down: a\u200db"


def test_a_record_that_is_broken_is_told_with_its_place(tmp_path: Path) -> None:
    variant(tmp_path, "mine")
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "mine.json").write_text("{}")
    done = labctl(tmp_path, "show", "./mine.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "records/mine.json:1:1: clients: this key is missing. `labctl record mine` writes it anew." in done.stderr
