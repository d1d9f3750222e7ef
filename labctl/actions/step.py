"""What an action consists of: requests to programs in hosts, verbs of the engine, changes of the client's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labctl.actions.verbs import Verb, listed

DEVICE = "$(ls /sys/class/net | grep ^eth)"
"""In a line of the shell: a host's one interface; eth0, until it was taken off its network and put back."""
TOOL_SECONDS = 5.0  # for one call of a tool; those that lock wait for each other


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to a program of ours inside a host: the agent, or the clients."""

    host: str
    do: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    of: str = "agent"  # or "clients"
    exits: int | None = 0  # for `run`: the exit code that means it worked, None where any does

    def __str__(self) -> str:
        return f"the {self.of} of {self.host}: {self.do} {listed(self.arguments)}"


@dataclass(frozen=True, slots=True)
class Configure:
    """A change of the client's own settings, from then on."""

    changes: Mapping[str, Any]

    def __str__(self) -> str:
        return f"the client's settings: {listed(self.changes)}"


Step = Ask | Verb | Configure


def tool(host: str, *argv: str, exits: int | None = 0) -> Ask:
    """Return the request to run a command with a host's tools."""
    return Ask(host, "run", {"argv": list(argv), "timeout": TOOL_SECONDS}, exits=exits)


def shell(host: str, line: str) -> Ask:
    """Return the request to run a line of the shell with a host's tools; it must exit 0."""
    return tool(host, "sh", "-c", line)
