"""What is wrong with a stack that no service can see alone: names that stand for nothing, and what excludes what."""

from __future__ import annotations

from collections.abc import Iterator

from labctl.errors import Mistake, meant
from labctl.language.documents import Document
from labctl.stack import bare
from labctl.stack.model import Network, Stack
from labctl.stack.service import DEFAULT
from labctl.system.places import OWN_IMAGE

KINDS = {"networks": "network", "depends_on": "service", "configs": "config", "volumes": "volume"}
ON_THE_MACHINE = {"image", "command", "network_mode", "depends_on"}  # the keys of a service there
ONLY_CLIENTS = f"image: {OWN_IMAGE}, command: [clients], network_mode: host"


def references(stack: Stack, document: Document) -> Iterator[Mistake]:
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


def conflicts(stack: Stack, document: Document) -> Iterator[Mistake]:
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
        yield from bare.confines(stack, document)
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
            wrong = "ports can be published only to a client on the machine itself (`network_mode: host`)."
            yield document.mistake(("services", name, "ports"), wrong)


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
