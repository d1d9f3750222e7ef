"""Nothing is left behind: not after a signal, not after a kill, and nothing of anybody else's is touched."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from labctl.engine.connection import Connection
from labctl.engine.containers import Containers
from labctl.engine.labels import ROLE, SANDBOX, SESSION, STARTED
from labctl.engine.sweep import look, sweep
from labctl.lab.session import Session
from labctl.model import Verdict
from labctl.run.run import Options
from labctl.run.run import run as run_once
from labctl.scenario.load import load
from labctl.system.places import installed
from labctl.system.waiting import poll
from support.started import Running

GONE_WITHIN = 5.0  # seconds
DOCKERS = re.compile(r"^#|br-|docker0|-A FORWARD -j DOCKER-")  # Docker's own bridges and jumps, and comments
MOMENTS = 6  # of a run, at which it is killed


@pytest.fixture
def run(tmp_path: Path, session: Session) -> Iterator[Callable[..., Running]]:
    """Return a function that starts a run and waits until it has made something."""
    started: list[Running] = []

    def start(*names: str) -> Running:
        one = Running(tmp_path, "run", "-q", *names)
        started.append(one)
        poll(one.find_watchdog, 10, "labctl to begin a session", every=0.005)
        poll(lambda: bool(look(session.containers, one.label)), 10, "labctl to make something", every=0.005)
        return one

    yield start
    for one in started:
        one.end()


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_a_killed_run_leaves_nothing(session: Session, run: Callable[..., Running], seed: int) -> None:
    """The watchdog removes what a SIGKILL left, at whatever moment it came, within five seconds."""
    killed = run("loopback-bind", "server-down")
    moment = random.Random(seed).uniform(0, 2.5)  # noqa: S311 - any spread will do
    with pytest.raises(subprocess.TimeoutExpired):
        killed.process.wait(moment)
    killed.process.kill()
    killed.process.communicate()
    poll(lambda: not look(session.containers, killed.label), GONE_WITHIN, "the watchdog to remove everything")
    poll(killed.over, GONE_WITHIN, "the watchdog to end")
    assert not look(session.containers, killed.label), "what the engine made last was not seen"


def test_what_lies_in_the_folder_where_labctl_is_called_is_never_loaded(
    session: Session, run: Callable[..., Running], tmp_path: Path
) -> None:
    """A repository may have a folder `docker/`; the watchdog must not take it for the library."""
    for name in ("docker/__init__.py", "requests.py", "labctl.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise RuntimeError('this is not what you look for')\n")
    killed = run("loopback-bind")
    killed.process.kill()
    poll(lambda: not look(session.containers, killed.label), GONE_WITHIN, "the watchdog to remove everything")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_removes_everything_itself(
    session: Session, run: Callable[..., Running], number: signal.Signals
) -> None:
    """SIGINT and SIGTERM end with exit code 130, a sentence, and nothing left."""
    stopped = run("loopback-bind", "server-down")
    began = time.monotonic()
    stopped.process.send_signal(number)
    _, said = stopped.ended(20)
    assert not look(session.containers, stopped.label)
    assert time.monotonic() - began < GONE_WITHIN
    assert stopped.process.returncode == 130, said
    assert f"stopped by {number.name}" in said
    assert "Traceback" not in said
    assert stopped.over()


@pytest.fixture
def bystander(connection: Connection, session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """Run a container on a network, both of another library, of which labctl knows nothing."""
    monkeypatch.setenv("DOCKER_HOST", connection.address)
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
    network = connection.api.create_network("labctl-test-bystander", internal=True)["Id"]
    try:
        with DockerContainer(session.image).with_command("sleep 600") as container:
            wrapped = container.get_wrapped_container()
            connection.api.connect_container_to_network(str(wrapped.id), network)
            yield str(wrapped.id), str(network)
    finally:
        connection.api.remove_network(network)


def test_cleaning_touches_nothing_of_anybody_else(
    session: Session, run: Callable[..., Running], bystander: tuple[str, str]
) -> None:
    """`labctl clean` and a killed run's watchdog leave alone what has not their labels, and runs that live."""
    container, network = bystander
    living, killed = run("loopback-bind"), run("server-down")
    killed.process.kill()
    cleaned = subprocess.run([sys.executable, "-m", "labctl", "clean"], capture_output=True, text=True, check=False)
    assert cleaned.returncode == 0, cleaned.stderr
    out, err = living.ended(60)
    assert living.process.returncode == 0, out + err
    poll(killed.over, GONE_WITHIN, "the watchdog to end")
    api = session.connection.api
    assert api.inspect_container(container)["State"]["Running"]
    assert container in api.inspect_network(network)["Containers"]


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


def test_the_hosts_of_a_lab_leave_their_network_one_after_the_other(session: Session, options: Options) -> None:
    """Two at once are what engine 20.10 may lock up on; it tells of a container's end once it has left its network."""
    loaded = load(installed("scenarios") / "firewall-router-drop.yaml")
    since = time.time()
    result = run_once(loaded, session, options)
    assert result.verdict is Verdict.PASSED, result.reason
    events = session.connection.api.events(since=int(since), until=int(time.time()) + 1, decode=True)
    told = [one for one in events if one["timeNano"] > since * 1e9]
    ends = [one["Actor"] for one in told if (one["Type"], one["Action"]) == ("container", "die")]
    own = [one for one in ends if one["Attributes"].get(SESSION) == session.id]
    hosts = [one["ID"] for one in own if one["Attributes"].get(ROLE) == SANDBOX]
    assert len(hosts) == len(loaded.stack.services)
    order = [
        one["Actor"]["Attributes"].get("container", one["Actor"]["ID"])
        for one in told
        if one["Action"] in ("disconnect", "die")
    ]
    assert [one for one in order if one in hosts] == [each for host in hosts for each in (host, host)]
