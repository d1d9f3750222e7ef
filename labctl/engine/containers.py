"""Containers and networks, as a lab wants them: plain values in, ids out, every refusal translated."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any

import tenacity

from labctl.engine.connection import Connection
from labctl.engine.spec import ContainerSpec, config
from labctl.engine.stream import STDERR, STDOUT, frames, plain_socket, release
from labctl.engine.translate import translated
from labctl.errors import DeadlineExceeded, EngineError, EngineUnavailable, NotThere, Taken
from labctl.model import Ran
from labctl.system.threads import aside
from labctl.system.waiting import poll

MOST_OUTPUT = 1 << 18  # bytes kept of each stream of a program that is run in a service's container
UNFROZEN = "unable to freeze"  # what runc says
ENGINE_28 = (1, 48)  # its API: the first with gateway_mode_ipv4=isolated, and with an interface's sysctls set apart


class Containers:
    """The verbs on containers and networks; safe to call from several threads at once."""

    def __init__(self, connection: Connection) -> None:
        self._api: Any = connection.api  # its stubs know neither all options nor the untyped calls
        self._is_28 = tuple(map(int, connection.versions["api"].split("."))) >= ENGINE_28

    def create_network(self, name: str, subnet: str, labels: Mapping[str, str], *, internal: bool = True) -> str:
        """Make an internal network that the machine itself is not on, or one that it is on.

        Raises Taken where the subnet is in use.
        """
        if not internal:
            options = {"com.docker.network.bridge.enable_ip_masquerade": "false"}  # no way on from the machine
        elif self._is_28:
            options = {"com.docker.network.bridge.gateway_mode_ipv4": "isolated"}
        else:
            options = {"com.docker.network.bridge.inhibit_ipv4": "true"}
        with translated(f"make a network on {subnet}"):
            made = self._api.create_network(
                name,
                driver="bridge",
                internal=internal,
                labels=dict(labels),
                options=options,
                ipam={"Driver": "default", "Config": [{"Subnet": subnet}], "Options": None},
            )
        return str(made["Id"])

    def create_volume(self, name: str, labels: Mapping[str, str]) -> str:
        """Make a named volume and return its name."""
        with translated(f"make the volume {name}"):
            return str(self._api.create_volume(name, labels=dict(labels))["Name"])

    def remove_volume(self, volume: str) -> None:
        """Remove a volume that no container uses; one that is gone is no error."""
        with suppress(NotThere), translated("remove a volume"):
            self._api.remove_volume(volume)

    def labelled_volumes(self, label: str) -> list[Mapping[str, Any]]:
        """Return all volumes with a label."""
        with translated("list volumes"):
            found: list[Mapping[str, Any]] = self._api.volumes(filters={"label": [label]})["Volumes"] or []
        return found

    def remove_network(self, network: str, seconds: float = 10) -> None:
        """Remove a network, waiting while containers that are going still hold it."""
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, EngineError) and not isinstance(error, EngineUnavailable)
            ),
            wait=tenacity.wait_exponential(multiplier=0.05, max=0.5),
            stop=tenacity.stop_after_delay(seconds),
            reraise=True,
        ):
            with attempt, suppress(NotThere), translated("remove a network"):
                self._api.remove_network(network)

    def create(self, spec: ContainerSpec) -> str:
        """Make a container; it does not run yet."""
        with translated(f"make the container {spec.name}"):
            made = self._api.create_container_from_config(config(self._api, spec, is_28=self._is_28), spec.name)
            return str(made["Id"])

    def start(self, container: str) -> None:
        """Start a container that was made or has ended."""
        with translated("start a container"):
            self._api.start(container)

    def stop(self, container: str, seconds: int) -> None:
        """Ask a container to end by SIGTERM, and end it by SIGKILL after `seconds`."""
        with translated("stop a container"):
            self._api.stop(container, timeout=seconds)

    def kill(self, container: str, signal: str) -> None:
        """Send a signal to a container's main process."""
        with translated(f"send {signal} to a container"):
            self._api.kill(container, signal)

    def pause(self, container: str, seconds: float = 10) -> None:
        """Freeze every process of a container, asking until the kernel can; raises DeadlineExceeded where it cannot.

        With cgroups v1 one that waits in the kernel for something else is not frozen, and runc gives up after a quarter
        of a second (libcontainer/cgroups/fs/freezer.go).
        """
        poll(lambda: self._freezes(container), seconds, "every process of a container to freeze")

    def _freezes(self, container: str) -> bool:
        try:
            with translated("pause a container"):
                self._api.pause(container)
        except EngineError as error:
            if UNFROZEN not in error.what:
                raise
            return False
        return True

    def unpause(self, container: str) -> None:
        """Let a paused container go on."""
        with translated("unpause a container"):
            self._api.unpause(container)

    def disconnect(self, network: str, container: str) -> None:
        """Take a running container off a network; its interface is gone."""
        with translated("disconnect a container from its network"):
            self._api.disconnect_container_from_network(container, network)

    def connect(self, network: str, container: str, address: str, aliases: Sequence[str]) -> None:
        """Put a running container on a network, with the address and the names that it is to have there."""
        with translated("connect a container to its network"):
            self._api.connect_container_to_network(container, network, ipv4_address=address, aliases=list(aliases))

    def networks_of(self, container: str) -> set[str]:
        """Return the ids of the networks that a container is on."""
        joined = self._inspect(container)["NetworkSettings"]["Networks"]
        return {endpoint["NetworkID"] for endpoint in joined.values()}

    def remove(self, container: str, seconds: float = 10) -> None:
        """Remove a container by force and wait until it is gone; one that is already going is no error."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with translated("remove a container"):
                    self._api.remove_container(container, force=True, v=True)
            except NotThere:
                return
            except Taken:  # its removal is already in progress
                if time.monotonic() > deadline:
                    raise DeadlineExceeded("a container to be removed", seconds) from None
                time.sleep(0.02)
            else:
                return

    def put(self, container: str, files: Mapping[str, str]) -> None:
        """Put text files, by their absolute paths, into a container."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, text in files.items():
                member = tarfile.TarInfo(path.lstrip("/"))
                member.size = len(text.encode())
                member.mode = 0o444
                tar.addfile(member, io.BytesIO(text.encode()))
        with translated("put files into a container"):
            self._api.put_archive(container, "/", archive.getvalue())

    def execute(
        self, container: str, argv: Sequence[str], environment: Mapping[str, str] | None = None, *, seconds: float = 30
    ) -> Ran:
        """Run a program inside a running container, as its user, and keep the first MOST_OUTPUT bytes of each stream.

        After `seconds` nobody waits for it any more, and its exit code is None. The engine cannot end it; it ends with
        the container.
        """
        began = time.monotonic()
        printed = {STDOUT: bytearray(), STDERR: bytearray()}
        attached: list[Any] = []

        def run() -> int:
            with translated(f"run {argv[0]} in a container"):
                made = self._api.exec_create(container, list(argv), environment=dict(environment or {}))["Id"]
                attached.append(self._api.exec_start(made, socket=True))
                try:
                    for number, output in frames(plain_socket(attached[0])):
                        kept = printed[STDERR if number == STDERR else STDOUT]
                        kept += output[: MOST_OUTPUT - len(kept)]
                finally:
                    release(attached[0])
                return int(self._api.exec_inspect(made)["ExitCode"])

        running = aside("execute", run)
        try:
            code = running.result(seconds)
        except TimeoutError:
            for one in attached:
                with suppress(OSError):  # what it still prints is nobody's business
                    plain_socket(one).shutdown(SHUT_RDWR)
            return Ran(None, "", "", time.monotonic() - began)
        stdout, stderr = (bytes(output).decode(errors="replace") for output in printed.values())
        return Ran(code, stdout, stderr, time.monotonic() - began)

    def health(self, container: str) -> str:
        """Return what the container's health check says: starting, healthy, unhealthy, or "" without one."""
        return str(self._inspect(container)["State"].get("Health", {}).get("Status", ""))

    def status(self, container: str) -> str:
        """Return what the engine calls the container's state, such as running, paused or exited."""
        return str(self._inspect(container)["State"]["Status"])

    def state(self, container: str) -> Mapping[str, Any]:
        """Return everything that the engine says of the container's state, as `docker inspect` has it."""
        return dict(self._inspect(container)["State"])

    def published(self, container: str) -> list[str]:
        """Return where its ports are published, as `docker port` lists them: `80/tcp -> 127.0.0.1:8080`."""
        ports = self._inspect(container)["NetworkSettings"]["Ports"] or {}
        return [
            f"{port} -> {there['HostIp']}:{there['HostPort']}"
            for port in sorted(ports)
            for there in sorted(ports[port] or (), key=lambda one: (one["HostIp"], one["HostPort"]))
        ]

    def _inspect(self, container: str) -> Mapping[str, Any]:
        with translated("look at a container"):
            seen: Mapping[str, Any] = self._api.inspect_container(container)
        return seen

    def labelled(self, label: str) -> list[Mapping[str, Any]]:
        """Return all containers, running or not, with a label (`key` or `key=value`)."""
        with translated("list containers"):
            found: list[Mapping[str, Any]] = self._api.containers(all=True, filters={"label": [label]})
        return found

    def labelled_networks(self, label: str) -> list[Mapping[str, Any]]:
        """Return all networks with a label."""
        with translated("list networks"):
            found: list[Mapping[str, Any]] = self._api.networks(filters={"label": [label]})
        return found
