"""Nothing is left behind: not after a signal, not after a kill, and nothing of anybody else's is touched."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from labctl.engine.connection import Connection
from labctl.engine.containers import Containers
from labctl.session import Session
from labctl.sweep import SESSION, STARTED, look, sweep
from labctl.waiting import poll

GONE_WITHIN = 5.0  # seconds
DOCKERS = re.compile(r"^#|br-|docker0")  # lines of Docker's own bridges, and comments
MOMENTS = 6  # of a run, at which it is killed


def others(session: Session) -> set[str]:
    """Return the names of everything with our labels but what this test session itself made."""
    containers = session.containers
    own = look(containers, f"{SESSION}={session.id}")
    everything = look(containers, SESSION)
    return {
        *(everything.containers.keys() - own.containers.keys()),
        *(everything.networks.keys() - own.networks.keys()),
        *(set(everything.volumes) - set(own.volumes)),
    }


def started(folder: Path) -> subprocess.Popen[str]:
    """Start `labctl run` on all scenarios, one after the other, in a folder of its own."""
    command = [sys.executable, "-m", "labctl", "run", "-q", "loopback-bind", "server-down"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def at_work(session: Session, before: set[str]) -> None:
    """Wait until the run has made something."""
    poll(lambda: others(session) > before, 20, "labctl to make its first container", every=0.01)


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_a_killed_run_leaves_nothing(session: Session, tmp_path: Path, seed: int) -> None:
    """The watchdog removes what a SIGKILL left, at whatever moment it came, within five seconds."""
    before = others(session)
    process = started(tmp_path)
    at_work(session, before)
    moment = random.Random(seed).uniform(0, 2.5)  # noqa: S311 - any spread will do
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(moment)
    process.kill()
    process.communicate()
    poll(lambda: others(session) <= before, GONE_WITHIN, "the watchdog to remove everything")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_removes_everything_itself(session: Session, tmp_path: Path, number: signal.Signals) -> None:
    """SIGINT and SIGTERM end with exit code 130, a sentence, and nothing left."""
    before = others(session)
    process = started(tmp_path)
    at_work(session, before)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert f"stopped by {number.name}" in said
    assert "Traceback" not in said
    assert others(session) <= before


@pytest.fixture
def bystander(connection: Connection, session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a container that labctl knows nothing of, started by another library."""
    monkeypatch.setenv("DOCKER_HOST", connection.address)
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
    with DockerContainer(session.image).with_command("sleep 600") as container:
        yield str(container.get_wrapped_container().id)


def test_cleaning_touches_nothing_of_anybody_else(session: Session, tmp_path: Path, bystander: str) -> None:
    """`labctl clean` leaves containers without our labels alone, and those of runs that live."""
    process = started(tmp_path)
    at_work(session, others(session))
    cleaned = subprocess.run([sys.executable, "-m", "labctl", "clean"], capture_output=True, text=True, check=False)
    assert cleaned.returncode == 0, cleaned.stderr
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    state = session.connection.api.inspect_container(bystander)["State"]
    assert state["Running"]


@pytest.mark.usefixtures("session")
def test_the_machine_s_own_routes_and_rules_stay_as_they_were(tmp_path: Path) -> None:
    """A run with a firewall fault changes no route and no rule of the machine, Docker's own apart."""
    before = machine()
    process = subprocess.run(
        [sys.executable, "-m", "labctl", "run", "-q", "firewall-drop"], cwd=tmp_path, capture_output=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert machine() == before


def machine() -> list[str]:
    """Return the machine's routing rules, routes and firewall rules, but for what concerns Docker's bridges."""
    lines: list[str] = []
    for command in (["ip", "rule"], ["ip", "route"], ["iptables-save"]):
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        lines += [line.split("[")[0] for line in told.splitlines() if not DOCKERS.search(line)]
    return lines


def test_what_a_dead_run_left_is_found_and_removed(session: Session) -> None:
    """`labctl clean` removes a volume of a session without a running sandbox, and nothing of one just starting."""
    containers: Containers = session.containers
    label = {SESSION: "0000dead"}
    containers.create_volume("labctl-test-dead", label)
    young = {SESSION: "0000beef", STARTED: f"{time.time():.0f}"}
    containers.create_volume("labctl-test-young", young)
    cleaned = subprocess.run([sys.executable, "-m", "labctl", "clean"], capture_output=True, text=True, check=False)
    assert "removed" in cleaned.stdout, cleaned.stdout + cleaned.stderr
    assert not look(containers, f"{SESSION}=0000dead")
    assert look(containers, f"{SESSION}=0000beef")
    assert not sweep(containers, f"{SESSION}=0000beef")
