"""Stacks: Compose files in a declared subset, read into services on a network.

A key outside the subset is refused by name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field

from labctl import compose, documents
from labctl.documents import Document
from labctl.errors import Mistake, Mistakes, UnknownName
from labctl.fields import Command, Duration, Name, Text, Written, one_of
from labctl.places import OWN_IMAGE, images, installed

KINDS = {"networks": "network", "depends_on": "service", "configs": "config", "volumes": "volume"}
SYSCTLS = {  # what a stack may set; all of them live in the host's own network namespace
    "net.core.somaxconn",
    "net.ipv4.icmp_ratelimit",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.neigh.eth0.base_reachable_time_ms",
    "net.ipv4.neigh.eth0.gc_stale_time",
    "net.ipv4.neigh.eth0.mcast_solicit",
    "net.ipv4.neigh.eth0.retrans_time_ms",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_mtu_probing",
    "net.ipv4.tcp_syn_linear_timeouts",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_tw_reuse",
}


def _image(name: str) -> str:
    return one_of("image", name, images()) if name == OWN_IMAGE or name.startswith(f"{OWN_IMAGE}-") else name


def _allowed(sysctls: dict[str, str]) -> dict[str, str]:
    for name in sysctls:
        if name not in SYSCTLS:
            raise ValueError(f"the sysctl {name} may not be set here; these may: {', '.join(sorted(SYSCTLS))}")
    return sysctls


def _bytes(value: Any) -> int:
    units = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    text = str(value).strip().lower().removesuffix("b") or "?"
    number, unit = (text[:-1], text[-1]) if text[-1] in units else (text, "b")
    if not number.isdigit():
        raise ValueError("is no size; write a number and k, m or g, such as 64m")
    size = int(number) * units[unit]
    if not 8 << 20 <= size <= 4 << 30:
        raise ValueError("is outside of 8m to 4g")
    return size


def _limit(value: Any) -> Any:
    return {"soft": value, "hard": value} if isinstance(value, int) else value


def _configs(value: Any) -> Any:
    """Read `- name` and `- {source, target}` as the path inside, by name."""
    if not isinstance(value, list):
        return value
    entries = [{"source": one} if isinstance(one, str) else one for one in value]
    if not all(isinstance(one, dict) and set(one) <= {"source", "target"} and "source" in one for one in entries):
        raise ValueError("is a list of names, or of `source` and `target`")
    return {one["source"]: one.get("target", f"/{one['source']}") for one in entries}


def _volumes(value: Any) -> Any:
    """Read `- name:/path` as the path inside, by name; a path of the machine is refused."""
    if not isinstance(value, list):
        return value
    for one in value:
        if not isinstance(one, str) or not re.fullmatch(r"[a-z][a-z0-9_-]*:/[^:]*", one):
            raise ValueError(f"only named volumes may be mounted, as in data:/var/lib/data; {one!r} is none")
    return dict(one.split(":", 1) for one in value)


def _networks(value: Any) -> Any:
    if isinstance(value, list):
        return {name: {} for name in value}
    return {name: {} if entry is None else entry for name, entry in value.items()} if isinstance(value, dict) else value


Variables = Annotated[dict[str, Text], BeforeValidator(compose.as_mapping)]
Inside = Annotated[str, pydantic.StringConstraints(pattern=r"^/[^:\x00]*$")]  # an absolute path in a container
Size = Annotated[int, BeforeValidator(_bytes)]


class Ulimit(Written):
    """A resource limit (getrlimit(2))."""

    soft: int
    hard: int


class Attachment(Written):
    """A service's place on a network."""

    aliases: tuple[Name, ...] = ()


class HealthCheck(Written):
    """How Docker itself tells that a service is ready."""

    test: Command
    interval: Duration = 1.0
    timeout: Duration = 2.0
    retries: int = Field(default=10, ge=1, le=100)


class Dependency(Written):
    """What a service waits for before it starts."""

    condition: Literal["service_started", "service_healthy"] = "service_started"


