"""Where each host of a lab is: its networks and addresses, and what it is given when it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network

from labctl.lab.request import LabRequest
from labctl.language.placeholders import UNASSIGNED, address_of, loopback_of
from labctl.stack.model import Stack
from labctl.stack.service import Service

APART = 0.25  # seconds between the ends of two hosts whose labctl was killed, see `labctl.lab.deploy.ENDS_WITHIN`


@dataclass(frozen=True, slots=True)
class Foothold:
    """A host's place on one network: the engine's name for that, and the address that the host has there."""

    network: str
    address: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a lab finds the machine itself: by its address on the lab's network, and one of its loopback addresses.

    Both are the lab's alone, so that no two labs meet, and a lab meets nothing that listens on 127.0.0.1.
    """

    address: str

    @property
    def loopback(self) -> str:
        """Another address of the loopback device (RFC 1122, 3.2.1.3), which ends as the other does."""
        return f"127.{self.address.partition('.')[2]}"

    @property
    def addresses(self) -> tuple[str, str]:
        """Both."""
        return self.loopback, self.address


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host is, and what it is given when it is made."""

    name: str  # of its sandbox; its services' names begin with it
    networks: Mapping[str, Foothold]  # by the stack's names: the one that it begins on, and those where it may be put
    home: str  # the network that it begins on
    aliases: tuple[str, ...]
    names: Mapping[str, str]  # those that it can resolve at first, and the addresses that they stand for
    routes: Mapping[str, str]  # addresses, and those by way of which they are reached
    labels: Mapping[str, str]
    files: Mapping[str, str]  # by their paths in the service
    volumes: Mapping[str, str]  # the stack's names for them, and the engine's
    clients: Sequence[str] | None = None  # those of labctl's own that are loaded there; None: all
    warm: str = "http"  # the scheme of the targets that they are made ready for
    machine: Machine | None = None  # the machine itself, where it is on the networks, too
    lingers: float = 0.0  # seconds that it stays where labctl is killed: see APART


@dataclass(frozen=True)
class Layout:
    """All places of one lab, on networks that are made: their ids and subnets, by the stack's names."""

    request: LabRequest
    name: str  # what the names of all its containers begin with
    labels: Mapping[str, str]
    networks: Mapping[str, tuple[str, IPv4Network]]
    volumes: Mapping[str, str]

    @cached_property
    def footholds(self) -> Mapping[str, Mapping[str, Foothold]]:
        """Each host's footholds, by network."""
        return footholds(self.request.stack, self.networks)

    @cached_property
    def machine(self) -> Machine | None:
        """Where the lab finds the machine itself."""
        return the_machine(self.request.stack, self.footholds)

    @cached_property
    def addresses(self) -> Mapping[str, str]:
        """Each host's address on the network that it begins on."""
        services = self.request.stack.services
        return {host: self.footholds[host][service.network].address for host, service in services.items()}

    def values(self) -> dict[str, str]:
        """Return what the placeholders for addresses stand for: where hosts begin, then where else they may be."""
        stack = self.request.stack
        homes = {address_of(host): address for host, address in self.addresses.items()}
        elsewhere = {
            address_of(host, name): there.address
            for host, service in stack.services.items()
            for name, there in self.footholds[host].items()
            if name != service.network
        }
        machine = self.machine
        loopback = {} if stack.machine is None or machine is None else {loopback_of(stack.machine): machine.loopback}
        _, subnet = self.networks[stack.services[self.request.client].network]
        return {**homes, **elsewhere, **loopback, UNASSIGNED: str(_usable(subnet)[-1])}

    def place(self, host: str) -> Place:
        """Return the place of a host."""
        request, stack = self.request, self.request.stack
        service, names, addresses = stack.services[host], stack.names(), self.addresses
        nearby = {name: known for name, known in names.items() if stack.services[known].network == service.network}
        return Place(
            name=f"{self.name}-{host}",
            networks=self.footholds[host],
            home=service.network,
            aliases=tuple(name for name, known in names.items() if known == host),
            names={name: addresses[known] for name, known in nearby.items()},
            routes={addresses[to]: addresses[by] for to, by in service.beyond.routes.items()},
            labels=self.labels,
            files={path: stack.configs[name].content for path, name in service.configs.items()},
            volumes=self.volumes,
            clients=(request.clients or None) if host == request.client else (),
            warm=request.warm,
            machine=self.machine,
            lingers=list(stack.services).index(host) * APART,
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
