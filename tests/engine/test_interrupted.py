"""A signal ends labctl in each phase of a run, and in the middle of a slow step: exit 130, and nothing is left."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from labctl.engine.sweep import look
from labctl.lab.session import Session
from labctl.model import Phase
from labctl.results.journal import PHASE, REMOVING
from labctl.system.waiting import poll
from support.started import Running
from support.variants import clean, variant

FIRST, SECOND = "cut-off", "never-begun"
WITHIN = 10.0  # seconds from a signal to the end, on a machine that does other things; removing a lab takes one
MOMENTS = {phase.value: (PHASE, phase.value) for phase in Phase} | {"removing": (REMOVING, "the lab")}
IN_TOOLS = {"host": "server", "with": "tools"}
SLOW: dict[str, Mapping[str, Any]] = {
    "a command of the fault": {"fault": [{"run": "sleep 60", **IN_TOOLS, "timeout": "90s"}]},
    "a command of the fix, with the host's tools": {"fix": [{"run": "sleep 60", **IN_TOOLS, "timeout": "90s"}]},
    "what a fix waits for": {"fix": [{"start": "server", "until": {"listens": "0.0.0.0:1", "within": "60s"}}]},
    "a command that a fix waits for": {
        "fix": [{"start": "server", "until": {"run": "sleep 4; false", "within": "60s"}}]
    },
    "a trigger": {"trigger": [{"run": "sleep 60", "host": "client", "with": "tools", "timeout": "90s"}]},
    "a diagnosis": {"diagnose": [{"run": f"sleep {seconds}", **IN_TOOLS, "shows": "x"} for seconds in (8, 9)]},
    "a wait for health": {"stack": "slow-health.yaml"},
}
SLOW_HEALTH = """
name: slow-health
services:
  server:
    image: labctl
    command: [serve]
    healthcheck: {test: ["CMD", "false"], interval: 1s, retries: 60}
  client:
    image: labctl
    command: [clients]
    depends_on: {server: {condition: service_healthy}}
networks:
  default:
    internal: true
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Return a function that begins a run of two scenarios, the first of them changed."""
    begun: list[Running] = []

    def run(changes: Mapping[str, Any] | None = None) -> Running:
        variant(tmp_path / "scenarios", FIRST, changes)
        variant(tmp_path / "scenarios", SECOND)
        (tmp_path / "scenarios" / "slow-health.yaml").write_text(SLOW_HEALTH)
        one = Running(tmp_path, "run", "-q", "--client", "socket", FIRST, SECOND, environment=clean({}))
        begun.append(one)
        poll(one.find_watchdog, 20, "labctl to begin a session")
        return one

    yield run
    for one in begun:
        one.end()


def events(folder: Path, scenario: str) -> list[dict[str, Any]]:
    """Return what the journal of a scenario's run holds so far."""
    files = folder.glob(f".labctl/runs/*-{scenario}/journal.jsonl")
    lines = [line for file in files for line in file.read_text().splitlines(keepends=True)]
    return [json.loads(line) for line in lines if line.endswith("\n")]


def demand_stopped(running: Running, number: signal.Signals, session: Session, folder: Path) -> None:
    """Send a signal, and see that it ends the whole command in good order."""
    began = time.monotonic()
    running.process.send_signal(number)
    out, said = running.ended(60)
    took = time.monotonic() - began
    assert (running.process.returncode, out) == (130, "")
    assert said == f"labctl: stopped by {number.name}; everything was removed.\n"
    assert not look(session.containers, running.label)
    assert running.over(), "the watchdog waits for something"
    assert not events(folder, SECOND), "the second scenario was begun"
    assert took < WITHIN


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=list(MOMENTS))
def test_a_signal_in_any_phase_ends_the_whole_command(
    session: Session,
    start: Callable[..., Running],
    tmp_path: Path,
    moment: tuple[str, str],
    number: signal.Signals,
) -> None:
    running = start()
    poll(lambda: moment in [(one["kind"], one["text"]) for one in events(tmp_path, FIRST)], 30, f"{moment} to begin")
    demand_stopped(running, number, session, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("slow", SLOW)
def test_a_signal_in_the_middle_of_a_slow_step_ends_the_whole_command(
    session: Session, start: Callable[..., Running], tmp_path: Path, slow: str, number: signal.Signals
) -> None:
    """Among them is a step of the fix: what is raised there is not that the fix cannot be applied."""
    running = start(SLOW[slow])
    wanted = {"fault": Phase.FAULTED, "fix": Phase.FIXED}.get(next(iter(SLOW[slow])), Phase.HEALTHY)
    if slow == "a wait for health":
        poll(lambda: bool(look(session.containers, running.label).containers), 20, "labctl to make something")
    else:
        begun = (PHASE, wanted.value)
        poll(lambda: begun in [(one["kind"], one["text"]) for one in events(tmp_path, FIRST)], 30, "the phase to begin")
    quiet_since = [len(events(tmp_path, FIRST)), time.monotonic()]

    def waits() -> bool:
        """Whether nothing has happened for half a second, so that the slow step is under way."""
        if (now := len(events(tmp_path, FIRST))) != quiet_since[0]:
            quiet_since[:] = [now, time.monotonic()]
        return time.monotonic() - quiet_since[1] > 0.5

    poll(waits, 30, "the slow step to begin")
    demand_stopped(running, number, session, tmp_path)
