"""Stacks as values: hosts, the networks between them, their files and volumes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from labctl.language.fields import Name, Written
from labctl.stack.readiness import by_name
from labctl.stack.service import DEFAULT, Few, Service
from labctl.system.places import images

MOST_NETWORKS = 4  # each is a subnet, and a bridge of the machine
MOST_HOSTS = 12  # on a network of 16 addresses: without its own two, the bridge's, and one that stays unassigned


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
