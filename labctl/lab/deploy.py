"""Bringing a stack up: its networks, its hosts side by side, its services in their order; and removing all of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from ipaddress import IPv4Network
from types import TracebackType

from labctl.clients import speaking
from labctl.engine.labels import RUN, SCENARIO
from labctl.engine.sweep import sweep
from labctl.errors import EngineError, EngineUnavailable, LabError, Taken
from labctl.lab import subnets
from labctl.lab.bare import brought_up
from labctl.lab.host import Host, warm
from labctl.lab.lab import Lab
from labctl.lab.machine import OnMachine
from labctl.lab.place import Layout
from labctl.lab.pod import Pod
from labctl.lab.request import LabRequest
from labctl.lab.session import Session
from labctl.lab.witness import Limits, Witness, prepare
from labctl.results.journal import DOCKER, ENGINE_LOST, REMOVING, Journal

ENDS_WITHIN = 2.0  # seconds for a host to end; a container takes a tenth of that
"""Hosts leave their network one after the other. Engine 20.10 locks up for good, once in thousands of times, where two
do so at once: libnetwork's getSvcRecords waits for the controller's lock with the network's held, and
processEndpointDelete for the network's with the controller's held."""
MOST_SUBNETS = 50  # tries before the pool is called exhausted


@contextmanager
def deployed(request: LabRequest, session: Session, journal: Journal) -> Iterator[Lab]:
    """Bring a lab up; at the end, whatever the reason, remove all of it. Raises EngineError and LabError."""
    stack = request.stack
    if stack.bare:
        with brought_up(stack, request.client, journal, request.clients or speaking(request.warm)) as lab:
            yield lab
        return
    run = secrets.token_hex(4)
    name = f"labctl-{run}"
    labels = {**session.labels, RUN: run, SCENARIO: request.scenario}
    with ExitStack() as undo:
        undo.push(partial(_remove, session, run, journal))
        networks = {
            network: _network(request, network, f"{name}-{network}", labels, session, journal)
            for network in stack.network_names
        }
        volumes = {volume: session.containers.create_volume(f"{name}-{volume}", labels) for volume in stack.volumes}
        layout = Layout(request, name, labels, networks, volumes)
        hosts = {host: _host(layout, host, session, journal) for host in stack.services}
        workers = undo.enter_context(ThreadPoolExecutor(2 * len(hosts), thread_name_prefix="deploy"))
        if request.captures is not None:
            workers.submit(prepare)  # most of what follows is waiting for the engine
        undo.callback(_end, hosts, journal)
        begun: dict[str, Future[None]] = {}
        for group in stack.hosts_in_order():
            begun |= {host: workers.submit(_begin, host, hosts, begun, request.client, journal) for host in group}
        for beginning in begun.values():
            beginning.result()
        warm(hosts.values(), journal)
        undo.callback(journal.note, REMOVING, "the lab")
        yield Lab(hosts, layout.values(), journal)


def _network(
    request: LabRequest, network: str, name: str, labels: Mapping[str, str], session: Session, journal: Journal
) -> tuple[str, IPv4Network]:
    with journal.timed(f"making the network {network}", DOCKER):
        return make_network(session, name, labels, internal=request.stack.machine is None)


def _host(layout: Layout, name: str, session: Session, journal: Journal) -> Host:
    service, place = layout.request.stack.services[name], layout.place(name)
    if service.on_the_machine:
        return OnMachine(name, service, place, session)
    return Pod(name, service, place, session, _witness(name, journal, layout.request.captures))


def _witness(host: str, journal: Journal, captures: Limits | None) -> Witness | None:
    return None if captures is None else Witness(host, partial(journal.append, f"{host}.pcap"), captures)


def _begin(
    name: str, hosts: Mapping[str, Host], begun: Mapping[str, Future[None]], client: str, journal: Journal
) -> None:
    """Bring one host up, its service after those that it depends on; those have been submitted before."""
    host = hosts[name]
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
