"""The floor: the bare Docker calls that a run cannot do without, in the best order, and nothing else.

A network, the sandboxes and the services on it, the streams to both, the scenario's own stops and recreates, the
removal of everything; no evidence, no client's try, no diagnosis, no waiting for any program inside. What is made is
made with labctl's own settings, by its own single calls (`labctl.lab.containers`, `labctl.engine.containers`), each
one of the SDK's.

The order was tried against others, 5 pairs each with all clients, 2 cores, engine 20.10; medians of the ratios to this,
with the smallest and the largest: remove, then make, then start 1.11 (0.98 to 1.18); the next service made before the
last is removed 1.07 (1.00 to 1.16); endpoints disconnected by force first 1.08 (0.84 to 1.23); streams closed last
1.05 (0.80 to 1.06); the network removed only once all containers are gone 1.00 (0.97 to 1.06); the network made while
the containers are 1.00 (0.99 to 1.25); the service made only once its sandbox runs 0.95 (0.89 to 1.08). None is told
apart from what is here with certainty, the last least of all: it may be the faster one.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from docker.errors import APIError

from bench.ground import Ground
from labctl.actions import Verb, verbs
from labctl.engine.stream import Stream
from labctl.lab import containers
from labctl.lab.deploy import make_network
from labctl.lab.place import Foothold, Place, footholds, the_machine
from labctl.scenario.load import Loaded
from labctl.stack.model import Stack
from labctl.stack.ports import Ports
from labctl.stack.service import Service

GONE_WITHIN = 20.0  # seconds
AGAIN = 0.01  # seconds between two tries to remove what others still hold


@dataclass(frozen=True, slots=True)
class Floor:
    """What the floor of a scenario does: its stack, and the calls to the engine of its triggers, fault and fix, in order.

    Triggers are replayed whenever the client tries: in each phase once, and in the last as often as it must succeed.
    `loads` names the clients that are loaded in the client's host, all where empty: what they load there takes a core
    away from the engine, so it must be the same as in the run that the floor is held against.
    """

    stack: Stack
    client: str
    calls: tuple[Verb, ...]
    loads: tuple[str, ...] = ()

    @classmethod
    def of(cls, loaded: Loaded, clients: tuple[str, ...] = ()) -> Floor:
        """Derive it from a scenario, and the clients that a run of it has."""
        one = loaded.scenario
        actions = (*one.trigger, *one.fault, *2 * one.trigger, *one.fix, *one.recover.successes * one.trigger)
        calls = tuple(step for action in actions for step in action.steps() if isinstance(step, Verb))
        return cls(loaded.stack, one.client.host, calls, clients)


@dataclass(slots=True)
class _Host:
    """One host, as it is being made."""

    place: Place
    settings: Service
    on: Foothold | None  # where it is now
    ports: Ports = ()  # that are published now
    sandbox: str = ""
    beside: str = ""  # labctl's own clients, where the service is somebody's program
    services: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


def run(floor: Floor, ground: Ground) -> float:
    """Do it once; return the seconds from the first call to the last thing removed."""
    began = time.monotonic()
    with _Run(floor, ground).standing() as lab:
        for call in floor.calls:
            lab.do(call)
    return time.monotonic() - began


class _Run:
    """One execution."""

    def __init__(self, floor: Floor, ground: Ground) -> None:
        self._floor = floor
        self._ground = ground
        self._api: Any = ground.connection.api
        self._images = ground.session.images
        self._streams: list[Stream] = []
        self._name = ground.name()
        self._networks: dict[str, tuple[str, IPv4Network]] = {}
        self._hosts: dict[str, _Host] = {}
        self._pool = ThreadPoolExecutor(4 * len(floor.stack.services), thread_name_prefix="floor")

    @contextmanager
    def standing(self) -> Iterator[_Run]:
        """Bring everything up; remove all of it at the end."""
        with self._pool:
            try:
                self._begin()
                yield self
            finally:
                self._remove()

    def do(self, call: Verb) -> None:  # noqa: C901 - two lines for each verb
        """Do what an action asks of the engine; what only asks it something, or runs a program inside, is left out."""
        host = self._hosts[call.service]
        match call:
            case verbs.Recreate(environment=environment, command=command, ports=ports):
                self._again(call.service, host, host.settings.changed(environment, command, ports))
            case verbs.Start() | verbs.PowerOn():
                self._again(call.service, host, host.settings)
            case verbs.Reboot(sysctls=sysctls):
                self._anew(call.service, host, host.settings, sysctls)
            case verbs.Disconnect():
                self._moved(host, None)
            case verbs.Connect(network=network):
                self._moved(host, host.place.networks[network or host.place.home])
            case verbs.Stop(grace=grace):
                self._api.stop(host.services[-1], timeout=max(1, round(grace)))
            case verbs.Kill(signal=signal):
                self._api.kill(host.services[-1], signal)
            case verbs.PowerOff():
                self._api.kill(host.services[-1], "SIGKILL")
            case verbs.Pause():
                self._ground.session.containers.pause(host.services[-1])
            case verbs.Unpause():
                self._ground.session.containers.unpause(host.services[-1])

    def _moved(self, host: _Host, to: Foothold | None) -> None:
        """Take a host off the network that it is on, and put it on another."""
        if host.on is not None:
            self._api.disconnect_container_from_network(host.sandbox, host.on.network)
        if to is not None:
            self._api.connect_container_to_network(host.sandbox, to.network, ipv4_address=to.address)
        host.on = to

    def _planned(self) -> dict[str, _Host]:
        places = footholds(self._floor.stack, self._networks)
        machine = the_machine(self._floor.stack, places)
        hosts = {}
        for host, settings in self._floor.stack.services.items():
            name, labels = f"{self._name}-{host}", self._ground.labels
            loads = (self._floor.loads or None) if host == self._floor.client else ()
            place = Place(
                name, places[host], settings.network, (host,), {}, {}, labels, {}, {}, clients=loads, machine=machine
            )
            hosts[host] = _Host(place, settings, on=places[host][settings.network], ports=settings.ports)
        return hosts

    def _begin(self) -> None:
        session, labels = self._ground.session, self._ground.labels
        for name in self._floor.stack.network_names:
            internal = self._floor.stack.machine is None
            self._networks[name] = make_network(session, f"{self._name}-{name}", labels, internal=internal)
        self._hosts = self._planned()
        _all([self._pool.submit(self._host, name, host, host.settings) for name, host in self._hosts.items()])

    def _host(self, name: str, host: _Host, settings: Service, sysctls: Mapping[str, str] = {}) -> None:
        """Make a host; its service is made while its sandbox starts. The machine itself has no sandbox."""
        if settings.on_the_machine:
            self._service(host, settings)
            self._api.start(host.services[-1])
            return
        values = {**settings.sysctls, **sysctls}
        sandbox = containers.sandbox(name, settings, values, host.place, self._images[settings.tools])
        host.sandbox = self._ground.session.containers.create(sandbox)
        self._attach(host.sandbox, writes=True)
        starting = self._pool.submit(self._api.start, host.sandbox)
        self._service(host, settings)
        if name == self._floor.client and not settings.runs_clients:
            host.beside = self._created(host, "clients", containers.CLIENTS)
        starting.result()
        for container in filter(None, (host.services[-1], host.beside)):
            self._api.start(container)

    def _anew(self, name: str, host: _Host, settings: Service, sysctls: Mapping[str, str] = {}) -> None:
        """Remove a host, and make another."""
        _all([self._pool.submit(self._gone, one) for one in (host.services[-1], host.beside) if one])
        self._gone(host.sandbox)
        self._host(name, host, settings, sysctls)

    def _again(self, name: str, host: _Host, settings: Service) -> None:
        """Remove the service, and start another, which is made meanwhile; other ports take a host that is made anew."""
        if settings.ports != host.ports:
            host.ports = settings.ports
            self._anew(name, host, settings)
            return
        removing = self._pool.submit(self._api.remove_container, host.services[-1], force=True, v=True)
        self._service(host, settings)
        removing.result()
        self._api.start(host.services[-1])

    def _service(self, host: _Host, settings: Service) -> None:
        host.services.append(self._created(host, "service", settings))

    def _created(self, host: _Host, role: str, settings: Service) -> str:
        name = f"{host.place.name}-{role}-{next(host.numbers)}"
        spec = containers.service(name, role, settings, host.place, host.sandbox, self._images)
        container = self._ground.session.containers.create(spec)
        files = self._files(settings) if role == "service" else {}
        if files:
            self._ground.session.containers.put(container, files)
        self._attach(container, writes=spec.writes)
        return container

    def _files(self, settings: Service) -> dict[str, str]:
        return {path: self._floor.stack.configs[name].content for path, name in settings.configs.items()}

    def _attach(self, container: str, *, writes: bool) -> None:
        stream = Stream(self._ground.connection, container, writes=writes)
        stream.listen(lambda *_: None, lambda: None)
        self._streams.append(stream)

    def _remove(self) -> None:
        for stream in self._streams:
            stream.close()
        made = [one for host in self._hosts.values() for one in (host.sandbox, host.beside, *host.services[-1:])]
        going = [self._pool.submit(self._gone, container) for container in filter(None, made)]
        for network, _ in self._networks.values():
            _until_done(self._api.remove_network, network)
        _all(going)

    def _gone(self, container: str) -> None:
        _until_done(self._api.remove_container, container, force=True, v=True)


def _all(futures: Sequence[Future[Any]]) -> None:
    wait(futures)
    for future in futures:
        future.result()


def _until_done(remove: Any, *thing: Any, **options: Any) -> None:
    """Remove something that others may still hold, or that is already going."""
    deadline = time.monotonic() + GONE_WITHIN
    while True:
        try:
            remove(*thing, **options)
        except APIError as error:
            if error.status_code == 404:
                return
            if time.monotonic() > deadline:
                raise
            time.sleep(AGAIN)
        else:
            return
