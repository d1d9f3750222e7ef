"""What the engine is asked about a host: each verb a value that says on which kinds of host it can be done.

Each kind of host carries them out (`labctl.lab.host`).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar

from labctl.language.fields import Command, Written, duration
from labctl.stack.ports import Ports


class Kind(StrEnum):
    """What a host is made of."""

    POD = "a sandbox that owns the namespaces, and a service's container"
    PROCESS = "a process of labctl's own, without an engine"


@dataclass(frozen=True, slots=True)
class Call:
    """Something that is done to the service of one host, or a question about it, which is answered yes or no."""

    service: str
    hosts: ClassVar[frozenset[Kind]] = frozenset({Kind.POD})  # where it can be done
    moves: ClassVar[bool] = False  # whether the host may be on another network afterwards

    @classmethod
    def verb(cls) -> str:
        """Return its name in words."""
        return "".join(f" {one.lower()}" if one.isupper() else one for one in cls.__name__).strip()

    def __str__(self) -> str:
        arguments = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "service"}
        return f"the engine: {self.verb()} {self.service} {listed(arguments)}".rstrip()


def listed(arguments: Mapping[str, Any]) -> str:
    """Write arguments in a line, those that say nothing left out."""
    shown = {key: shlex.join(value) if key == "argv" else value for key, value in arguments.items()}
    said = {key: value for key, value in shown.items() if value not in (None, {}, [])}
    return ", ".join(f"{key.replace('_', ' ')} {plainly(value)}" for key, value in said.items())


def plainly(value: Any) -> str:
    """Write a value as YAML has it, times as durations; of what has a form of its own as a text, that."""
    match value:
        case bool() | None:
            return {True: "true", False: "false", None: "none"}[value]
        case float():
            return duration(value)
        case Written() if "__str__" not in type(value).__dict__:
            return plainly(value.model_dump(by_alias=True, exclude_none=True))
        case Mapping():
            return f"{{{', '.join(f'{name}: {plainly(one)}' for name, one in value.items())}}}"
        case tuple() | list():
            return " and ".join(map(plainly, value)) or "none"
        case _:
            return str(value)


ANYWHERE = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Start(Call):
    """Start a service that has ended, with the settings it had."""

    hosts = ANYWHERE


@dataclass(frozen=True, slots=True)
class Stop(Call):
    """SIGTERM, then SIGKILL after `grace` seconds."""

    grace: float
    hosts = ANYWHERE


@dataclass(frozen=True, slots=True)
class Kill(Call):
    """Send a signal to the service's main process."""

    signal: str
    hosts = ANYWHERE


@dataclass(frozen=True, slots=True)
class Recreate(Call):
    """Make the service anew with these settings merged onto the stack's; None leaves a setting as the stack has it."""

    environment: Mapping[str, str] = field(default_factory=dict)
    command: Command | None = None
    ports: Ports | None = None
    hosts = ANYWHERE


@dataclass(frozen=True, slots=True)
class Running(Call):
    """Whether the service runs."""

    hosts = ANYWHERE


@dataclass(frozen=True, slots=True)
class Ended(Call):
    """Whether the service has ended."""

    hosts = ANYWHERE


@dataclass(frozen=True, slots=True)
class Execute(Call):
    """Run a command in the service's container, as its user; it must exit 0 within `seconds`."""

    argv: list[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Pause(Call):
    """Freeze every process of the service."""


@dataclass(frozen=True, slots=True)
class Unpause(Call):
    """Let a paused service go on."""


@dataclass(frozen=True, slots=True)
class Paused(Call):
    """Whether the service is paused."""


@dataclass(frozen=True, slots=True)
class Unpaused(Call):
    """Whether the service runs and is not paused."""


@dataclass(frozen=True, slots=True)
class PowerOff(Call):
    """Take the host off the network, then end its service."""


@dataclass(frozen=True, slots=True)
class PowerOn(Call):
    """Put the host back on the network, and start its service."""


@dataclass(frozen=True, slots=True)
class Reboot(Call):
    """Make the host anew at the same address, with these sysctls merged onto the stack's."""

    sysctls: Mapping[str, str] = field(default_factory=dict)
    moves = True


@dataclass(frozen=True, slots=True)
class Disconnect(Call):
    """Take the host off the network that it is on."""

    moves = True


@dataclass(frozen=True, slots=True)
class Connect(Call):
    """Put the host on a network of the stack, its own where none is named, and off the one that it is on."""

    network: str | None = None
    moves = True


@dataclass(frozen=True, slots=True)
class Connected(Call):
    """Whether the host is on this network, its own where none is named, and on no other."""

    network: str | None = None


@dataclass(frozen=True, slots=True)
class Disconnected(Call):
    """Whether the host is on no network."""


Question = Running | Ended | Paused | Unpaused | Connected | Disconnected
"""These change nothing."""

Deed = Start | Stop | Kill | Recreate | Execute | Pause | Unpause | PowerOff | PowerOn | Reboot | Disconnect | Connect

Verb = Question | Deed
