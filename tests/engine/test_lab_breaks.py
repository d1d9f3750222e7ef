"""A lab that breaks in mid-run says nothing of its scenario: the run is inconclusive, and soon over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.engine.labels import ROLE, SCENARIO, SESSION
from labctl.lab.session import Session
from labctl.model import Phase, Result, Verdict
from labctl.results.journal import PHASE, Event
from labctl.run import phases
from labctl.run.run import Options, run
from labctl.scenario.load import load
from labctl.system.places import installed
from support.labs import inspect
from support.variants import variant

Break = Callable[[Session, str], None]


def containers(session: Session, name: str, role: str, host: str) -> list[str]:
    """Return the containers of a role that a scenario's host has now, in a run of this session."""
    found = session.containers.labelled(f"{SESSION}={session.id}")
    of_scenario = [one for one in found if one["Labels"].get(SCENARIO) == name]
    return [one["Id"] for one in of_scenario if one["Labels"][ROLE] == role and f"-{host}" in one["Names"][0]]


def broken_at(phase: Phase, name: str, role: str, host: str, session: Session, options: Options) -> Result:
    """Run a scenario, and kill one of its containers when a phase begins."""

    def kill(event: Event) -> None:
        if event.kind == PHASE and event.text == phase:
            [container] = containers(session, name, role, host)
            session.containers.kill(container, "SIGKILL")
            deadline = time.monotonic() + 10
            while inspect(session, container)["State"]["Running"] and time.monotonic() < deadline:
                time.sleep(0.01)

    loaded = load(installed("scenarios") / f"{name}.yaml")
    return run(loaded, session, replace(options, listeners=(kill,), clients=("socket",)))


@pytest.mark.parametrize("phase", [Phase.FAULTED, Phase.UNFIXED, Phase.FIXED])
@pytest.mark.parametrize("host", ["server", "client"])
def test_a_sandbox_that_is_killed_makes_a_run_inconclusive(
    phase: Phase, host: str, session: Session, options: Options
) -> None:
    result = broken_at(phase, "loopback-bind", "sandbox", host, session, options)
    assert result.verdict == Verdict.INCONCLUSIVE, result.reason
    assert f"'{host}' has lost its " in result.reason or "a non running container" in result.reason


def test_a_service_that_ended_meanwhile_is_named(session: Session, options: Options) -> None:
    result = broken_at(Phase.UNFIXED, "firewall-drop", "service", "server", session, options)
    assert result.verdict == Verdict.FAILED
    assert "server ended with exit 137" in result.advice


SLOW = {"override": {"services": {"server": {"environment": {"START_DELAY": "700ms"}}}}}
KNOCK = {"trigger": [{"run": "curl -sS http://127.0.0.1:8080/", "host": "server", "with": "tools"}]}


def test_a_trigger_that_comes_before_the_server_listens_is_tried_again(
    tmp_path: Path, session: Session, options: Options
) -> None:
    """It is refused as a client is then: the stack is not healthy yet."""
    changes = {**SLOW, **KNOCK, "diagnose": [], "recover": {"within": "300ms"}}
    loaded = load(variant(tmp_path, "slow-server", changes, of="loopback-bind"), recorded=False)
    result = run(loaded, session, replace(options, clients=("socket",)))
    assert result.verdict is Verdict.PASSED, result.reason


def test_a_trigger_that_is_always_refused_leaves_the_run_without_a_verdict(
    tmp_path: Path, session: Session, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phases, "HEALTHY_WITHIN", 0.5)
    never = {"trigger": [{"run": "curl -sS http://127.0.0.1:1/", "host": "server", "with": "tools"}]}
    loaded = load(variant(tmp_path, "never-knocks", never, of="loopback-bind"), recorded=False)
    result = run(loaded, session, replace(options, clients=("socket",)))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "curl -sS http://127.0.0.1:1/" in result.reason
