"""The containers beside a host's sandbox: the one that runs its service now, and labctl's clients where they are apart.

A service that has ended is made anew, never restarted: its container joins the namespaces that are there now.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from labctl.engine.containers import Containers
from labctl.engine.stream import Output
from labctl.errors import DeadlineExceeded, LabError
from labctl.lab import containers
from labctl.lab.place import Place
from labctl.lab.program import ANSWERS, Program
from labctl.lab.session import Session
from labctl.lab.streams import Streams
from labctl.model import Exit, Ran
from labctl.stack.service import Service


class ServiceContainers:
    """`current` are the settings that the service has now, `id` is the container that runs it.

    `joins` is the sandbox whose namespaces the next container joins; empty on the machine itself.
    """

    def __init__(self, host: str, settings: Service, place: Place, session: Session, streams: Streams) -> None:
        self.current = settings
        self.id = ""
        self.joins = ""
        self.clients: Program | None = None
        self._host = host
        self._place = place
        self._session = session
        self._streams = streams
        self._ahead: Future[str] | None = None
        self._paused = False
        self._numbers = itertools.count(1)
        self._changing = threading.Lock()

    @property
    def _containers(self) -> Containers:
        return self._session.containers

    @property
    def clients_apart(self) -> bool:
        """Whether labctl's clients are in a container of their own."""
        return self.clients is not None and not self.current.runs_clients

    def make_ahead(self, workers: Executor) -> None:
        """Make the service's container before it can be started: only that takes a sandbox that runs."""
        self._ahead = workers.submit(self._create, "service", self.current)

    def begin(self) -> None:
        """Make and start the service with its current settings; the container that ran it before is removed."""
        with self._changing, ThreadPoolExecutor(1, thread_name_prefix="removing") as beside:
            removing = beside.submit(self._containers.remove, self.id) if self.id else None
            made, self._ahead = self._ahead, None
            container = made.result() if made else self._create("service", self.current)
            if removing:
                removing.result()
            if self.current.runs_clients:
                self.clients = self._streams.program(container, "clients")
            else:
                self._streams.log(container)
            self.id, self._paused = container, False
            self._containers.start(container)

    def add_clients(self) -> None:
        """Put labctl's own clients beside a service that is somebody's program."""
        if self.clients is not None:
            self.clients.close()  # they do not end with the sandbox
        container = self._create(containers.CLIENTS_ROLE, containers.CLIENTS)
        self.clients = self._streams.program(container, "clients")
        self._containers.start(container)

    def stop(self, grace: float) -> None:
        """SIGTERM, then SIGKILL after `grace` seconds."""
        if self.exit() is None:
            self._containers.stop(self.id, max(1, round(grace)))
            self._session.events.await_end(self.id, grace + 5)

    def kill(self, signal: str, ends_within: float = 0.0) -> None:
        """Send a signal to the service's main process; wait at most so long for its end."""
        self._containers.kill(self.id, signal)
        if ends_within:
            self._session.events.await_end(self.id, ends_within)

    def pause(self) -> None:
        """Freeze every process of the service."""
        self._containers.pause(self.id)
        self._paused = True

    def unpause(self) -> None:
        """Let a paused service go on."""
        self._containers.unpause(self.id)
        self._paused = False

    def execute(self, argv: Sequence[str], seconds: float, environment: Mapping[str, str] | None) -> Ran:
        """Run a command in the service's container, as its user, whatever it exits with.

        Where our clients are the service they run it: that takes a tenth of an exec of the engine's.
        """
        if self.clients is None or not self.current.runs_clients or self._paused or self.exit() is not None:
            return self._containers.execute(self.id, list(argv), environment, seconds=seconds)
        asked = {"argv": list(argv), "timeout": seconds, "environment": dict(environment or {})}
        return Ran(**self.clients.ask("run", seconds + ANSWERS, **asked))

    def exit(self) -> Exit | None:
        """Return how the service ended, or None while it runs."""
        return self.exit_of(self.id)

    def exit_of(self, container: str) -> Exit | None:
        """Return how a container that ran the service ended, or None while it runs."""
        return self._session.events.exit_of(container)

    def status(self) -> str:
        """Return the engine's word for the state of the service's container."""
        return self._containers.status(self.id)

    def state(self) -> str:
        """Return what the engine says of the state of the service's container, as JSON."""
        return json.dumps(self._containers.state(self.id))

    def log(self) -> str:
        """Return what the service printed since it was last made."""
        outputs = self._streams.outputs
        return outputs[-1].text if outputs else ""

    def await_health(self) -> None:
        """Wait until the service's own health check passes."""
        check = self.current.healthcheck
        seconds = 1 + (check.longest if check else 0.0)
        healthy = self._containers.health(self.id) in ("healthy", "")
        if not healthy and not self._session.events.await_health(self.id, seconds):
            if (end := self.exit()) is not None:
                raise LabError(f"{self._host!r} ended with exit {end.code} before it was healthy.", means=self.log())
            raise DeadlineExceeded(f"{self._host} to become healthy", seconds, last=self.log())

    def _create(self, role: str, settings: Service) -> str:
        name = f"{self._place.name}-{role}-{next(self._numbers)}"
        spec = containers.service(name, role, settings, self._place, self.joins, self._session.images)
        return self._session.make(spec, containers.files(role, settings, self._place))


class InContainers:
    """What is the same of each host whose service a container runs; the rest of `Host` is each host's own."""

    def __init__(self, name: str, settings: Service, place: Place, session: Session) -> None:
        self.name = name
        self.settings = settings
        self.place = place
        self.network: str | None = place.home
        self._streams = Streams(name, session)
        self._runs = ServiceContainers(name, settings, place, session, self._streams)

    @property
    def service(self) -> str:
        """The id of the container that runs the service now."""
        return self._runs.id

    @property
    def clients(self) -> Program | None:
        """The clients of labctl, as the service or beside it."""
        return self._runs.clients

    @property
    def outputs(self) -> Sequence[Output]:
        """What the service printed, one for each time that it was made."""
        return self._streams.outputs

    def begin_service(self) -> None:
        """Make and start the service with its current settings."""
        self._runs.begin()

    def exit(self) -> Exit | None:
        """Return how the service ended, or None while it runs."""
        return self._runs.exit()

    def exit_of(self, container: str) -> Exit | None:
        """Return how a container that ran the service ended, or None while it runs."""
        return self._runs.exit_of(container)

    def paused(self) -> bool:
        """Tell whether the service is paused."""
        return self._runs.status() == "paused"

    def log(self) -> str:
        """Return what the service printed since it was last made."""
        return self._runs.log()

    def state(self) -> str:
        """Return what the engine says of the state of the service's container, as JSON."""
        return self._runs.state()
