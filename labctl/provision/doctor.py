"""What this machine's engine can do, found by trying it, and what is left over from earlier runs."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from labctl.engine.connection import Connection, EngineFacts
from labctl.engine.containers import Containers
from labctl.engine.labels import SESSION, STARTED
from labctl.engine.spec import ContainerSpec
from labctl.engine.sweep import Leftovers, dead_sessions, look
from labctl.model import Ran
from labctl.provision import image
from labctl.scenario.abilities import ABILITIES, USERLAND_PROXY, missing

SANDBOX_LIFE = "60"
"""Seconds after which the sandbox ends by itself, should labctl be killed meanwhile."""


@dataclass(frozen=True, slots=True)
class Ability:
    """Something that some kernels and engines can and others cannot."""

    name: str
    why_not: str  # empty where it works
    untried: bool = False

    @property
    def costs(self) -> str:
        """What its absence costs."""
        return "" if not self.why_not or self.untried else f"scenarios with `requires: [{self.name}]` are skipped"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that doctor found."""

    facts: EngineFacts
    address: str
    source: str
    image: image.Image | None
    abilities: tuple[Ability, ...]  # empty without an image, for there is nothing to try them with
    left: Leftovers
    dead: frozenset[str]  # the sessions among what is left in which nothing runs any more


def examine(connection: Connection, environment: Mapping[str, str] = os.environ) -> Diagnosis:
    """Look at the engine, and try what it can do; takes 1 to 2 s."""
    containers = Containers(connection)
    left = look(containers, SESSION)
    built = image.find(connection, environment=environment)
    return Diagnosis(
        facts=connection.facts(),
        address=connection.address,
        source=connection.source,
        image=built,
        abilities=() if built is None else tuple(try_abilities(connection, environment)),
        left=left,
        dead=frozenset(dead_sessions(containers)),
    )


def try_abilities(connection: Connection, environment: Mapping[str, str] = os.environ) -> Iterator[Ability]:
    """Try each ability inside a sandbox that has no network and is removed afterwards."""
    containers = Containers(connection)
    for tools, group in groupby(ABILITIES.items(), lambda one: one[1].tools):
        names = [name for name, _ in group]
        built = image.find(connection, tools, environment)
        if built is None:
            why = f"its image is not built (`labctl image build {tools}`)"
            yield from (Ability(name, why, untried=True) for name in names)
            continue
        with sandbox(containers, built.tag) as container:
            tool = partial(containers.execute, container)
            yield from (_tried(name, tool, connection) for name in names)


def _tried(name: str, tool: Callable[[list[str]], Ran], connection: Connection) -> Ability:
    if name == USERLAND_PROXY:
        return Ability(name, "only a lab that publishes a port can tell", untried=True)
    return Ability(name, missing(name, tool, local=connection.local))


@contextmanager
def sandbox(containers: Containers, tag: str) -> Iterator[str]:
    """Run a container with the capabilities of a sandbox for as long as the block lasts; yields its id."""
    session = f"doctor-{secrets.token_hex(4)}"
    spec = ContainerSpec(
        name=f"labctl-{session}",
        image=tag,
        command=["sleep", SANDBOX_LIFE],
        labels={SESSION: session, STARTED: f"{time.time():.0f}"},
        user="root",
        capabilities=("NET_ADMIN", "NET_RAW"),
    )
    container = containers.create(spec)
    try:
        containers.start(container)
        yield container
    finally:
        containers.remove(container)
