"""The kinds of values that people write: durations, patterns, names, targets, commands."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any

import pydantic
import re2
from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints, WithJsonSchema

from labctl.clients import Target
from labctl.errors import nearest

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
LONGEST = 600.0  # seconds; no step of a scenario takes longer


class Written(pydantic.BaseModel):
    """What people write: frozen, and a key that is not known is a mistake."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


HOSTS = "hosts"  # the key, in a validation's context, under which the stack's hosts are known


def one_of(kind: str, name: str, known: Collection[str]) -> str:
    """Return the name; raises ValueError with the nearest known ones where it is not among them."""
    if name in known:
        return name
    near = nearest(name, known)
    meant = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(known)) or 'none'}."
    raise ValueError(f"there is no {kind} called {name!r}. {meant}")


def _host(name: str, info: pydantic.ValidationInfo) -> str:
    known = (info.context or {}).get(HOSTS)
    return name if known is None else one_of("host", name, known)


def _seconds(value: Any) -> float:
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s|m)", str(value).strip(), re.ASCII)
    if not found:
        raise ValueError("is no duration; write a number and ms, s or m, such as 300ms or 2s")
    seconds = float(found[1]) * UNITS[found[2]]
    if seconds > LONGEST:
        raise ValueError(f"is longer than {LONGEST:g} s, the longest that any step may take")
    return seconds


def duration(seconds: float) -> str:
    """Write seconds as people do: 300ms, 2s."""
    return f"{seconds * 1000:g}ms" if 0 < seconds < 1 else f"{seconds:g}s"


def _pattern(value: str) -> str:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(value, options)
    except re2.error as error:
        said = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"is no pattern that RE2 understands: {said}") from error
    return value


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found anywhere in a text, line by line for ^ and $."""
    return re2.search("(?m)" + pattern, text) is not None


def _target(value: str) -> str:
    Target.parse(value)
    return value


SYSCTLS = {  # what a host may be given; all of them live in the host's own network namespace
    "net.core.somaxconn",
    "net.ipv4.conf.all.send_redirects",
    "net.ipv4.conf.eth0.send_redirects",
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


def _allowed(sysctls: dict[str, str]) -> dict[str, str]:
    for name in sysctls:
        if name not in SYSCTLS:
            raise ValueError(f"the sysctl {name} may not be set here; these may: {', '.join(sorted(SYSCTLS))}")
    return sysctls


Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    PlainSerializer(duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m)$", "examples": ["300ms", "2s"]}),
]
Pattern = Annotated[str, AfterValidator(_pattern)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Host = Annotated[str, AfterValidator(_host)]  # a service of the stack
TargetURL = Annotated[str, AfterValidator(_target)]
Text = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value)]
Sysctls = Annotated[dict[str, Text], AfterValidator(_allowed)]  # by their names, each of them a host's own
Command = str | list[str]


def argv(command: Command) -> list[str]:
    """Return what is executed: a string is a line for the shell, a list is the arguments themselves."""
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


def typed(command: Command) -> str:
    """Return a command as a person would type it."""
    if isinstance(command, str):
        return command
    import shlex

    return shlex.join(command)
