"""Stacks: Compose files in a declared subset, read into services on a network.

A key outside the subset is refused by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from labctl.errors import Mistake, Mistakes, meant
from labctl.language import documents
from labctl.language.documents import Document
from labctl.language.fields import Name, Written, argv
from labctl.stack import compose
from labctl.stack.merge import merge
from labctl.stack.readiness import by_name
from labctl.stack.service import DEFAULT, Few, Service
from labctl.standin.settings import unknown
from labctl.system.places import OWN_IMAGE, images

MOST_NETWORKS = 4  # each is a subnet, and a bridge of the machine
MOST_HOSTS = 12  # on a network of 16 addresses: without its own two, the bridge's, and one that stays unassigned
ON_THE_MACHINE = {"image", "command", "network_mode", "depends_on"}  # the keys of a service there
BARE = {*ON_THE_MACHINE, "environment"}  # and of one that has no container
CLIENTS, ENGINE = "clients", "engine"  # the programs that need none
ONLY_PROGRAMS = f"image: {OWN_IMAGE}, command: [{CLIENTS}] or [{ENGINE}], network_mode: none"
ONLY_CLIENTS = f"image: {OWN_IMAGE}, command: [clients], network_mode: host"
KINDS = {"networks": "network", "depends_on": "service", "configs": "config", "volumes": "volume"}


class Network(Written):
    """A link between hosts; internal, unless the machine itself is on it."""

    internal: bool = True


class Config(Written):
    """A file of a stack, written out in it."""

    content: str


class Volume(Written):
    """A volume that lives as long as the lab; `labctl.stack.compose` refuses what Compose would let it be besides."""


class Stack(Written):
    """A Compose file."""

    name: Name | None = None
    services: dict[Name, Service]
    networks: Annotated[dict[Name, Network], Field(max_length=MOST_NETWORKS), BeforeValidator(by_name)] = Field(
        default_factory=lambda: {DEFAULT: Network()}
    )
    configs: Annotated[dict[Name, Config], Few] = Field(default_factory=dict)
    volumes: Annotated[dict[Name, Volume], Few, BeforeValidator(by_name)] = Field(default_factory=dict)

    def own_images(self) -> set[str]:
        """Return which of labctl's own images it needs."""
        named = {name for one in self.services.values() for name in (one.image, one.tools)}
        return {name for name in images() if name in named}

    def others_images(self) -> set[str]:
        """Return which images it needs that are not labctl's own."""
        return {one.image for one in self.services.values()} - self.own_images()

    def host_with(self, tools: str) -> str | None:
        """Return a host whose sandbox runs this image, or None."""
        return next((host for host, one in self.services.items() if one.tools == tools), None)

    @property
    def network_names(self) -> list[str]:
        """The networks that there are: those that hosts begin on come first."""
        return list(dict.fromkeys((*(one.network for one in self.services.values()), *self.networks)))

    @property
    def machine(self) -> str | None:
        """The service on the machine's own network, or None."""
        return next((host for host, one in self.services.items() if one.on_the_machine and not one.bare), None)

    @property
    def bare(self) -> bool:
        """Whether it needs no engine: its services are processes of labctl's own."""
        return any(one.bare for one in self.services.values())

    def is_open(self, host: str) -> bool:
        """Tell whether a host begins on a network that the machine itself is on."""
        return not self.networks.get(self.services[host].network, Network()).internal

    def names(self) -> dict[str, str]:
        """Return every name that a host is known by, and the host: its own, and its aliases."""
        aliases = {
            alias: name
            for name, service in self.services.items()
            for attachment in service.networks.values()
            for alias in attachment.aliases
        }
        return aliases | {name: name for name in self.services}

    def hosts_in_order(self) -> list[list[str]]:
        """Return the services in groups: each waits only for services of the groups before it."""
        groups: list[list[str]] = []
        placed: set[str] = set()
        while len(placed) < len(self.services):
            ready = [
                name
                for name, service in self.services.items()
                if name not in placed and placed.issuperset(service.depends_on)
            ]
            if not ready:
                raise ValueError("services wait for each other in a circle")
            groups.append(ready)
            placed.update(ready)
        return groups


def parse(document: Document, override: Any, scenario: Document) -> Stack:
    """Read a Compose file, changed by a scenario's override.

    Raises Mistakes, each at its place in the file where it was written.
    """
    compose.check(document, document.value, ())
    _demand_room(document)
    written = document.value.get("services") if isinstance(document.value, dict) else None
    stack_services = written if isinstance(written, dict) else {}
    if override is not None:
        compose.check(scenario, override, ("override",))
        document = document.overlaid(scenario, ("override",), merge(document.value, override))
    _demand_room(document)
    merged = dataclasses.replace(document, value=compose.unescaped(document.value))
    problems = list(_strangers(document, stack_services, override))
    if problems:
        raise Mistakes(problems)
    stack = documents.parse(Stack, merged)
    problems = list(_references(stack, document)) or list(_conflicts(stack, document))
    if problems:
        raise Mistakes(problems)
    return stack


def _demand_room(document: Document) -> None:
    """See that a stack is no larger than a lab, before anything is said of each of its hosts. Raises Mistakes."""
    services = document.value.get("services") if isinstance(document.value, dict) else None
    if isinstance(services, dict) and len(services) > MOST_HOSTS:
        wrong = f"there are {len(services)} hosts, and a lab's network has room for {MOST_HOSTS}."
        raise Mistakes([document.mistake(("services",), wrong)])


