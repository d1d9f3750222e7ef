"""A container as a lab wants it, and as the Engine API takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PIDS_LIMIT = 512  # processes and threads in one container
MEMORY_LIMIT = 512 << 20  # bytes, where the stack sets none
OF_INTERFACES = "com.docker.network.endpoint.sysctls"


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container to be made, with no capability but those that are named.

    `joins` names the container whose network and PID namespaces it shares; one that is `apart` shares its network only.
    """

    name: str
    image: str
    command: Sequence[str] | None
    labels: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: Sequence[str] | None = None
    user: str | None = None
    hostname: str | None = None
    network: str | None = None
    address: str | None = None
    aliases: Sequence[str] = ()
    joins: str | None = None
    apart: bool = False
    capabilities: Sequence[str] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, Sequence[tuple[str, int]]] = field(default_factory=dict)  # to the machine's addresses and ports
    ulimits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    memory: int | None = None
    extra_hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tmpfs: Sequence[str] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)  # path inside to volume name
    healthcheck: Mapping[str, Any] | None = None  # as the Engine API has it, times in nanoseconds
    writes: bool = False  # whether its standard input stays ours


def config(api: Any, spec: ContainerSpec, *, is_28: bool) -> dict[str, Any]:
    """Return a container as the Engine API takes it; an engine that `is_28` wants an interface's sysctls apart."""
    sysctls, of_interface = set_apart(spec.sysctls) if is_28 else (dict(spec.sysctls), "")
    shared = f"container:{spec.joins}" if spec.joins else None
    host = api.create_host_config(
        network_mode=shared or spec.network or "none",
        pid_mode=None if spec.apart else shared,
        cap_drop=["ALL"],
        cap_add=list(spec.capabilities) or None,
        security_opt=["no-new-privileges"],
        pids_limit=PIDS_LIMIT,
        mem_limit=spec.memory or MEMORY_LIMIT,
        sysctls=sysctls or None,
        ulimits=[{"Name": name, "Soft": soft, "Hard": hard} for name, (soft, hard) in spec.ulimits.items()] or None,
        port_bindings={port: list(there) for port, there in spec.ports.items()} or None,
        extra_hosts=[f"{name}:{one}" for name, there in spec.extra_hosts.items() for one in there] or None,
        tmpfs=list(spec.tmpfs) or None,
        binds=[f"{volume}:{path}" for path, volume in spec.volumes.items()] or None,
        dns=["127.0.0.1"] if spec.network else None,
        log_config={"Type": "none"},  # what it prints comes by the attached stream; a file of it may fill a disk
    )
    networking = None
    if spec.address:
        options = {OF_INTERFACES: of_interface} if of_interface else None
        endpoint = api.create_endpoint_config(ipv4_address=spec.address, aliases=list(spec.aliases), driver_opt=options)
        networking = api.create_networking_config({spec.network: endpoint})
    made: dict[str, Any] = api.create_container_config(
        spec.image,
        list(spec.command) if spec.command is not None else None,
        entrypoint=list(spec.entrypoint) if spec.entrypoint is not None else None,
        environment=dict(spec.environment),
        labels=dict(spec.labels),
        user=spec.user,
        ports=list(spec.ports) or None,
        hostname=None if shared else spec.hostname,
        stdin_open=spec.writes,
        healthcheck=dict(spec.healthcheck) if spec.healthcheck else None,
        host_config=host,
        networking_config=networking,
    )
    # docker-py leaves StdinOnce out; without it our death would not end the agent's input
    made.update(StdinOnce=spec.writes, AttachStdin=spec.writes, AttachStdout=True, AttachStderr=True)
    return made


def set_apart(sysctls: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Return a container's own sysctls, and those of its interface eth0 as engines from 28 on take them.

    They are refused among the container's, since it is only called eth0 by chance (github.com/moby/moby, 48746).
    """
    own = {name: value for name, value in sysctls.items() if ".eth0." not in name}
    others = (f"{name.replace('.eth0.', '.IFNAME.')}={sysctls[name]}" for name in sysctls if name not in own)
    return own, ",".join(others)
