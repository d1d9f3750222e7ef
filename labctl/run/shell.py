"""A person in a running lab: where one can be, what is worth typing there, and the shell itself."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from labctl.clients import UNIX, Target
from labctl.engine.connection import DEFAULT_SOCKET
from labctl.engine.terminal import interact
from labctl.errors import UsageError
from labctl.lab.lab import Lab
from labctl.lab.session import Session
from labctl.language.fields import Command, argv
from labctl.language.placeholders import FOLDER
from labctl.model import Phase
from labctl.run.observe import Observer
from labctl.standin.settings import SOCKET
from labctl.system.places import with_agent

Place = Literal["tools", "service"]
FIND_SHELL = "command -v bash || command -v sh"
SHORT_ID = 12  # characters by which Docker's own commands name a container
WEB = ("http", "https")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a person can be: with a host's tools, as root, or in the container of its service, as its user."""

    host: str
    place: Place
    container: str

    def __str__(self) -> str:
        return f"{self.host}, with its tools" if self.place == "tools" else f"{self.host}, in its service's container"


def spots(lab: Lab) -> Iterator[Spot]:
    """Yield all there are in a lab now; a service that has ended has none."""
    for name, host in lab.hosts.items():
        if name in lab.pods:
            yield Spot(name, "tools", host.place.name)
        if host.service and host.exit() is None:
            yield Spot(name, "service", host.service[:SHORT_ID])


def spot(lab: Lab, host: str, place: Place) -> Spot:
    """Return one of them; raises UsageError where the service does not run."""
    found = next((one for one in spots(lab) if (one.host, one.place) == (host, place)), None)
    if found is None:
        raise UsageError(
            f"the service of {host!r} is not running, so its container cannot be entered.",
            todo="Leave out `--with service`: the host's tools are there, in the same network and among its processes.",
        )
    return found


def ways_in(lab: Lab, session: Session, *, but: Spot | None = None) -> Iterator[str]:
    """Yield, line by line, how to get into a lab from another terminal; into one without an engine, how to ask it."""
    if FOLDER in lab.values:
        yield f"export DOCKER_HOST={UNIX}://{lab.values[FOLDER]}/{SOCKET}   # then `docker version`, or a program"
        return
    connection = session.connection
    # Docker's own command finds by itself what the user chose, and the default
    if not connection.candidate.chosen and connection.address != DEFAULT_SOCKET:
        yield f"export DOCKER_HOST={connection.address}"
    yield from (f"docker exec -it {one.container} sh   # {one}" for one in spots(lab) if one != but)


def tries(observer: Observer, here: Spot) -> Iterator[tuple[str, Place, Command]]:
    """Yield commands that do by hand what the client does, `here` if that can be: the host, the place, the command."""
    client = observer.scenario.client
    if observer.client.target is None:
        yield client.host, "service", client.run or ""
        return
    target = Target.parse(observer.client.target)
    seconds = str(math.ceil(client.timeout))
    # an image with labctl's programs has curl and nc, whoever it runs as
    ours = here.host == client.host and observer.lab.host(here.host).settings.image in with_agent()
    place = here.place if ours else "tools"
    if target.scheme == UNIX:
        yield client.host, place, ["curl", "-v", "--unix-socket", target.host, f"http://localhost{target.path}"]
        return
    if target.scheme in WEB:
        yield client.host, place, ["curl", "-v", "--max-time", seconds, target.url]
    yield client.host, place, ["nc", "-vz", "-w", seconds, target.host, str(target.port)]


def looks(observer: Observer) -> Iterator[tuple[str, Place, Command]]:
    """Yield the commands of the diagnosis, likewise."""
    for step in observer.scenario.diagnose:
        if step.run is not None:
            yield step.host or observer.scenario.client.host, step.place, observer.client.filled(step.run)


def from_outside(lab: Lab, host: str, place: Place, command: Command) -> str:
    """Return a command as it is typed in another terminal; a line that needs a shell is given to one."""
    words = argv(command)
    if isinstance(command, str):
        with suppress(ValueError):  # a quotation without an end
            plain = shlex.split(command)
            words = plain if shlex.join(plain) == command else words
    return f"docker exec {spot(lab, host, place).container} {shlex.join(words)}"


def enter(session: Session, here: Spot, phase: Phase) -> int | None:
    """Open a shell on this process's terminal, and return its exit code once it is left.

    None where it was ended from outside. Raises UsageError where there is no shell in the container, EngineError.
    """
    found = session.containers.execute(here.container, ["sh", "-c", FIND_SHELL])
    if found.exit_code != 0:
        raise UsageError(
            f"the image of {here.host!r} has no shell.",
            todo="Leave out `--with service`: the host's tools are there, in the same network and among its processes.",
        )
    shell = found.stdout.split()[0]
    environment = {
        "TERM": os.environ.get("TERM", "xterm"),
        "LANG": "C.UTF-8",
        "PS1": f"{here.host} ({phase}) {'#' if here.place == 'tools' else '$'} ",
    }
    command = [shell, "--norc"] if shell.endswith("bash") else [shell]  # its own settings would set another prompt
    return interact(session.connection, here.container, command, environment)
