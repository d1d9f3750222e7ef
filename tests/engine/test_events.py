"""The engine's event stream: it is read again where it breaks, and where it cannot be, nothing is claimed of what runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.engine import events
from labctl.engine.connection import Connection, connect
from labctl.engine.containers import Containers
from labctl.engine.events import Events
from labctl.engine.labels import SCENARIO, SESSION
from labctl.engine.spec import ContainerSpec
from labctl.engine.sweep import look, sweep
from labctl.errors import EngineUnavailable
from labctl.lab.session import Session
from labctl.model import Phase, Result, Verdict
from labctl.results.journal import PHASE, Event
from labctl.run.run import Options, run
from labctl.scenario.load import load
from labctl.system.waiting import poll
from support.faulty import session_at
from support.proxy import EVENTS, Proxy, proxied
from support.variants import variant

PHASES = [Phase.HEALTHY, Phase.FAULTED, Phase.FIXED]


@pytest.fixture
def proxy(connection: Connection) -> Iterator[Proxy]:
    """Put a proxy before the engine."""
    if connection.candidate.socket is None:
        pytest.skip("the engine is not reached by a socket of this machine")
    with proxied(connection.candidate.socket) as standing:
        yield standing


def cut_at(phase: Phase, proxy: Proxy, own: Session, options: Options, folder: Path, *, for_good: bool) -> Result:
    """Run a scenario, and cut the event stream when a phase begins."""

    def strike(event: Event) -> None:
        if event.kind == PHASE and event.text == phase:
            if for_good:
                proxy.refused.add(EVENTS)
            assert proxy.cut_streams(EVENTS) == 1

    loaded = load(variant(folder, f"events-{phase}", of="loopback-bind"), recorded=False)
    return run(loaded, own, replace(options, listeners=(strike,), clients=("socket",)))


@pytest.mark.parametrize("phase", PHASES)
def test_a_stream_that_is_cut_is_read_again(
    phase: Phase, proxy: Proxy, session: Session, options: Options, tmp_path: Path
) -> None:
    with session_at(proxy.address, session.images) as own:
        result = cut_at(phase, proxy, own, options, tmp_path, for_good=False)
    assert result.verdict is Verdict.PASSED, result.reason


@pytest.mark.parametrize("phase", PHASES)
def test_one_that_cannot_be_opened_again_makes_the_run_inconclusive_and_says_why(
    phase: Phase, proxy: Proxy, session: Session, options: Options, tmp_path: Path
) -> None:
    with session_at(proxy.address, session.images) as own:
        result = cut_at(phase, proxy, own, options, tmp_path, for_good=True)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "the engine's event stream broke and could not be opened again: could not listen" in result.reason
    assert not look(session.containers, f"{SCENARIO}=events-{phase}")


@pytest.fixture
def listening(proxy: Proxy, session: Session) -> Iterator[tuple[Events, str, Containers]]:
    """Listen by way of the proxy to a container that sleeps; the rest goes straight to the engine."""
    label = f"{SESSION}=events-{id(proxy):x}"
    key, _, value = label.partition("=")
    connection = connect({"DOCKER_HOST": proxy.address})
    heard = Events(connection, label)
    spec = ContainerSpec(name=f"labctl-{value}", image=session.image, command=["sleep", "60"], labels={key: value})
    try:
        container = session.containers.create(spec)
        session.containers.start(container)
        yield heard, container, session.containers
    finally:
        heard.close()
        sweep(session.containers, label)
        connection.close()


def test_a_container_that_ends_while_nobody_listens_has_ended(
    listening: tuple[Events, str, Containers], proxy: Proxy
) -> None:
    heard, container, containers = listening
    proxy.refused.add(EVENTS)
    assert proxy.cut_streams(EVENTS) == 1
    containers.kill(container, "SIGKILL")
    poll(lambda: containers.status(container) == "exited", 10, "the container to end")
    proxy.refused.clear()
    heard.await_end(container, 10)
    ended = heard.exit_of(container)
    assert ended is not None
    assert ended.code == 137


def test_where_it_breaks_for_good_nothing_is_known_of_what_runs(
    listening: tuple[Events, str, Containers], proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "AGAIN_WITHIN", 0.2)
    heard, container, _ = listening
    assert heard.exit_of(container) is None
    proxy.refused.add(EVENTS)
    proxy.cut_streams(EVENTS)
    with pytest.raises(EngineUnavailable, match="event stream broke"):
        heard.await_end(container, 30)
    for ask in (heard.exit_of, lambda one: heard.await_health(one, 1)):
        with pytest.raises(EngineUnavailable, match="event stream broke"):
            ask(container)


def test_the_thread_that_listens_ends_with_it(listening: tuple[Events, str, Containers]) -> None:
    heard, _, _ = listening
    before = [one for one in threading.enumerate() if one.name == "events"]
    heard.close()
    poll(lambda: len([one for one in threading.enumerate() if one.name == "events"]) < len(before), 10, "it to end")
