"""One process of labctl at work on one engine: what all its runs share, and the promise that nothing is left behind."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from labctl.engine.connection import Connection
from labctl.engine.containers import Containers
from labctl.engine.events import Exits
from labctl.interrupt import stoppable
from labctl.sweep import SESSION, STARTED, look, sweep
from labctl.watchdog import Watchdog


@dataclass(frozen=True, slots=True)
class Session:
    """The engine, its events, and the labels of everything that this process makes."""

    id: str
    connection: Connection
    containers: Containers
    exits: Exits
    image: str

    @property
    def labels(self) -> dict[str, str]:
        """The labels of everything that this process makes."""
        return {SESSION: self.id, STARTED: f"{time.time():.0f}"}


@contextmanager
def session(connection: Connection, image: str) -> Iterator[Session]:
    """Begin a session; at its end, whatever the reason, nothing that it made is left."""
    identity = secrets.token_hex(4)
    label = f"{SESSION}={identity}"
    containers = Containers(connection)
    with ExitStack() as undo:
        undo.enter_context(stoppable(lambda: look(containers, label)))
        undo.enter_context(Watchdog(label))
        exits = Exits(connection, label)
        undo.callback(exits.close)
        undo.callback(sweep, containers, label)
        yield Session(identity, connection, containers, exits, image)
