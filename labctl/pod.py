"""A host: a sandbox that owns the namespaces and runs the agent, and the service that joins them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labctl.engine.containers import ContainerSpec
from labctl.engine.stream import Stream
from labctl.errors import LabError, NotThere
from labctl.fields import Command, argv
from labctl.model import Exit
from labctl.places import OWN_IMAGE
from labctl.session import Session
from labctl.stack import Service
from labctl.sweep import ROLE, SANDBOX
from labctl.waiting import poll
from labctl.wire import Program

SANDBOX_STARTS = 30.0  # seconds until the agent, or the clients, must have said their first line
TIME_TO_LIVE = 3600.0  # seconds after which a host ends itself, whatever became of labctl
MOST_LOG = 200_000  # characters of a service's output that are kept
CAPABILITIES = ("NET_ADMIN", "NET_RAW")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host is: the name of its containers, its network and address, its files by path, the lab's volumes."""

    name: str
    network: str
    address: str
    labels: Mapping[str, str]
    files: Mapping[str, str]
    volumes: Mapping[str, str]


class Output:
    """What one container printed, kept beyond its removal."""

    def __init__(self, container: str) -> None:
        self.container = container
        self.text = ""

    def add(self, printed: bytes) -> None:
        """Append, keeping the last MOST_LOG characters."""
        self.text = (self.text + printed.decode(errors="replace"))[-MOST_LOG:]