class Service(Written):
    """One service: the pod that runs it is the host of the same name."""

    image: Annotated[str, AfterValidator(_image)]
    command: Command | None = None
    entrypoint: Command | None = None
    environment: Variables = Field(default_factory=dict)
    user: str | None = None
    networks: Annotated[dict[Name, Attachment], BeforeValidator(_networks)] = Field(
        default_factory=lambda: {"default": Attachment()}
    )
    depends_on: Annotated[
        dict[Name, Dependency],
        BeforeValidator(lambda value: {name: {} for name in value} if isinstance(value, list) else value),
    ] = Field(default_factory=dict)
    healthcheck: HealthCheck | None = None
    configs: Annotated[dict[Name, Inside], BeforeValidator(_configs)] = Field(default_factory=dict)
    volumes: Annotated[dict[Name, Inside], BeforeValidator(_volumes)] = Field(default_factory=dict)
    tmpfs: tuple[Inside, ...] = ()
    sysctls: Annotated[dict[str, Text], BeforeValidator(compose.as_mapping), AfterValidator(_allowed)] = Field(
        default_factory=dict
    )
    ulimits: dict[Literal["nofile", "nproc"], Annotated[Ulimit, BeforeValidator(_limit)]] = Field(default_factory=dict)
    mem_limit: Size | None = None
    extra_hosts: Variables = Field(default_factory=dict)

    @property
    def runs_clients(self) -> bool:
        """Whether this service is labctl's own client program, ready for tries."""
        return self.image == OWN_IMAGE and self.command in ("clients", ["clients"])


class Network(Written):
    """A link between hosts; always internal."""

    internal: Literal[True] = True


class Config(Written):
    """A file of a stack, written out in it."""

    content: str


class Volume(Written):
    """A volume that lives as long as the lab."""


class Stack(Written):
    """A Compose file."""

    name: Name | None = None
    services: dict[Name, Service]
    networks: Annotated[dict[Name, Network], BeforeValidator(_networks)] = Field(
        default_factory=lambda: {"default": Network()}
    )
    configs: dict[Name, Config] = Field(default_factory=dict)
    volumes: Annotated[dict[Name, Volume], BeforeValidator(_networks)] = Field(default_factory=dict)

    def own_images(self) -> set[str]:
        """Return which of labctl's own images it needs."""
        return {service.image for service in self.services.values()} & images().keys()

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


def find(written: str, beside: Path) -> Path:
    """Return the file that a scenario's `stack:` names: relative to the scenario, or one of the installed stacks.

    Raises UnknownName with the nearest stacks there are.
    """
    if "/" in written or written.endswith((".yaml", ".yml")):
        path = beside / written
        if path.is_file():
            return path
        raise UnknownName("stack file", written, (p.name for p in beside.glob("*.yaml")))
    path = installed("compose") / f"{written}.yaml"
    if not path.is_file():
        raise UnknownName("stack", written, (p.stem for p in installed("compose").glob("*.yaml")))
    return path


def parse(document: Document, override: Any, scenario: Document) -> Stack:
    """Read a Compose file, changed by a scenario's override.

    Raises Mistakes, each at its place in the file where it was written.
    """
    compose.check(document, document.value, ())
    if override is not None:
        compose.check(scenario, override, ("override",))
    value = document.value if override is None else compose.merge(document.value, override)
    merged = dataclasses.replace(document, value=compose.unescaped(value))
    try:
        stack = documents.parse(Stack, merged)
    except Mistakes as error:
        if override is None:
            raise
        hint = "(as changed by the scenario's override)"
        raise Mistakes(
            [Mistake(m.file, m.line, m.column, m.wrong, f"{m.meant} {hint}") for m in error.mistakes]
        ) from error
    problems = list(_references(stack, document))
    if problems:
        raise Mistakes(problems)
    return stack


def _references(stack: Stack, document: Document) -> Iterator[Mistake]:
    """Yield every name in a stack that stands for nothing."""
    known = {
        "networks": {*stack.networks, "default"},
        "depends_on": set(stack.services),
        "configs": set(stack.configs),
        "volumes": set(stack.volumes),
    }
    for name, service in stack.services.items():
        for key, names in known.items():
            for used in getattr(service, key):
                if used not in names:
                    wrong = f"there is no {KINDS[key]} called {used!r} in this stack."
                    yield document.mistake(("services", name, key), wrong)
    if len({tuple(sorted(service.networks)) for service in stack.services.values()}) > 1 or any(
        len(service.networks) != 1 for service in stack.services.values()
    ):
        yield document.mistake(("networks",), "all hosts of a stack are on one network.")
    try:
        stack.hosts_in_order()
    except ValueError as error:
        yield document.mistake(("services",), f"{error}.")
