"""What a lab does with each of its hosts, whatever the host is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from labctl.actions import Verb
from labctl.engine.stream import Output
from labctl.errors import LabError
from labctl.lab.place import Place
from labctl.lab.program import Program
from labctl.model import Exit, Ran
from labctl.results.journal import LABCTL, Journal
from labctl.stack.service import Service

SANDBOX_STARTS = 30.0  # seconds until the agent, or the clients, must have said their first line
ENDS = 10.0  # seconds for a process to be gone after SIGKILL


class Host(Protocol):
    """One host of a running stack: a pod, the clients on the machine itself, or a bare process."""

    name: str
    settings: Service
    place: Place

    @property
    def network(self) -> str | None:
        """The network that it is on now, by the stack's name; None: on none."""

    @property
    def service(self) -> str:
        """The id of what runs its service now: a container's, or a process's name."""

    @property
    def clients(self) -> Program | None:
        """The clients of labctl in it, or None where it runs none."""

    @property
    def outputs(self) -> Sequence[Output]:
        """What its service printed, one for each time that it was made."""

    def begin_service(self) -> None:
        """Make and start the service with its current settings; one that ran before is removed."""

    def carry_out(self, verb: Verb) -> bool | Ran | None:
        """Do to the host what a verb says; return the answer of a question, or how a command ended.

        Raises EngineError as the engine does, and LabError where such a host cannot do it.
        """

    def execute(self, argv: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> Ran:
        """Run a command where the service runs, as its user, whatever it exits with; raises LabError where none may."""

    def await_health(self) -> None:
        """Wait until the service's own health check passes; raises LabError and DeadlineExceeded."""

    def exit(self) -> Exit | None:
        """Return how the service ended, or None while it runs."""

    def exit_of(self, container: str) -> Exit | None:
        """Return how one that ran the service before ended, or None while it runs."""

    def paused(self) -> bool:
        """Tell whether the service is paused."""

    def log(self) -> str:
        """Return what the service printed since it was last made."""

    def published(self) -> str:
        """Return where the machine passes connections to the service on, as `docker port` has it."""

    def state(self) -> str:
        """Return what the engine says of the state of the service's container, as JSON."""

    def close(self, seconds: float = 0.0) -> None:
        """End the host, and wait at most so long until the engine knows."""


def warm(hosts: Iterable[Host], journal: Journal) -> None:
    """Wait until the clients of all hosts are ready; raises LabError and DeadlineExceeded."""
    for host in hosts:
        if host.clients is not None:
            with journal.timed(f"warming the clients on {host.name}", LABCTL):
                host.clients.ready(SANDBOX_STARTS)


def refused(host: str, what: str) -> LabError:
    """Return the error for what such a host does not do."""
    return LabError(f"{host!r} is a part of the machine itself, where {what}.")
