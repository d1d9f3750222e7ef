"""The kinds of values that people write: durations, patterns, names, targets, commands."""

from __future__ import annotations

import errno
import ipaddress
import operator
import re
from collections.abc import Callable, Collection
from typing import Annotated, Any

import pydantic
import re2
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from labctl.clients import Target
from labctl.errors import meant, nearest

LAST_PORT = 65535
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
SHORTEST = 0.01  # seconds, where something is to happen meanwhile
LONGEST = 600.0  # seconds; no step of a scenario takes longer
LONGEST_PATTERN = 1_000  # characters; RE2 is linear in its text, but not in what it compiles
MOST_STEPS = 50  # actions, or diagnosis steps, in one list


class Written(pydantic.BaseModel):
    """What people write: frozen, and a key that is not known is a mistake."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


HOSTS, NETWORKS = "hosts", "networks"  # the keys, in a validation's context, under which the stack's are known


def one_of(kind: str, name: str, known: Collection[str]) -> str:
    """Return the name; raises ValueError with the nearest known ones where it is not among them."""
    if name in known:
        return name
    raise ValueError(f"there is no {kind} called {name!r}. {meant(name, known)}")


def known(kind: str, names: Collection[str]) -> AfterValidator:
    """Return what sees that a field is one of some names."""
    return AfterValidator(lambda name: one_of(kind, name, names))


def _in_stack(kind: str, key: str) -> AfterValidator:
    """Return what sees that the stack has something of this name, once the stack is known."""

    def check(name: str, info: pydantic.ValidationInfo) -> str:
        known = (info.context or {}).get(key)
        return name if known is None else one_of(kind, name, known)

    return AfterValidator(check)


def _seconds(value: Any) -> float:
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s|m)", str(value).strip(), re.ASCII)
    if not found:
        raise ValueError("is not a duration; write a number and ms, s or m, such as 300ms, 2s or 10m")
    seconds = float(found[1]) * UNITS[found[2]]
    if seconds > LONGEST:
        raise ValueError(f"is longer than {LONGEST / UNITS['m']:g}m, the longest that any step may take")
    return seconds


def _some_time(seconds: float) -> float:
    if seconds < SHORTEST:
        raise ValueError(f"is shorter than {duration(SHORTEST)}, too short for anything to happen")
    return seconds


def duration(seconds: float) -> str:
    """Write seconds as people do: 300ms, 2s."""
    return f"{seconds * 1000:g}ms" if 0 < seconds < 1 else f"{seconds:g}s"


def _pattern(value: str) -> str:
    if len(value) > LONGEST_PATTERN:
        raise ValueError(f"is longer than {LONGEST_PATTERN} characters, the most a pattern may have")
    try:
        _compiled(value)
    except re2.error as error:
        said = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"is not a pattern that RE2 understands: {said}") from error
    return value


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile("(?m)" + pattern, options)


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern is found anywhere in a text, line by line for ^ and $."""
    return _compiled(pattern).search(text) is not None


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
    "net.ipv6.conf.lo.disable_ipv6",
}


def _allowed(sysctls: dict[str, str]) -> dict[str, str]:
    for name, value in sysctls.items():
        if name not in SYSCTLS:
            near = nearest(name, SYSCTLS)
            hint = f"did you mean {near[0]}?" if near else f"these may: {', '.join(sorted(SYSCTLS))}"
            raise ValueError(f"the sysctl {name} may not be set here; {hint}")
        if not re.fullmatch(r"-?\d{1,19}( -?\d{1,19}){0,3}", value, re.ASCII):
            raise ValueError(f"the sysctl {name} takes a number, not {value!r}")
    return sysctls


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", value):
        raise ValueError("is not a name; use a letter, then letters, digits and hyphens, in lower case, 63 at most")
    return value


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,254}", value):
        raise ValueError("is not the name of an environment variable")
    return value


