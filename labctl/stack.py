"""Stacks: Compose files in a declared subset, read into services on networks.

A key outside the subset is refused by name. What a scenario overrides is merged by Compose's rules: mappings by key,
lists by appending, but command, entrypoint and a health check's test are replaced.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import BeforeValidator, Field

from labctl import documents
from labctl.documents import Document
from labctl.errors import Mistake, Mistakes, UnknownName
from labctl.fields import Command, Duration, Name, Text, Written
from labctl.places import installed

OWN_IMAGE = "labctl"  # in a stack: the image that labctl builds
INTERPOLATION = re.compile(r"(?<!\$)(?:\$\$)*\$(?:\{|[A-Za-z_])")
REPLACED = {"command", "entrypoint", "test"}
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
REFUSED = {
    "privileged": "A lab's containers have no rights beyond their own namespaces.",
    "network_mode": "Every service gets a host of its own on the lab's network.",
    "pid": "Every service gets a PID namespace of its own.",
    "ipc": "No namespace is shared with the machine.",
    "cap_add": "Only labctl's own actions change a network; a service holds no extra capability.",
    "security_opt": "Security options stay as labctl sets them.",
    "devices": "No device of the machine enters a lab.",
    "volumes_from": "Use a named volume.",
    "ports": "Lab networks are internal; nothing is published to the machine.",
    "env_file": "Write the variables under `environment`: a lab takes nothing from its surroundings.",
}


def _mapping(value: Any) -> Any:
    """Read Compose's list form, `- KEY=value`, as a mapping."""
    if isinstance(value, list) and all(isinstance(item, str) and "=" in item for item in value):
        return dict(item.split("=", 1) for item in value)
    return value


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


def _networks(value: Any) -> Any:
    if isinstance(value, list):
        return {name: {} for name in value}
    return {name: {} if entry is None else entry for name, entry in value.items()} if isinstance(value, dict) else value


Variables = Annotated[dict[str, Text], BeforeValidator(_mapping)]
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

    image: str
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
    tmpfs: tuple[str, ...] = ()
    sysctls: Annotated[dict[str, Text], BeforeValidator(_mapping), pydantic.AfterValidator(_allowed)] = Field(
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


class Stack(Written):
    """A Compose file."""

    name: Name | None = None
    services: dict[Name, Service]
    networks: Annotated[dict[Name, Network], BeforeValidator(_networks)] = Field(
        default_factory=lambda: {"default": Network()}
    )

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
    refused = [*_refused(document, document.value, ()), *_interpolations(document, document.value, ())]
    if override is not None:
        refused += [*_refused(scenario, override, ("override",)), *_interpolations(scenario, override, ("override",))]
    if refused:
        raise Mistakes(refused)
    value = document.value if override is None else merge(document.value, override)
    merged = dataclasses.replace(document, value=_unescaped(value))
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


def _interpolations(document: Document, value: Any, path: documents.Path) -> Iterator[Mistake]:
    """Yield every place that Compose would fill from the environment: a lab takes nothing from its surroundings."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _interpolations(document, inner, (*path, key))
    elif isinstance(value, str) and INTERPOLATION.search(value):
        wrong = f"{value!r} asks for a variable of the environment, and a lab takes nothing from its surroundings."
        yield document.mistake(path, wrong, "Write $$ for a dollar sign.")


def _unescaped(value: Any) -> Any:
    """Return a document with Compose's $$ as the dollar sign that it stands for."""
    if isinstance(value, dict):
        return {key: _unescaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unescaped(inner) for inner in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def _refused(document: Document, value: Any, path: documents.Path) -> Sequence[Mistake]:
    services = value.get("services") if isinstance(value, dict) else None
    if not isinstance(services, dict):
        return []
    return [
        document.mistake((*path, "services", name, key), f"{key!r} is refused in a stack.", REFUSED[key], at_key=True)
        for name, service in services.items()
        if isinstance(service, dict)
        for key in service
        if key in REFUSED
    ]


def _references(stack: Stack, document: Document) -> Sequence[Mistake]:
    problems = []
    for name, service in stack.services.items():
        here: documents.Path = ("services", name)
        problems += [
            document.mistake((*here, "networks", network), f"there is no network called {network!r} in this stack.")
            for network in service.networks
            if network not in stack.networks and network != "default"
        ]
        problems += [
            document.mistake((*here, "depends_on", other), f"there is no service called {other!r} in this stack.")
            for other in service.depends_on
            if other not in stack.services
        ]
        if len(service.networks) != 1:
            problems.append(document.mistake((*here, "networks"), "a host is on exactly one network in this version."))
    if not problems:
        try:
            stack.hosts_in_order()
        except ValueError as error:
            problems.append(document.mistake(("services",), f"{error}."))
    return problems


def merge(below: Any, above: Any, key: str = "") -> Any:
    """Merge two Compose documents; `above` is the later file."""
    below, above = (
        _mapping(below) if key == "environment" else below,
        _mapping(above) if key == "environment" else above,
    )
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {name: merge(below.get(name), above.get(name, below.get(name)), name) for name in {**below, **above}}
    if isinstance(below, list) and isinstance(above, list) and key not in REPLACED:
        return [*below, *(item for item in above if item not in below)]
    return above
