"""A host: a sandbox that owns the namespaces and runs the agent, and the service that joins them.

What actions ask of the engine about a host (`labctl.actions.verbs`) are methods of it.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from labctl.actions import DEVICE
from labctl.engine.containers import Containers
from labctl.errors import DeadlineExceeded, EngineError, LabctlError, LabError
from labctl.kernel import sockets
from labctl.lab import containers, guard
from labctl.lab.containers import Place
from labctl.lab.program import ANSWERS, Program, demand
from labctl.lab.session import Session
from labctl.lab.streams import Attached
from labctl.lab.witness import Witness
from labctl.language.fields import Command
from labctl.model import Exit, Listening, Ran
from labctl.stack.ports import Ports
from labctl.stack.service import Service

SANDBOX_STARTS = 30.0  # seconds until the agent, or the clients, must have said their first line
READIES = 10.0  # seconds for a command that makes a host what its stack says
ENDS = 10.0  # seconds for a process to be gone after SIGKILL


class Pod:
    """One host of a running stack; `service` is the id of the container that runs its service now."""

    def __init__(
        self, host: str, settings: Service, place: Place, session: Session, witness: Witness | None = None
    ) -> None:
        self.host, self.witness = host, witness
        self.settings = settings
        self.place = place
        self.clients: Program | None = None
        self.service = ""
        self._frozen = False  # whether the service is paused
        self.network: str | None = place.home  # where it is now; None: nowhere
        self._current = settings  # as the last recreate left them
        self._session = session
        self._sandbox = ""
        self._made: Future[str] | None = None  # the service's next container, where it was made ahead
        self._agent: Program | None = None
        self._attached = Attached(host, session)
        self.outputs = self._attached.outputs
        self._numbers = itertools.count(1)
        self._changing = threading.Lock()

    @property
    def _containers(self) -> Containers:
        return self._session.containers

    @property
    def agent(self) -> Program:
        """The agent of this host."""
        if self._agent is None:
            raise LabError(f"the sandbox of {self.host!r} does not run yet.")
        return self._agent

    def begin_sandbox(self, sysctls: Mapping[str, str] | None = None, *, and_service: bool = False) -> None:
        """Make and start the sandbox, wait for its agent, and give it the lab's names and the stack's routes.

        The service's container is made meanwhile: only to start it takes a sandbox that runs. With `and_service` it is
        started as soon as that is so, where the service needs nothing of what the host is given.
        """
        tools = self._session.images[self.settings.tools]
        values = {**self.settings.sysctls, **(sysctls or {})}
        self.network = self.place.home
        self._sandbox = self._containers.create(containers.sandbox(self.host, self._current, values, self.place, tools))
        self._agent = self._attached.program(self._sandbox, "agent")
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as beside:
            self._made = beside.submit(self._create, "service", self._current)
            self._containers.start(self._sandbox)
            early = beside.submit(self.begin_service) if and_service else None
            self._agent.ready(SANDBOX_STARTS)
            if self.place.machine is not None:
                self.demand("nft", guard.rules(self.place.machine.address, self.place.names.values()))
            if self.witness is not None:
                self.witness.begin(self._agent)
            self.know(self.place.names)
            self._route()
            if early is not None:
                early.result()

    def _route(self) -> None:
        """Give the host the routes of the stack, which lead from the network that it begins on."""
        for destination, gateway in self.place.routes.items() if self.network == self.place.home else ():
            self.demand("ip", "route", "replace", f"{destination}/32", "via", gateway)

    def demand(self, *argv: str) -> Ran:
        """Run a command with the host's tools that must exit 0; raises AgentRefused where it does not."""
        ran = Ran(**self.agent.ask("run", READIES + ANSWERS, argv=argv, timeout=READIES))
        demand(self.host, argv, ran, 0)
        return ran

    def begin_service(self) -> None:
        """Make and start the service with its current settings; a service that ended is made anew, never restarted."""
        with self._changing, ThreadPoolExecutor(1, thread_name_prefix="removing") as beside:
            removing = beside.submit(self._containers.remove, self.service) if self.service else None
            made, self._made = self._made, None
            container = made.result() if made else self._create("service", self._current)
            if removing:
                removing.result()
            if self._current.runs_clients:
                self.clients = self._attached.program(container, "clients")
            else:
                self._attached.log(container)
            self.service, self._frozen = container, False
            self._containers.start(container)

    def add_clients(self) -> None:
        """Put labctl's own clients beside a service that is somebody's program."""
        if self.clients is not None:
            self.clients.close()  # they do not end with the sandbox
        container = self._create(containers.CLIENTS_ROLE, containers.CLIENTS)
        self.clients = self._attached.program(container, "clients")
        self._containers.start(container)

    # the verbs

    def start(self) -> None:
        """Start a service that has ended, with the settings it had."""
        self.begin_service()

    def stop(self, *, grace: float) -> None:
        """SIGTERM, then SIGKILL after `grace` seconds."""
        if self.exit() is None:
            self._containers.stop(self.service, max(1, round(grace)))
            self._session.events.await_end(self.service, grace + 5)

    def kill(self, *, signal: str) -> None:
        """Send a signal to the service's main process."""
        self._containers.kill(self.service, signal)

    def recreate(self, *, environment: Mapping[str, str], command: Command | None, ports: Ports | None = None) -> None:
        """Make the service anew with these settings merged onto the stack's, never onto the last recreate's.

        Ports are published when a network namespace is made, so other ones take a host that is made anew.
        """
        before, self._current = self._current, self.settings.changed(environment, command, ports)
        if self._current.ports == before.ports:
            self.begin_service()
        else:
            self.reboot(sysctls={})

    def execute(self, *, argv: list[str], seconds: float, environment: Mapping[str, str] | None = None) -> Ran:
        """Run a command in the service's container, as its user, whatever it exits with; None after `seconds`.

        Where our clients are the service they run it: that takes a tenth of an exec of the engine's.
        """
        if self.clients is None or not self._current.runs_clients or self._frozen or self.ended():
            return self._containers.execute(self.service, argv, environment, seconds=seconds)
        asked = {"argv": argv, "timeout": seconds, "environment": dict(environment or {})}
        return Ran(**self.clients.ask("run", seconds + ANSWERS, **asked))

    def running(self) -> bool:
        """Tell whether the service runs."""
        return self.exit() is None

    def ended(self) -> bool:
        """Tell whether the service has ended."""
        return not self.running()

    def pause(self) -> None:
        """Freeze every process of the service."""
        self._containers.pause(self.service)
        self._frozen = True

    def unpause(self) -> None:
        """Let a paused service go on."""
        self._containers.unpause(self.service)
        self._frozen = False

    def paused(self) -> bool:
        """Tell whether the service is paused."""
        return self._containers.status(self.service) == "paused"

    def unpaused(self) -> bool:
        """Tell whether the service runs and is not paused."""
        return self._containers.status(self.service) == "running"

    def power_off(self) -> None:
        """Take the host off the network, then end its service: nobody sees a last packet."""
        self.demand("sh", "-c", f"ip link set {DEVICE} down")
        self._end_service()

    def power_on(self) -> None:
        """Put the host back on the network, and start its service with the settings it had."""
        self.demand("sh", "-c", f"ip link set {DEVICE} up")
        self._route()
        self._begin_all()

    def reboot(self, *, sysctls: Mapping[str, str]) -> None:
        """Make the host anew at the same address: rules and routes that were added are lost."""
        self._end_service()
        if self.witness is not None:
            self.witness.look(self.agent)  # what it saw so far goes with it
        self.agent.close()
        self._containers.remove(self._sandbox)
        self.begin_sandbox(sysctls)
        self._begin_all()

    def disconnect(self) -> None:
        """Take the host off the network that it is on; its interface is gone."""
        if self.network is not None:
            self._containers.disconnect(self.place.networks[self.network].network, self._sandbox)
        self.network = None

    def connect(self, *, network: str | None = None) -> None:
        """Put the host on a network, its own at first, and off the one that it is on; it has its own routes there."""
        self.disconnect()
        self.network = network or self.place.home
        there = self.place.networks[self.network]
        self._containers.connect(there.network, self._sandbox, there.address, self.place.aliases)
        self._route()

    def connected(self, *, network: str | None = None) -> bool:
        """Tell whether the host is on this network, its own at first, and on no other."""
        there = self.place.networks[network or self.place.home]
        return self._containers.networks_of(self._sandbox) == {there.network}

    def disconnected(self) -> bool:
        """Tell whether the host is on no network."""
        return not self._containers.networks_of(self._sandbox)

    # what is known of it

    def exit(self) -> Exit | None:
        """Return how the service ended, or None while it runs."""
        return self.exit_of(self.service)

    def exit_of(self, container: str) -> Exit | None:
        """Return how a container that ran the service ended, or None while it runs."""
        return self._session.events.exit_of(container)

    def listeners(self) -> Sequence[Listening]:
        """Return what listens in the host now."""
        return sockets.read(self.agent.ask("sockets", ANSWERS, question=sockets.question(sockets.LISTEN)))[0]

    def log(self) -> str:
        """Return what the service printed since it was last made."""
        return self.outputs[-1].text if self.outputs else ""

    def published(self) -> str:
        """Return where the machine passes connections to the service on, as `docker port` has it."""
        return "".join(f"{line}\n" for line in self._containers.published(self._sandbox))

    def state(self) -> str:
        """Return what the engine says of the state of the service's container, as JSON."""
        return json.dumps(self._containers.state(self.service))

    def know(self, names: Mapping[str, str]) -> None:
        """Have the host's resolver answer for these names, and for no others."""
        self.agent.ask("resolve", ANSWERS, names=dict(names))

    def await_health(self) -> None:
        """Wait until the service's own health check passes."""
        check = self.settings.healthcheck
        seconds = 1 + (check.longest if check else 0.0)
        healthy = self._containers.health(self.service) in ("healthy", "")
        if not healthy and not self._session.events.await_health(self.service, seconds):
            if (end := self.exit()) is not None:
                raise LabError(f"{self.host!r} ended with exit {end.code} before it was healthy.", means=self.log())
            raise DeadlineExceeded(f"{self.host} to become healthy", seconds, last=self.log())

    def close(self, seconds: float = 0.0) -> None:
        """End the agent, and everything in its PID namespace with it; wait at most so long until the engine knows."""
        runs = self._agent is not None and self._agent.hello.done()
        with suppress(LabctlError):
            self.agent.asked("end")
        self._attached.close()
        with suppress(EngineError):
            if runs and seconds:
                self._session.events.await_end(self._sandbox, seconds)
                self._containers.status(self._sandbox)  # told once its network is left: daemon/monitor.go locks it

    def _end_service(self) -> None:
        if self.running():
            self._containers.kill(self.service, "SIGKILL")
            self._session.events.await_end(self.service, ENDS)

    def _begin_all(self) -> None:
        beside = self.clients is not None and not self._current.runs_clients
        self.begin_service()
        if beside:
            self.add_clients()
        if self.clients is not None:
            self.clients.ready(SANDBOX_STARTS)

    def _create(self, role: str, settings: Service) -> str:
        name = f"{self.place.name}-{role}-{next(self._numbers)}"
        spec = containers.service(name, role, settings, self.place, self._sandbox, self._session.images)
        return self._session.make(spec, containers.files(role, settings, self.place))