def address(value: str) -> str:
    """Return an IP address as it is usually written; raises ValueError for anything else.

    A scope (`fe80::1%eth0`) may hold any character there is, and names an interface that no other host has.
    """
    try:
        return str(ipaddress.ip_address(value if "%" not in value else ""))
    except ValueError:
        raise ValueError("is not an address; write one such as 198.19.0.1") from None


def _listener(value: str) -> str:
    host, _, port = value.rpartition(":")
    try:
        plain = address(host.strip("[]"))
    except ValueError:
        plain = ""
    if not plain or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 1 <= int(port) <= LAST_PORT:
        raise ValueError("is not an address and port; write one such as 0.0.0.0:8080")
    return f"{plain}:{int(port)}"


def _errno(value: str) -> str:
    if value not in errno.errorcode.values():
        near = nearest(value.upper(), errno.errorcode.values())
        hint = f"did you mean {' or '.join(near)}?" if near else "such as ECONNREFUSED, see errno(3)"
        raise ValueError(f"is not an errno; {hint}")
    return value


def _on_one_line(value: str) -> str:
    if "\n" in value:
        raise ValueError("is more than one line")
    return value


def _command(value: Any) -> Any:
    words = value if isinstance(value, list) else [value]
    if not words or not all(isinstance(word, str) for word in words):
        raise ValueError("a command is a line for the shell, or a list of its words")
    if not words[0].strip():
        raise ValueError("the command is empty")
    return value


AMOUNT = re.compile(r"(>=|<=|>|<|=|)\s*(\d{1,18})")
COMPARED: dict[str, Callable[[int, int], bool]] = {
    "": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def _amount(value: Any) -> Any:
    written = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(written, str) or not AMOUNT.fullmatch(written.strip()):
        raise ValueError("is not an amount; write a number, with >, >=, < or <= before it if needed, such as >0")
    if re.fullmatch(r"<\s*0+", written.strip()):
        raise ValueError("is an amount that no counter can have: counters do not decrease")
    return written.strip()


def amounts_to(number: int, amount: str) -> bool:
    """Tell whether a number is the amount that was written: 3, >0, <=10."""
    found = AMOUNT.fullmatch(amount)
    return found is not None and COMPARED[found[1]](number, int(found[2]))


Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    PlainSerializer(duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m)$", "examples": ["300ms", "2s"]}),
]
Time = Annotated[Duration, AfterValidator(_some_time)]  # in which something is to happen
Line = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_on_one_line)]  # of a report's own
Pattern = Annotated[str, AfterValidator(_pattern)]
Name = Annotated[str, AfterValidator(_name)]
Host = Annotated[str, _in_stack("host", HOSTS)]  # a service of the stack
Network = Annotated[str, _in_stack("network", NETWORKS)]  # of the stack
TargetURL = Annotated[str, AfterValidator(_target)]
Text = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
Sysctls = Annotated[dict[str, Text], AfterValidator(_allowed)]  # by their names, each of them a host's own
Environment = dict[Annotated[str, AfterValidator(_variable)], Text]
Listener = Annotated[str, AfterValidator(_listener)]  # address:port
Errno = Annotated[str, AfterValidator(_errno)]
Amount = Annotated[  # of things that are counted, see `amounts_to`
    str,
    BeforeValidator(_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^\s*(>=|<=|>|<|=|)\s*\d{1,18}\s*$"},
            ],
            "examples": [0, ">0", "<=10"],
        }
    ),
]
Descriptors = Annotated[int, Field(ge=3, le=1 << 20)]  # 0, 1 and 2 are always there; fs.nr_open, see proc(5)
ExitCode = Annotated[int, Field(ge=0, le=255)]
Command = Annotated[str | list[str], BeforeValidator(_command)]


def argv(command: Command) -> list[str]:
    """Return what is executed: a string is a line for the shell, a list is the arguments themselves."""
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


def typed(command: Command) -> str:
    """Return a command as a person would type it."""
    if isinstance(command, str):
        return command
    import shlex

    return shlex.join(command)
