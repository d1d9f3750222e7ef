"""The containers that a host is made of: a stack's service, written as the engine takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labctl.clients import ONLY, REACH, WARM, plugin_files
from labctl.engine.labels import ROLE, SANDBOX
from labctl.engine.spec import ContainerSpec
from labctl.lab.place import Place
from labctl.language.fields import argv
from labctl.stack.service import Service
from labctl.system.places import OWN_IMAGE

TIME_TO_LIVE = 3600.0  # seconds after which a host ends itself, whatever became of labctl
CAPABILITIES = ("NET_ADMIN", "NET_RAW")
ROOTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID", "NET_BIND_SERVICE")
"""What other people's images keep of Docker's capabilities, where they run as root: enough to prepare their files, to
become another user and to take a port below 1024. Not KILL, NET_RAW, MKNOD, SETPCAP and the rest: capabilities(7)."""
CLIENTS_ROLE = "clients"
MACHINE = "host"  # the engine's name for the machine's own network
CLIENTS = Service(image=OWN_IMAGE, command=["clients"])
"""labctl's own clients, beside a service that is somebody's program."""


def sandbox(host: str, settings: Service, sysctls: Mapping[str, str], place: Place, image: str) -> ContainerSpec:
    """Return a host's sandbox: it owns the network and process namespaces, and runs the agent."""
    return ContainerSpec(
        name=place.name,
        image=image,
        command=["agent", f"{TIME_TO_LIVE:g}", f"{place.lingers:g}"],
        labels={**place.labels, ROLE: SANDBOX},
        user="0",
        hostname=host,
        network=place.networks[place.home].network,
        address=place.networks[place.home].address,
        aliases=place.aliases,
        capabilities=CAPABILITIES,
        sysctls=sysctls,
        ports=_published(settings, place),
        extra_hosts=settings.extra_hosts,
        writes=True,
    )


def _published(settings: Service, place: Place) -> dict[int, list[tuple[str, int]]]:
    """Return where the machine passes connections to each of a service's ports on."""
    there: dict[int, list[tuple[str, int]]] = {}
    on = () if place.machine is None else place.machine.addresses
    for port in settings.ports:
        addresses = on[:1] if port.host_ip else on
        there.setdefault(port.target, []).extend((address, port.published) for address in addresses)
    return there


def on_the_machine(name: str, settings: Service, place: Place, image: str) -> ContainerSpec:
    """Return labctl's own clients on the machine itself: in its network, and otherwise in namespaces of their own."""
    reach = place.machine.addresses if place.machine is not None else ()
    return ContainerSpec(
        name=name,
        image=image,
        command=argv(settings.command or []),
        labels={**place.labels, ROLE: "service"},
        environment={**_clients(place), REACH: ",".join(reach)},
        network=MACHINE,
        writes=True,
    )


def service(
    name: str, role: str, settings: Service, place: Place, sandbox: str, own_images: Mapping[str, str]
) -> ContainerSpec:
    """Return a container that runs a service in the namespaces of a sandbox, or on the machine itself.

    Clients beside somebody's program have processes of their own, which that program can neither see nor touch.
    """
    if settings.on_the_machine:
        return on_the_machine(name, settings, place, own_images[OWN_IMAGE])
    own = own_images.get(settings.image)
    return ContainerSpec(
        name=name,
        image=own or settings.image,
        command=argv(settings.command) if settings.command is not None else None,
        entrypoint=argv(settings.entrypoint) if settings.entrypoint is not None else None,
        labels={**place.labels, ROLE: role},
        environment=settings.environment | _clients(place) if settings.runs_clients else settings.environment,
        user=settings.user,
        joins=sandbox,
        apart=role == CLIENTS_ROLE,
        capabilities=() if own else ROOTS,
        ulimits={name: (limit.soft, limit.hard) for name, limit in settings.ulimits.items()},
        memory=settings.mem_limit,
        tmpfs=settings.tmpfs,
        volumes={path: place.volumes[volume] for path, volume in settings.volumes.items()},
        healthcheck=_health(settings),
        writes=settings.runs_clients,
    )


def files(role: str, settings: Service, place: Place) -> dict[str, str]:
    """Return what is put into a service's container: text, by path."""
    own = dict(place.files) if role == "service" else {}
    return own | plugin_files() if settings.runs_clients else own


def _clients(place: Place) -> dict[str, str]:
    return {WARM: place.warm, **({} if place.clients is None else {ONLY: ",".join(place.clients)})}


def _health(settings: Service) -> dict[str, Any] | None:
    check = settings.healthcheck
    if check is None:
        return None
    test = ["CMD-SHELL", check.test] if isinstance(check.test, str) else list(check.test)
    nanoseconds = 1_000_000_000
    return {
        "Test": test,
        "Interval": int(check.interval * nanoseconds),
        "Timeout": int(check.timeout * nanoseconds),
        "Retries": check.retries,
    }
