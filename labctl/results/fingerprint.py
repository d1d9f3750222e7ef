"""A run's fingerprint: one line over everything that must be the same in every run of a scenario.

Times, also how long a client took compared with its timeout, counts, versions and the client's ports are left out;
`labctl.results.reproducible` replaces addresses and the like.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any

from labctl.kernel.packets import shape
from labctl.kernel.pcap import DATA, RST
from labctl.language.documents import quoted
from labctl.model import Connection, Evidence, Observation, PhaseResult, Result, Try
from labctl.results.record import contrast, recorded
from labctl.results.reproducible import text

MISSING = object()  # in place of a value that only one of two has


def fingerprint(result: Result) -> str:
    """Return the SHA-256 of what is reproducible of a run, as `sha256:` and 64 hexadecimal digits."""
    canonical = json.dumps(reproducible(result), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(canonical.encode(errors='backslashreplace')).hexdigest()}"


def reproducible(result: Result) -> dict[str, Any]:
    """Return what must be the same in every run of the scenario, as a value that is fit for JSON.

    Of each phase: what the clients saw last, in the two phases without the fault only what they came to; how the
    packets of the connections to each server went; what the diagnosis told; what was found in the evidence.
    """
    return {
        "scenario": result.scenario,
        "verdict": result.verdict.value,
        "phases": {phase.phase.value: _phase(phase, result) for phase in result.phases},
    }


def _phase(phase: PhaseResult, result: Result) -> dict[str, Any]:
    last = phase.observations[-1] if phase.observations else Observation(phase.ended, (), ())
    evidence = last.evidence or Evidence()
    found = {(one.about, text(one.claim, result.names), one.held) for one in evidence.findings}
    return {
        "clients": _clients(last.tries, phase, result),
        "packets": _packets(evidence.connections, broken=phase.phase.broken),
        "diagnoses": [[text(one.command, result.names), one.judged, one.held] for one in phase.diagnoses],
        "evidence": {"findings": [list(one) for one in sorted(found)], "flawed": bool(evidence.flaws)},
    }


def _clients(tries: Iterable[Try], phase: PhaseResult, result: Result) -> dict[str, Any]:
    """Return what each client saw; a list where its name stands twice, as in no run, so that no try goes unnoticed."""
    seen: dict[str, list[Any]] = {}
    for one in tries:
        seen.setdefault(one.client, []).append(_seen(one, phase, result))
    return {client: told[0] if len(told) == 1 else told for client, told in seen.items()}


def _seen(one: Try, phase: PhaseResult, result: Result) -> Any:
    if not phase.phase.broken:
        return one.outcome.value
    return recorded(one, result.names, result.timeout).model_dump(mode="json", exclude={"version", "time"})


def _packets(connections: Iterable[Connection], *, broken: bool) -> dict[str, list[list[list[str]]]]:
    """Return in which ways connections went, by the server's name and port: each way once, however many went it.

    Where all is well a reset tells only who was the first to close: a client that has what it wants, or the server. One
    by who has sent data may be such a close as well: a FIN becomes a RST where something of the other's has come that
    nobody has read yet (tcp_close in net/ipv4/tcp.c; RFC 1122, 4.2.2.13). What it did to the client, the client says.
    """
    ways: dict[str, set[tuple[tuple[str, str, str], ...]]] = {}
    for one in connections:
        spoken = {packet.by for packet in one.packets if packet.kind == DATA}
        way = tuple(step for step in shape(one) if step[1] != RST or (broken and step[0] not in spoken))
        ways.setdefault(f"{one.server}:{one.port}", set()).add(way)
    return {to: [[list(packet) for packet in way] for way in sorted(taken)] for to, taken in ways.items()}


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Return the first path at which two values of `reproducible` differ, and both values, in a line; "" where none."""
    path, here, there = _apart("", one, other)
    if not path:
        return ""
    if isinstance(here, str) and isinstance(there, str):
        here, there = contrast(here, there)
    return f"{path}: {_shown(here)} in the one, {_shown(there)} in the other"


def _apart(path: str, one: Any, other: Any) -> tuple[str, Any, Any]:
    """Return the first path below this one at which two values differ, and both values; "" where there is none."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        parts = [(key, one.get(key, MISSING), other.get(key, MISSING)) for key in {**one, **other}]
    elif isinstance(one, list) and isinstance(other, list):
        pairs = enumerate(zip_longest(one, other, fillvalue=MISSING))
        parts = [(str(number), here, there) for number, (here, there) in pairs]
    else:
        return ("", one, other) if one == other and type(one) is type(other) else (path, one, other)
    inner = (_apart(f"{path}.{key}" if path else key, here, there) for key, here, there in parts)
    return next((found for found in inner if found[0]), ("", one, other))


def _shown(value: Any) -> str:
    return "nothing" if value is MISSING else quoted(value)
