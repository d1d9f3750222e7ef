"""Several matrices at once on one engine: none meets another, and each removes only its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labctl.engine.connection import Connection
from labctl.model import Verdict
from labctl.system.waiting import poll
from support.amounts import EVERYTHING
from support.faulty import left
from support.started import Running

CHOSEN = "loopback-bind or server-down or firewall-reject or wrong-port"
BUSY = "the machine was too busy"
MOST_BUSY = 5  # scenarios of which that may be said while five matrices share two cores
ENDS = 1800.0  # seconds; five matrices of everything share two cores


@pytest.mark.usefixtures("session")  # so that the images are there
@pytest.mark.parametrize("number", [2, 5] if EVERYTHING else [2])
def test_each_passes_and_leaves_nothing(number: int, connection: Connection, tmp_path: Path) -> None:
    """One more is killed underway: its watchdog removes what is its own, and the others do not notice."""
    arguments = ["matrix", "-j", "2", "--json", *([] if EVERYTHING else ["-k", CHOSEN])]
    started = [Running(_folder(tmp_path, one), *arguments) for one in range(number + 1)]
    try:
        for one in started:
            poll(one.find_watchdog, 60, "labctl to begin a session", every=0.005)
        killed, *others = started
        poll(lambda: bool(left(connection, killed.label)), 60, "labctl to make something")
        killed.process.kill()
        results = [json.loads(one.ended(ENDS)[0]) for one in others]
        for one in started:
            poll(one.over, 20, "every watchdog to end")
    finally:
        for one in started:
            one.end()
    fine = (Verdict.PASSED, Verdict.SKIPPED)
    busy = {run["scenario"] for told in results for run in told if BUSY in run["reason"]}  # it says so, and is no fault
    told_of = [[run for run in told if run["scenario"] not in busy] for told in results]
    wrong = [run for told in told_of for run in told if run["verdict"] not in fine]
    assert [(run["scenario"], run["reason"]) for run in wrong] == []
    assert len(busy) <= MOST_BUSY
    assert all(one.process.returncode in ((0, 3) if busy else (0,)) for one in others)
    verdicts = [{run["scenario"]: run["verdict"] for run in told} for told in told_of]
    assert verdicts[1:] == verdicts[:-1]
    prints = [{run["scenario"]: run["fingerprint"] for run in told} for told in told_of]
    assert prints[1:] == prints[:-1], "what one saw of a scenario, another did not"
    assert [name for one in started for name in left(connection, one.label)] == []


def _folder(tmp_path: Path, number: int) -> Path:
    folder = tmp_path / f"{number}"
    folder.mkdir()
    return folder