def _strangers(document: Document, services: Collection[str], override: Any) -> Iterator[Mistake]:
    """Yield the hosts that an override names and the stack does not have; a new one has at least an image."""
    changed = override.get("services") if isinstance(override, dict) else None
    for name, service in changed.items() if isinstance(changed, dict) else ():
        if name not in services and not (isinstance(service, dict) and "image" in service):
            wrong = f"there is no host called {name!r} to be changed."
            yield document.mistake(("services", name), wrong, meant(name, services), at_key=True)


def _references(stack: Stack, document: Document) -> Iterator[Mistake]:
    """Yield every name in a stack that stands for nothing."""
    known = {
        "networks": {*stack.networks, DEFAULT},
        "depends_on": set(stack.services),
        "configs": set(stack.configs),
        "volumes": set(stack.volumes),
    }
    for name, service in stack.services.items():
        for key, names in known.items():
            for used in service.uses[key]:
                if used not in names:
                    wrong = f"there is no {KINDS[key]} called {used!r} in this stack."
                    yield document.mistake(("services", name, key), wrong)
        for used in {**service.beyond.routes, **dict.fromkeys(service.beyond.routes.values())}:
            if used not in stack.services:
                wrong = f"there is no host called {used!r} in this stack."
                yield document.mistake(("services", name, "x-labctl", "routes"), wrong, meant(used, stack.services))
            elif stack.services[used].networks.keys() != service.networks.keys():
                wrong = f"{used!r} is on another network, and no route leads there."
                yield document.mistake(("services", name, "x-labctl", "routes"), wrong)
        if len(service.networks) != 1:
            yield document.mistake(("services", name, "networks"), "a host is on one network at a time.")


def _conflicts(stack: Stack, document: Document) -> Iterator[Mistake]:
    """Yield what no single service can see, in a stack whose names all stand for something."""
    try:
        stack.hosts_in_order()
    except ValueError as error:
        yield document.mistake(("services",), f"{error}.")
    yield from _confines(stack, document)
    known = dict.fromkeys(stack.services, "the name of a host")
    for name, service in stack.services.items():
        for alias in (alias for attachment in service.networks.values() for alias in attachment.aliases):
            if alias in known:
                wrong = f"{alias!r} is {known[alias]} already."
                yield document.mistake(("services", name, "networks"), wrong)
            known[alias] = f"an alias of {name!r}"
        for to in service.beyond.routes:
            if not _leads(stack, name, to):
                wrong = f"the route from {name!r} to {to!r} leads nowhere: it goes round in a circle."
                yield document.mistake(("services", name, "x-labctl", "routes", to), wrong)


def _confines(stack: Stack, document: Document) -> Iterator[Mistake]:
    """Yield what would let more than labctl's own clients onto the machine, or more of the machine into a lab."""
    if stack.bare:
        yield from _bare(stack, document)
        return
    there = [name for name, service in stack.services.items() if service.on_the_machine]
    for name in there:
        own = stack.services[name].runs_clients and stack.services[name].image == OWN_IMAGE
        if not own or stack.services[name].model_fields_set - ON_THE_MACHINE:
            wrong = "only labctl's own clients may be on the machine itself, and they take no settings there."
            yield document.mistake(("services", name, "network_mode"), wrong, ONLY_CLIENTS)
    if len(there) > 1:
        yield document.mistake(
            ("services", there[1], "network_mode"), "there is one machine, and it has clients already."
        )
    for name, network in stack.networks.items():
        if not network.internal and not there:
            wrong = "lab networks are internal, except where a client is on the machine itself (`network_mode: host`)."
            yield document.mistake(("networks", name, "internal"), wrong)
    if there and ([*stack.networks.values()] != [Network(internal=False)] or stack.network_names != [*stack.networks]):
        wrong = "where a client is on the machine itself there is one network, and it is not internal."
        yield document.mistake(("networks",), wrong, "networks: {default: {internal: false}}")
    for name, service in stack.services.items():
        if service.ports and not stack.is_open(name):
            wrong = "ports are published to a client on the machine itself (`network_mode: host`), and there is none."
            yield document.mistake(("services", name, "ports"), wrong)


def _bare(stack: Stack, document: Document) -> Iterator[Mistake]:
    """Yield what would let anything but labctl's own programs, with their own settings, run as a bare process."""
    for name, service in stack.services.items():
        program = bare_program(service)
        if not service.bare or program is None or service.model_fields_set - BARE:
            wrong = "where a service has no network at all, each is one of labctl's own programs, and has no container."
            yield document.mistake(("services", name), wrong, ONLY_PROGRAMS)
        for setting, wrong in wrong_settings(program, service.environment).items():
            yield document.mistake(("services", name, "environment", setting), f"{setting} {wrong}.")
    for key in ("networks", "volumes", "configs"):
        if key in stack.model_fields_set:
            yield document.mistake((key,), "a stack without an engine has none.")


def bare_program(service: Service) -> str | None:
    """Return which of labctl's own programs a service runs that has no container; None where it is none."""
    if not service.bare or service.image != OWN_IMAGE or service.command is None:
        return None
    words = argv(service.command)
    return words[-1] if words in ([CLIENTS], [ENGINE]) else None


def wrong_settings(program: str | None, settings: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each variable that such a program is not given."""
    return unknown(settings) if program == ENGINE else dict.fromkeys(settings, "is no setting of the clients")


def _leads(stack: Stack, host: str, to: str) -> bool:
    """Tell whether the routes lead from one host to another: by way of others, each of which is nearer."""
    seen: set[str] = set()
    while host not in seen and host != to:
        seen.add(host)
        following = stack.services[host].beyond.routes.get(to, to)
        if following == host or (following == to and to in stack.services[host].beyond.routes):
            return False  # by way of itself
        host = following
    return host == to and bool(seen)
