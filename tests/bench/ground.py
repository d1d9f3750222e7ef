"""Where the contestants meet: one engine, one image, and the promise that nothing of theirs is left behind."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from labctl.engine.connection import Connection, connect
from labctl.engine.containers import Containers
from labctl.engine.sweep import sweep
from labctl.engine.watchdog import Watchdog
from labctl.errors import LabctlError
from labctl.lab import subnets
from labctl.lab.session import Session, session
from labctl.provision import image
from labctl.system.places import images
from labctl.system.progress import Progress

BENCH = "labctl.bench"  # the label of what contestants other than labctl make
EMPTY_LOOKS = 3  # a program that was cut off may have asked the engine for something more
GIVES_UP = 60.0  # seconds
BREAKAGES = (LabctlError, AssertionError, OSError, RuntimeError)  # what a contestant may raise; the SDK's are OSErrors


@dataclass(frozen=True, slots=True)
class Ground:
    """The session that labctl's own runs belong to, the label of everybody else's things, a folder for what is kept."""

    session: Session
    label: str  # labctl.bench=…
    folder: Path

    @property
    def connection(self) -> Connection:
        """The engine."""
        return self.session.connection

    @property
    def labels(self) -> dict[str, str]:
        """The label, as the engine's API takes it."""
        key, _, value = self.label.partition("=")
        return {key: value}

    @property
    def environment(self) -> dict[str, str]:
        """What programs are told that are not labctl: the engine, the image, the label, a subnet that is free."""
        return {
            **os.environ,
            "DOCKER_HOST": self.connection.address,
            "IMAGE": self.session.image,
            "LABEL": self.label,
            "BENCH": self.labels[BENCH],
            "SUBNET": str(self.subnet()),
        }

    def subnet(self) -> IPv4Network:
        """Return a subnet out of labctl's pool that the machine does not use."""
        return next(subnets.free(subnets.routes()))

    def name(self) -> str:
        """Return a name that nothing on the engine has."""
        return f"bench-{secrets.token_hex(4)}"


@contextmanager
def prepared(progress: Progress) -> Iterator[Ground]:
    """Find the engine, see that the images are there, and begin; at the end, whatever the reason, nothing is left.

    Raises EngineUnavailable, HostError and, at a signal, Interrupted.
    """
    connection = connect()
    built = image.ensure(connection, *images(), progress=progress)
    label = f"{BENCH}={secrets.token_hex(4)}"
    with ExitStack() as undo:
        undo.callback(connection.close)
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="labctl-bench-")))
        begun = undo.enter_context(session(connection, {name: one.tag for name, one in built.items()}))
        watchdog = undo.enter_context(Watchdog(label, connection.candidate))
        undo.callback(_remove, Containers(connection), label, watchdog)
        yield Ground(begun, label, folder)


def _remove(containers: Containers, label: str, watchdog: Watchdog) -> None:
    if not sweep(containers, label, seconds=GIVES_UP, empty_looks=EMPTY_LOOKS):
        watchdog.dismiss()
