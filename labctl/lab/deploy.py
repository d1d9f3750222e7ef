"""Bringing a stack up: its networks, its hosts side by side, its services in their order; and removing all of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from types import TracebackType

from labctl.clients import speaking
from labctl.engine.labels import RUN, SCENARIO
from labctl.engine.sweep import sweep
from labctl.errors import EngineError, EngineUnavailable, LabError, Taken
from labctl.lab import subnets
from labctl.lab.bare import brought_up
from labctl.lab.containers import Foothold, Machine, Place
from labctl.lab.host import SANDBOX_STARTS, Host
from labctl.lab.lab import Lab
from labctl.lab.machine import OnMachine
from labctl.lab.pod import Pod
from labctl.lab.session import Session
from labctl.lab.witness import Limits, Witness, prepare
from labctl.language.placeholders import UNASSIGNED, address_of, loopback_of
from labctl.results.journal import DOCKER, ENGINE_LOST, LABCTL, REMOVING, Journal
from labctl.stack.model import Stack
from labctl.stack.service import Service

APART = 0.25  # seconds between the ends of two hosts whose labctl was killed
ENDS_WITHIN = 2.0  # seconds for a host to end; a container takes a tenth of that
"""Hosts leave their network one after the other. Engine 20.10 locks up for good, once in thousands of times, where two
do so at once: libnetwork's getSvcRecords waits for the controller's lock with the network's held, and
processEndpointDelete for the network's with the controller's held."""
MOST_SUBNETS = 50  # tries before the pool is called exhausted


@contextmanager
def deployed(
    stack: Stack,
    scenario: str,
    client: str,
    session: Session,
    journal: Journal,
    captures: Limits | None = None,
    clients: Sequence[str] = (),
    warm: str = "http",
) -> Iterator[Lab]:
    """Bring a stack up; at the end, whatever the reason, remove all of it.

    `client` is the host that tries are made from, by all of labctl's clients or those named, which are made ready
    for targets with the scheme `warm`. Where there are `captures`, every host's packets are captured from its beginning
    on. Raises EngineError and LabError.
    """
    if stack.bare:
        with brought_up(stack, client, journal, clients or speaking(warm)) as lab:
            yield lab
        return
    run = secrets.token_hex(4)
    labels = {**session.labels, RUN: run, SCENARIO: scenario}
    with ExitStack() as undo:
        undo.push(partial(_remove, session, run, journal))
        networks = {name: _network(session, stack, name, run, labels, journal) for name in stack.network_names}
        volumes = {name: session.containers.create_volume(f"labctl-{run}-{name}", labels) for name in stack.volumes}
        places = footholds(stack, networks)
        machine = the_machine(stack, places)
        addresses = {host: places[host][service.network].address for host, service in stack.services.items()}
        hosts: dict[str, Host] = {}
        for host, service in stack.services.items():
            loaded = (clients or None) if host == client else ()
            name = f"labctl-{run}-{host}"
            place = _place(stack, host, name, places[host], addresses, labels, volumes, loaded, warm, machine)
            hosts[host] = _host(place, host, service, session, journal, captures)
        workers = undo.enter_context(ThreadPoolExecutor(2 * len(hosts), thread_name_prefix="deploy"))
        if captures is not None:
            workers.submit(prepare)  # most of what follows is waiting for the engine
        undo.callback(_end, hosts, journal)
        begun: dict[str, Future[None]] = {}
        for group in stack.hosts_in_order():
            begun |= {host: workers.submit(_begin, hosts[host], hosts, begun, client, journal) for host in group}
        for beginning in begun.values():
            beginning.result()
        for one in hosts.values():
            if one.clients is not None:
                with journal.timed(f"warming the clients on {one.name}", LABCTL):
                    one.clients.ready(SANDBOX_STARTS)
        undo.callback(journal.note, REMOVING, "the lab")
        _, subnet = networks[stack.services[client].network]
        values = {**_values(stack, places, addresses, machine), UNASSIGNED: str(_usable(subnet)[-1])}
        yield Lab(hosts, values, journal)


def _network(
    session: Session, stack: Stack, name: str, run: str, labels: Mapping[str, str], journal: Journal
) -> tuple[str, IPv4Network]:
    with journal.timed(f"making the network {name}", DOCKER):
        return make_network(session, f"labctl-{run}-{name}", labels, internal=stack.machine is None)


def _values(
    stack: Stack,
    places: Mapping[str, Mapping[str, Foothold]],
    addresses: Mapping[str, str],
    machine: Machine | None,
) -> dict[str, str]:
    """Return what the placeholders for addresses stand for: where hosts begin, then where else they may be."""
    homes = {address_of(host): address for host, address in addresses.items()}
    elsewhere = {
        address_of(host, name): there.address
        for host, service in stack.services.items()
        for name, there in places[host].items()
        if name != service.network
    }
    loopback = {} if stack.machine is None or machine is None else {loopback_of(stack.machine): machine.loopback}
    return homes | elsewhere | loopback


def _host(
    place: Place, name: str, service: Service, session: Session, journal: Journal, captures: Limits | None
) -> Host:
    if service.on_the_machine:
        return OnMachine(name, service, place, session)
    return Pod(name, service, place, session, _witness(name, journal, captures))


def _witness(host: str, journal: Journal, captures: Limits | None) -> Witness | None:
    return None if captures is None else Witness(host, partial(journal.append, f"{host}.pcap"), captures)


def _begin(
    host: Host, hosts: Mapping[str, Host], begun: Mapping[str, Future[None]], client: str, journal: Journal
) -> None:
    """Bring one host up, its service after those that it depends on; those have been submitted before."""
    loads_first = host.settings.runs_clients and not host.settings.depends_on  # before it needs the network
    if isinstance(host, Pod):
        with journal.timed(f"starting the sandbox of {host.name}", DOCKER):
            host.begin_sandbox(and_service=loads_first)
        if loads_first:
            return
    for other, dependency in host.settings.depends_on.items():
        begun[other].result()
        if dependency.on_health:
            hosts[other].await_health()
    with journal.timed(f"starting {host.name}", DOCKER):
        host.begin_service()
        if isinstance(host, Pod) and host.name == client and host.clients is None:
            host.add_clients()


def _place(
    stack: Stack,
    host: str,
    name: str,
    networks: Mapping[str, Foothold],
    addresses: Mapping[str, str],
    labels: Mapping[str, str],
    volumes: Mapping[str, str],
    clients: Sequence[str] | None,
    warm: str,
    machine: Machine | None,
) -> Place:
    service = stack.services[host]
    names = stack.names()
    return Place(
        name=name,
        networks=networks,
        home=service.network,
        aliases=tuple(name for name, known in names.items() if known == host),
        names={
            name: addresses[known] for name, known in names.items() if stack.services[known].network == service.network
        },
        routes={addresses[to]: addresses[by] for to, by in service.beyond.routes.items()},
        labels=labels,
        files={path: stack.configs[name].content for path, name in service.configs.items()},
        volumes=volumes,
        clients=clients,
        warm=warm,
        machine=machine,
        lingers=list(stack.services).index(host) * APART,
    )


def _end(hosts: Mapping[str, Host], journal: Journal) -> None:
    """End the hosts, each once the engine has let go of the one before."""
    with journal.timed("ending the hosts", DOCKER):
        for host in hosts.values():
            host.close(ENDS_WITHIN)


def _remove(
    session: Session,
    run: str,
    journal: Journal,
    _: type[BaseException] | None,
    broken: BaseException | None,
    __: TracebackType | None,
) -> None:
    """Remove the lab; where the engine is gone, its removal is left to the session's end, when it may be back.

    Raises EngineError where something stays, and EngineUnavailable in place of the LabError that it explains.
    """
    try:
        with journal.timed("removing everything", DOCKER):
            left = sweep(session.containers, f"{RUN}={run}", empty_looks=0)
    except EngineUnavailable as silence:
        if isinstance(broken, LabError):
            raise
        journal.note(ENGINE_LOST, silence.what)
        return
    left.demand_none("`labctl clean` tries again.")


def make_network(
    session: Session, name: str, labels: Mapping[str, str], *, internal: bool = True
) -> tuple[str, IPv4Network]:
    """Make a network on a subnet that is free; return its id and the subnet. Raises EngineError where none is."""
    taken = subnets.routes() if session.local else []
    for attempt, subnet in enumerate(subnets.free(taken)):
        try:
            return session.containers.create_network(name, str(subnet), labels, internal=internal), subnet
        except Taken:
            if attempt >= MOST_SUBNETS:
                break
    raise EngineError(
        f"no subnet of {subnets.POOL} is free.",
        means="Other networks, perhaps of other labs, hold them.",
        todo="`labctl clean` removes what dead runs left; `docker network ls` shows the rest.",
    )


def _usable(subnet: IPv4Network) -> list[IPv4Address]:
    """Return what hosts may have: the first address is the bridge's own."""
    return list(subnet.hosts())[1:]


def footholds(stack: Stack, networks: Mapping[str, tuple[str, IPv4Network]]) -> dict[str, dict[str, Foothold]]:
    """Give every host a fixed address on every network: the machine itself the bridge's own, nobody the last one."""

    def address(number: int, service: Service, subnet: IPv4Network) -> str:
        return str(next(subnet.hosts()) if service.on_the_machine else _usable(subnet)[:-1][number])

    return {
        host: {name: Foothold(made, address(number, service, subnet)) for name, (made, subnet) in networks.items()}
        for number, (host, service) in enumerate(stack.services.items())
    }


def the_machine(stack: Stack, places: Mapping[str, Mapping[str, Foothold]]) -> Machine | None:
    """Return where a lab with these footholds finds the machine itself; None where it is not on its network."""
    if stack.machine is None:
        return None
    return Machine(places[stack.machine][stack.services[stack.machine].network].address)
