"""A pod: a sandbox that owns the namespaces and runs the agent, and the containers of its service, which join them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import assert_never

from labctl.actions import DEVICE, verbs
from labctl.actions.verbs import Question, Verb
from labctl.errors import EngineError, LabctlError, LabError
from labctl.kernel import sockets
from labctl.lab import containers, guard
from labctl.lab.host import ENDS, SANDBOX_STARTS
from labctl.lab.place import Place
from labctl.lab.program import ANSWERS, Program, demand
from labctl.lab.service import InContainers
from labctl.lab.session import Session
from labctl.lab.witness import Witness
from labctl.language.fields import Command
from labctl.model import Listening, Ran
from labctl.stack.ports import Ports
from labctl.stack.service import Service

READIES = 10.0  # seconds for a command that makes a host what its stack says


class Pod(InContainers):
    """One host of a running stack that has namespaces of its own; a `Host`."""

    def __init__(
        self, name: str, settings: Service, place: Place, session: Session, witness: Witness | None = None
    ) -> None:
        super().__init__(name, settings, place, session)
        self.witness = witness
        self._session = session
        self._containers = session.containers
        self._sandbox = ""
        self._agent: Program | None = None

    @property
    def agent(self) -> Program:
        """The agent of this host."""
        if self._agent is None:
            raise LabError(f"the sandbox of {self.name!r} does not run yet.")
        return self._agent

    def begin_sandbox(self, sysctls: Mapping[str, str] | None = None, *, and_service: bool = False) -> None:
        """Make and start the sandbox, wait for its agent, and give it the lab's names and the stack's routes.

        The service's container is made meanwhile: only to start it takes a sandbox that runs. With `and_service` it is
        started as soon as that is so, where the service needs nothing of what the host is given.
        """
        tools = self._session.images[self.settings.tools]
        values = {**self.settings.sysctls, **(sysctls or {})}
        self.network = self.place.home
        spec = containers.sandbox(self.name, self._runs.current, values, self.place, tools)
        self._sandbox = self._runs.joins = self._containers.create(spec)
        self._agent = self._streams.program(self._sandbox, "agent")
        with ThreadPoolExecutor(1, thread_name_prefix="ahead") as beside:
            self._runs.make_ahead(beside)
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

    def add_clients(self) -> None:
        """Put labctl's own clients beside a service that is somebody's program."""
        self._runs.add_clients()

    def demand(self, *argv: str) -> Ran:
        """Run a command with the host's tools that must exit 0; raises AgentRefused where it does not."""
        ran = Ran(**self.agent.ask("run", READIES + ANSWERS, argv=argv, timeout=READIES))
        demand(self.name, argv, ran, 0)
        return ran

    def carry_out(self, verb: Verb) -> bool | Ran | None:  # noqa: C901, PLR0912 - two lines for each verb
        """Do to the host what a verb says; return the answer of a question, or how a command ended."""
        match verb:
            case verbs.Start():
                self.begin_service()
            case verbs.Stop(grace=grace):
                self._runs.stop(grace)
            case verbs.Kill(signal=signal):
                self._runs.kill(signal)
            case verbs.Recreate(environment=environment, command=command, ports=ports):
                self.recreate(environment, command, ports)
            case verbs.Execute(argv=argv, seconds=seconds):
                return self.execute(argv, seconds)
            case verbs.Pause():
                self._runs.pause()
            case verbs.Unpause():
                self._runs.unpause()
            case verbs.PowerOff():
                self.power_off()
            case verbs.PowerOn():
                self.power_on()
            case verbs.Reboot(sysctls=sysctls):
                self.reboot(sysctls)
            case verbs.Disconnect():
                self.disconnect()
            case verbs.Connect(network=network):
                self.connect(network)
            case _:
                return self._answered(verb)
        return None

    def _answered(self, question: Question) -> bool:
        match question:
            case verbs.Running():
                return self.exit() is None
            case verbs.Ended():
                return self.exit() is not None
            case verbs.Paused():
                return self.paused()
            case verbs.Unpaused():
                return self._runs.status() == "running"
            case verbs.Connected(network=network):
                there = self.place.networks[network or self.place.home]
                return self._containers.networks_of(self._sandbox) == {there.network}
            case verbs.Disconnected():
                return not self._containers.networks_of(self._sandbox)
            case _:
                assert_never(question)

    def recreate(
        self, environment: Mapping[str, str], command: Command | None = None, ports: Ports | None = None
    ) -> None:
        """Make the service anew with these settings merged onto the stack's, never onto the last recreate's.

        Ports are published when a network namespace is made, so other ones take a host that is made anew.
        """
        before, self._runs.current = self._runs.current, self.settings.changed(environment, command, ports)
        if self._runs.current.ports == before.ports:
            self.begin_service()
        else:
            self.reboot()

    def power_off(self) -> None:
        """Take the host off the network, then end its service: nobody sees a last packet."""
        self.demand("sh", "-c", f"ip link set {DEVICE} down")
        self._end_service()

    def power_on(self) -> None:
        """Put the host back on the network, and start its service with the settings it had."""
        self.demand("sh", "-c", f"ip link set {DEVICE} up")
        self._route()
        self._begin_all()

    def reboot(self, sysctls: Mapping[str, str] | None = None) -> None:
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

    def connect(self, network: str | None = None) -> None:
        """Put the host on a network, its own at first, and off the one that it is on; it has its own routes there."""
        self.disconnect()
        self.network = network or self.place.home
        there = self.place.networks[self.network]
        self._containers.connect(there.network, self._sandbox, there.address, self.place.aliases)
        self._route()

    def execute(self, argv: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> Ran:
        """Run a command in the service's container, as its user, whatever it exits with; None after `seconds`."""
        return self._runs.execute(argv, seconds, environment)

    def await_health(self) -> None:
        """Wait until the service's own health check passes."""
        self._runs.await_health()

    def published(self) -> str:
        """Return where the machine passes connections to the service on, as `docker port` has it."""
        return "".join(f"{line}\n" for line in self._containers.published(self._sandbox))

    def listeners(self) -> Sequence[Listening]:
        """Return what listens in the host now."""
        return sockets.read(self.agent.ask("sockets", ANSWERS, question=sockets.question(sockets.LISTEN)))[0]

    def know(self, names: Mapping[str, str]) -> None:
        """Have the host's resolver answer for these names, and for no others."""
        self.agent.ask("resolve", ANSWERS, names=dict(names))

    def close(self, seconds: float = 0.0) -> None:
        """End the agent, and everything in its PID namespace with it; wait at most so long until the engine knows."""
        runs = self._agent is not None and self._agent.hello.done()
        with suppress(LabctlError):
            self.agent.asked("end")
        self._streams.close()
        with suppress(EngineError):
            if runs and seconds:
                self._session.events.await_end(self._sandbox, seconds)
                self._containers.status(self._sandbox)  # told once its network is left: daemon/monitor.go locks it

    def _route(self) -> None:
        """Give the host the routes of the stack, which lead from the network that it begins on."""
        for destination, gateway in self.place.routes.items() if self.network == self.place.home else ():
            self.demand("ip", "route", "replace", f"{destination}/32", "via", gateway)

    def _end_service(self) -> None:
        if self.exit() is None:
            self._runs.kill("SIGKILL", ENDS)

    def _begin_all(self) -> None:
        apart = self._runs.clients_apart
        self.begin_service()
        if apart:
            self.add_clients()
        if self.clients is not None:
            self.clients.ready(SANDBOX_STARTS)
