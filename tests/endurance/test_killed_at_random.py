"""A matrix that is killed or interrupted at any moment: in five seconds nothing of it is left, and nothing else is gone."""

from __future__ import annotations

import random
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from labctl.clients._trying import Moment
from labctl.lab.session import Session
from labctl.system.waiting import poll
from support.amounts import amount
from support.faulty import BRIEF, left
from support.started import Running
from support.variants import variant

MOMENTS = amount(8, 100)
SEED = 20_261_124
LONGEST = 6.0  # seconds after its first container or network; what the matrix below takes, about
GONE_WITHIN = 5.0  # seconds in which nothing lacked a processor
BUSY_WITHIN = 30.0  # seconds, whatever else the machine does
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
NAMES = ("killed-volume", "killed-paused", "killed-quick", "killed-anew")
BYSTANDER = "labctl-test-bystander"


@dataclass(frozen=True, slots=True)
class Bystanders:
    """What somebody else has on the same engine."""

    running: str
    made: str  # a container that was never started
    network: str
    volume: str

    def state(self, api: Any) -> object:
        """Return what must stay as it is."""
        running = api.inspect_container(self.running)
        return (
            (running["State"]["Status"], running["State"]["StartedAt"], running["RestartCount"]),
            api.inspect_container(self.made)["State"]["Status"],
            sorted(api.inspect_network(self.network)["Containers"]),
            api.inspect_volume(self.volume)["CreatedAt"],
        )


@pytest.fixture(scope="module")
def bystanders(session: Session) -> Iterator[Bystanders]:
    """Make a container that runs, one that does not, a network and a volume, all without labels of labctl's."""
    api: Any = session.connection.api
    network = api.create_network(BYSTANDER, internal=True)["Id"]
    volume = api.create_volume(BYSTANDER)["Name"]
    host = api.create_host_config(network_mode=BYSTANDER, binds=[f"{volume}:/data"])
    running, made = (
        api.create_container(session.image, ["sleep", "3600"], host_config=host, name=f"{BYSTANDER}-{number}")["Id"]
        for number in range(2)
    )
    try:
        api.start(running)
        yield Bystanders(running, made, network, volume)
    finally:
        for container in (running, made):
            api.remove_container(container, force=True)
        api.remove_network(network)
        api.remove_volume(volume)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write scenarios that are quick, and two whose service is paused, one of them with a volume."""
    place = tmp_path_factory.mktemp("matrix")
    scenarios = place / "scenarios"
    paused = {
        "fault": [{"pause": "server"}],
        "fix": [{"unpause": "server"}],
        "client": {"host": "client", "target": "http://server:8080/", "timeout": "500ms"},
        "expect": {"outcome": "timed-out", "stage": "receive"},
    }
    volume = {"services": {"server": {"volumes": ["data:/data"]}}, "volumes": {"data": {}}}
    variant(scenarios, "killed-quick", BRIEF)
    variant(scenarios, "killed-anew", BRIEF, of="loopback-bind")
    variant(scenarios, "killed-paused", {**BRIEF, **paused})
    variant(scenarios, "killed-volume", {**BRIEF, **paused, "override": volume})
    return place


@pytest.mark.parametrize("number", range(MOMENTS))
def test_nothing_is_left_of_it_and_nothing_else_is_touched(
    number: int, folder: Path, session: Session, bystanders: Bystanders
) -> None:
    chance = random.Random(SEED + number)  # noqa: S311 - any spread will do
    moment, how = chance.uniform(0, LONGEST), SIGNALS[number % len(SIGNALS)]
    api: Any = session.connection.api
    before = bystanders.state(api)
    struck = Running(folder, "matrix", *NAMES, "-j", "2", "--client", "socket")
    try:
        poll(struck.find_watchdog, 20, "labctl to begin a session", every=0.005)
        poll(lambda: bool(left(session.connection, struck.label)), 20, "labctl to make something", every=0.005)
        _sleep_unless_over(struck, moment)
        struck.process.send_signal(how)
        began = Moment.now()
        said = struck.ended(30)[1]
        poll(lambda: not left(session.connection, struck.label), BUSY_WITHIN, "everything to be removed")
        took, lacked = began.since()
        assert took - lacked < GONE_WITHIN, (
            f"{how.name} after {moment:.2f} s: {took:.2f} s, {lacked:.2f} without processor"
        )
        poll(struck.over, BUSY_WITHIN, "the watchdog to end")
    finally:
        struck.end()
    assert left(session.connection, struck.label) == []
    assert bystanders.state(api) == before
    if struck.process.returncode > 0:
        assert struck.process.returncode == 130, said
    assert "Traceback" not in said


def test_the_next_run_passes(folder: Path) -> None:
    after = Running(folder, "matrix", *NAMES, "-j", "2", "--client", "socket")
    out, said = after.ended(120)
    assert after.process.returncode == 0, out + said


def _sleep_unless_over(running: Running, seconds: float) -> None:
    try:
        running.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
