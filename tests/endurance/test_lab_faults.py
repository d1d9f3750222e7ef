"""Something in a running lab is taken away or stopped: a right verdict or a clear inconclusive one, soon, nothing left."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from labctl.engine.connection import Connection
from labctl.engine.labels import SCENARIO
from labctl.lab.session import Session
from labctl.model import Phase, Result, Verdict
from labctl.run.run import Options, run
from support.amounts import EVERYTHING
from support.faulty import containers, left, loaded, on_disk, session_at, struck
from support.proxy import Proxy, proxied

PHASES = [Phase.HEALTHY, Phase.FAULTED, Phase.UNFIXED, Phase.FIXED] if EVERYTHING else [Phase.UNFIXED]
BOUND = 40.0  # seconds
BUSY = 20  # processes that do nothing but compute
BURN = "import time\nend = time.monotonic() + 120\nwhile time.monotonic() < end: pass"
CROWD = "i=0; while [ $i -lt 400 ]; do sleep 60 & i=$((i+1)); done"


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(("role", "host"), [("sandbox", "server"), ("sandbox", "client"), ("service", "client")])
def test_a_container_that_somebody_removes(
    phase: Phase, role: str, host: str, session: Session, options: Options, tmp_path: Path
) -> None:
    name = f"removed-{phase}-{role}-{host}"

    def remove() -> None:
        [container] = containers(session, name, role, host)
        session.connection.api.remove_container(container, force=True)

    result = within(BOUND, lambda: struck(loaded(tmp_path, name), session, options, phase, remove))
    assert result.verdict is Verdict.INCONCLUSIVE, result.reason
    assert result.reason
    assert left(session.connection, f"{SCENARIO}={name}") == []


@pytest.mark.parametrize("phase", PHASES)
def test_a_network_that_somebody_takes_away(phase: Phase, session: Session, options: Options, tmp_path: Path) -> None:
    """The server is off the network: what the clients see is not what the scenario claims, and no proof of it."""
    name = f"cut-off-{phase}"

    def disconnect() -> None:
        [sandbox] = containers(session, name, "sandbox", "server")
        [network] = session.containers.labelled_networks(f"{SCENARIO}={name}")
        session.connection.api.disconnect_container_from_network(sandbox, network["Id"], force=True)

    result = within(BOUND, lambda: struck(loaded(tmp_path, name), session, options, phase, disconnect))
    assert result.verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE), result.reason
    assert left(session.connection, f"{SCENARIO}={name}") == []


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGSTOP"])
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("host", ["server", "client"])
def test_an_agent_that_is_killed_or_stopped(
    phase: Phase, host: str, signal: str, session: Session, options: Options, tmp_path: Path
) -> None:
    """A stopped agent holds its stream open and answers nothing: only a deadline tells."""
    name = f"{signal.lower()}-{phase}-{host}"

    def strike() -> None:
        [sandbox] = containers(session, name, "sandbox", host)
        session.containers.kill(sandbox, signal)

    result = within(BOUND, lambda: struck(loaded(tmp_path, name), session, options, phase, strike))
    assert result.verdict is Verdict.INCONCLUSIVE, result.reason
    assert host in result.reason or "container" in result.reason
    assert left(session.connection, f"{SCENARIO}={name}") == []


@pytest.fixture
def proxy(connection: Connection) -> Iterator[Proxy]:
    """Put a proxy before the engine."""
    if connection.candidate.socket is None:
        pytest.skip("the engine is not reached by a socket of this machine")
    with proxied(connection.candidate.socket) as standing:
        yield standing


@pytest.mark.parametrize("phase", PHASES)
def test_attached_streams_that_are_cut(
    phase: Phase, proxy: Proxy, session: Session, options: Options, tmp_path: Path
) -> None:
    name = f"streams-{phase}"
    cut: list[int] = []
    with session_at(proxy.address, session.images) as own:
        strike = partial(lambda: cut.append(proxy.cut_streams()))
        result = within(BOUND, lambda: struck(loaded(tmp_path, name), own, options, phase, strike))
    assert cut[0] >= 4, "two agents, the clients and the server"
    assert result.verdict is Verdict.INCONCLUSIVE, result.reason
    assert "has lost its" in result.reason
    assert left(session.connection, f"{SCENARIO}={name}") == []


def test_a_host_in_which_no_process_can_be_started(session: Session, options: Options, tmp_path: Path) -> None:
    """The sandbox is at its limit of processes, so that no tool runs there any more."""
    crowd = {"run": CROWD, "host": "server", "with": "tools"}
    diagnose = [{"run": "ss -ltn", "host": "server", "with": "tools", "shows": "127.0.0.1:8080"}]
    one = loaded(tmp_path, "crowded", trigger=[crowd], diagnose=diagnose)
    result = within(BOUND, lambda: run(one, session, options))
    assert result.verdict is Verdict.INCONCLUSIVE, result.reason
    assert (
        "Resource temporarily unavailable" in result.reason + result.advice or "fork" in result.reason + result.advice
    )
    assert left(session.connection, f"{SCENARIO}=crowded") == []


@pytest.fixture
def busy() -> Iterator[None]:
    """Keep the machine busy: many times more processes that compute than it has cores."""
    with ExitStack() as undo:
        for _ in range(BUSY):
            burning = subprocess.Popen([sys.executable, "-c", BURN])
            undo.callback(burning.wait)
            undo.callback(burning.kill)
        yield


@pytest.mark.parametrize("name", ["loopback-bind", "tiny-backlog-abort", "firewall-drop", "server-crashed"])
@pytest.mark.usefixtures("busy")
@pytest.mark.skipif(not EVERYTHING, reason="the tests that run beside it would have to wait")
def test_a_machine_that_is_busy_changes_no_verdict(name: str, session: Session, options: Options) -> None:
    result = run(on_disk(name), session, options)
    if result.verdict is Verdict.INCONCLUSIVE:
        assert "the machine was too busy" in result.reason
    else:
        assert result.verdict is Verdict.PASSED, f"{result.reason}\n{result.advice}"
        assert result.record.startswith("as recorded")


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Do some work, which must not take longer."""
    began = time.monotonic()
    result = work()
    assert time.monotonic() - began < seconds
    return result
