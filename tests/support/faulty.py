"""Runs to which something happens at a certain moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from labctl.engine.connection import Connection, connect
from labctl.engine.labels import ROLE, SCENARIO, SESSION
from labctl.lab.session import Session
from labctl.lab.session import session as begin_session
from labctl.model import Phase, Result
from labctl.results.journal import PHASE, Event
from labctl.run.run import Options, run
from labctl.scenario.load import Loaded, load
from labctl.system.places import installed
from support.variants import variant

BRIEF = {"diagnose": [], "recover": {"within": "500ms", "successes": 1}}
ONE = ("socket",)


def loaded(folder: Path, name: str, of: str = "loopback-bind", **changes: Any) -> Loaded:
    """Write a scenario that is another one without its diagnosis, and with changes; return it."""
    return load(variant(folder, name, {**BRIEF, **changes}, of=of), recorded=False)


def on_disk(name: str) -> Loaded:
    """Return a scenario as it is."""
    return load(installed("scenarios") / f"{name}.yaml")


def struck(one: Loaded, session: Session, options: Options, phase: Phase, strike: Callable[[], Any]) -> Result:
    """Run a scenario, and strike once when a phase begins."""
    struck_already: list[bool] = []

    def hear(event: Event) -> None:
        if event.kind == PHASE and event.text == phase and not struck_already:
            struck_already.append(True)
            strike()

    result = run(one, session, replace(options, listeners=(hear,), clients=ONE))
    assert struck_already, f"the run did not come to the {phase} phase: {result.reason}"
    return result


def containers(session: Session, name: str, role: str, host: str) -> list[str]:
    """Return the containers of a role that a scenario's host has now, in a run of this session."""
    found = session.containers.labelled(f"{SESSION}={session.id}")
    mine = [one for one in found if (one["Labels"].get(SCENARIO), one["Labels"][ROLE]) == (name, role)]
    return [one["Id"] for one in mine if f"-{host}" in one["Names"][0]]


def left(connection: Connection, label: str) -> Sequence[str]:
    """Return the names of what carries a label, of whatever kind, as the engine itself lists it."""
    api: Any = connection.api
    filters = {"label": [label]}
    return [
        *(one["Names"][0] for one in api.containers(all=True, filters=filters)),
        *(one["Name"] for one in api.networks(filters=filters)),
        *(one["Name"] for one in api.volumes(filters=filters)["Volumes"] or []),
    ]


@contextmanager
def session_at(address: str, images: Mapping[str, str]) -> Iterator[Session]:
    """Begin a session on the engine at an address."""
    connection = connect({"DOCKER_HOST": address})
    try:
        with begin_session(connection, images, signals=False) as begun:
            yield begun
    finally:
        connection.close()