class Pod:
    """One host of a running stack; `service` is the id of the container that runs its service now."""

    def __init__(
        self,
        host: str,
        settings: Service,
        place: Place,
        session: Session,
    ) -> None:
        self.host = host
        self.settings = settings
        self.place = place
        self.clients: Program | None = None
        self.service = ""
        self.outputs: list[Output] = []  # of each container that ran the service, the newest last
        self._current = settings  # as the last recreate left them
        self._session = session
        self._sandbox = ""
        self._agent: Program | None = None
        self._streams: list[Stream] = []
        self._numbers = itertools.count(1)
        self._changing = threading.Lock()

    @property
    def agent(self) -> Program:
        """The agent of this host."""
        if self._agent is None:
            raise LabError(f"the sandbox of {self.host!r} does not run yet.")
        return self._agent

    def begin_sandbox(self, addresses: Mapping[str, str]) -> None:
        """Make and start the sandbox, wait for its agent, and give it the lab's names."""
        spec = ContainerSpec(
            name=self.place.name,
            image=self._session.image,
            command=["agent", f"{TIME_TO_LIVE:g}"],
            labels={**self.place.labels, ROLE: SANDBOX},
            user="0",
            hostname=self.host,
            network=self.place.network,
            address=self.place.address,
            aliases=[self.host],
            capabilities=CAPABILITIES,
            sysctls=self.settings.sysctls,
            extra_hosts=self.settings.extra_hosts,
            writes=True,
        )
        containers = self._session.containers
        self._sandbox = containers.create(spec)
        self._agent = self._attach_program(self._sandbox)
        containers.start(self._sandbox)
        self._agent.ready(SANDBOX_STARTS)
        self._agent.ask("resolve", SANDBOX_STARTS, names=dict(addresses))

    def begin_service(self) -> None:
        """Make and start the service with its current settings; a service that ended is made anew, never restarted."""
        with self._changing:
            if self.service:
                self._session.containers.remove(self.service)
            current = self._current
            is_clients = current.runs_clients
            container = self._create("service", current, writes=is_clients)
            if is_clients:
                self.clients = self._attach_program(container)
            else:
                self._attach_log(container)
            self.service = container
            self._session.containers.start(container)

    def add_clients(self) -> None:
        """Put labctl's own clients beside a service that is somebody's program."""
        ours = Service(image=OWN_IMAGE, command=["clients"])
        container = self._create("clients", ours, writes=True)
        self.clients = self._attach_program(container)
        self._session.containers.start(container)

    def clients_ready(self, seconds: float) -> Mapping[str, Any]:
        """Wait until the clients are loaded and warm; return their versions and the targets they understand."""
        if self.clients is None:
            raise LabError(f"{self.host!r} runs no clients.")
        told: Mapping[str, Any] = self.clients.ready(seconds)["clients"]
        return told

    def recreate(self, environment: Mapping[str, str], command: Command | None) -> None:
        """Make the service anew with these settings merged onto the stack's, never onto the last recreate's."""
        merged = {**self.settings.environment, **environment}
        changes: dict[str, Any] = {"environment": merged}
        if command is not None:
            changes["command"] = command
        self._current = self.settings.model_copy(update=changes)
        self.begin_service()

    def stop(self, grace: float) -> None:
        """SIGTERM, then SIGKILL after `grace` seconds."""
        containers = self._session.containers
        if self.exit() is None:
            containers.stop(self.service, max(1, round(grace)))
            self._session.exits.await_end(self.service, grace + 5)

    def exit(self) -> Exit | None:
        """Return how the service ended, or None while it runs."""
        return self._session.exits.of(self.service)

    def lost(self) -> bool:
        """Tell whether the service has ended, and otherwise than well."""
        end = self.exit()
        return end is not None and end.code != 0

    def log(self) -> str:
        """Return what the service printed since it was last made."""
        return self.outputs[-1].text if self.outputs else ""

    def await_health(self) -> None:
        """Wait until the service's own health check passes."""
        check = self.settings.healthcheck
        seconds = (check.interval + check.timeout) * check.retries if check else 0.0
        poll(
            lambda: self._session.containers.health(self.service) in ("healthy", ""),
            seconds + 1,
            f"{self.host} to become healthy",
            last=self.log,
        )

    def close(self) -> None:
        """Cut the streams: the agent ends, and everything in its PID namespace with it."""
        for stream in self._streams:
            stream.close()

    def _create(self, role: str, settings: Service, *, writes: bool) -> str:
        own = self._session.images.get(settings.image)
        spec = ContainerSpec(
            name=f"{self.place.name}-{role}-{next(self._numbers)}",
            image=own or settings.image,
            command=argv(settings.command) if settings.command is not None else None,
            entrypoint=argv(settings.entrypoint) if settings.entrypoint is not None else None,
            labels={**self.place.labels, ROLE: role},
            environment=settings.environment,
            user=settings.user,
            joins=self._sandbox,
            drop_all=own is not None,
            ulimits={name: (limit.soft, limit.hard) for name, limit in settings.ulimits.items()},
            memory=settings.mem_limit,
            tmpfs=settings.tmpfs,
            volumes={self.place.volumes[volume]: path for volume, path in settings.volumes.items()},
            healthcheck=_health(settings),
            writes=writes,
        )
        try:
            container = self._session.containers.create(spec)
        except NotThere as error:
            error.todo = f"If the image is missing: docker pull {spec.image}. labctl pulls none for a stack by itself."
            raise
        if role == "service" and self.place.files:
            self._session.containers.put(container, self.place.files)
        return container

    def _attach_program(self, container: str) -> Program:
        stream = Stream(self._session.connection, container, writes=True)
        self._streams.append(stream)
        return Program(self.host, stream)

    def _attach_log(self, container: str) -> None:
        stream = Stream(self._session.connection, container, writes=False)
        self._streams.append(stream)
        output = Output(container)
        self.outputs.append(output)
        stream.listen(lambda _, printed: output.add(printed), lambda: None)


def _health(settings: Service) -> dict[str, Any] | None:
    check = settings.healthcheck
    if check is None:
        return None
    test = ["CMD-SHELL", check.test] if isinstance(check.test, str) else list(check.test)
    nanoseconds = 1_000_000_000
    return {
        "Test": test,
        "Interval": int(check.interval * nanoseconds),
        "Timeout": int(check.timeout * nanoseconds),
        "Retries": check.retries,
    }
