"""Whether a result tells one story: what in it speaks against its verdict, its fingerprint, or its captures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from labctl import result as results
from labctl.errors import UsageError
from labctl.model import Connection, Phase, PhaseResult, Result, Verdict

PCAP = results.PCAP
MOST_CAPTURED = 32 << 20  # bytes of all captures: six hosts' of `labctl.witness.MOST_PACKETS`
MOST_TOLD = 200  # characters of how a connection went


def doctored(result: Result, members: Mapping[str, bytes]) -> Iterator[str]:
    """Yield what shows that somebody has changed the result, even with the sums of everything changed as well."""
    from labctl.fingerprint import fingerprint

    try:
        computed = fingerprint(result)
    except ValueError as error:
        yield f"{results.NAME}: tells what no run does: {error}"
    else:
        if result.fingerprint != computed:
            told = f"its fingerprint is {result.fingerprint}" if result.fingerprint else "has no fingerprint"
            yield f"{results.NAME}: {told}, and that of what it tells is {computed}"
    yield from _unproved(result)
    if any(map(_connections, result.phases)) and not any(name.endswith(PCAP) for name in members):
        yield f"{results.NAME}: tells of connections, and there is no capture that shows any"
    yield from contradictions(
        result,
        {name.removesuffix(PCAP): pcap for name, pcap in members.items() if name.endswith(PCAP)},
    )


def _unproved(result: Result) -> Iterator[str]:
    """Yield what speaks against the verdict of a result that is told to have passed."""
    if result.verdict is not Verdict.PASSED:
        return
    phases = [phase.phase for phase in result.phases]
    if phases != list(Phase)[: len(phases)] or not phases:
        yield f"{results.NAME}: passed, and tells of the phases {', '.join(phases) or 'none'}"
    elif len(phases) < len(Phase) and not result.reason.startswith("as claimed up to"):
        yield f"{results.NAME}: passed, and ended with the {phases[-1]} phase"
    for phase in result.phases:
        if not phase.observations:
            yield f"{results.NAME}: passed, and nothing was observed in the {phase.phase} phase"
            continue
        last = phase.observations[-1]
        found = [*last.findings, *(last.evidence.findings if last.evidence else ())]
        for one in found:
            if not one.held:
                told = f"in the {phase.phase} phase {one.about} {one.claim}, and {one.seen}"
                yield f"{results.NAME}: passed, although {told}"
        for step in phase.diagnoses:
            if step.judged and not step.held:
                yield f"{results.NAME}: passed, although `{step.command}` does not tell the {phase.phase} phase"


def contradictions(result: Result, pcaps: Mapping[str, bytes]) -> list[str]:
    """Return which connections of a result the captures, by their hosts, do not show as it tells them.

    Compared are the connections of each phase's last observation: the ports, the server, who sent which kinds of
    packets. What was captured before and after that observation may add to a connection at either end. ARP requests
    are left out: which connection they belong to depends on how far back one looks.
    """
    told = [(phase.phase, one) for phase in result.phases for one in _connections(phase)]
    clients = list(dict.fromkeys(one.client for _, one in told))
    if not pcaps or not clients:
        return []
    if len(clients) > 1:
        return [f"{results.NAME}: tells of connections of {clients[0]} and {clients[1]}, and a run has one client"]
    if sum(map(len, pcaps.values())) > MOST_CAPTURED:
        return [
            f"{clients[0]}{PCAP}: is with the other captures larger than {MOST_CAPTURED >> 20} MiB, and no run's are"
        ]
    try:
        captured = _captured(result, pcaps, clients[0])
    except UsageError as error:
        return [error.what]
    problems = []
    for phase, one in told:
        course, seen = _course(one), captured.get(_ends(one), ())
        if not course or not any(course in whole for whole in seen):
            there = "tells it otherwise" if seen else "knows of no such connection"
            what = f"tells that {phase} had{course[:MOST_TOLD] or ' nothing'} on {_ends(one)}"
            problems.append(f"{results.NAME}: {what}; {clients[0]}{PCAP} {there}")
    return problems


def _connections(phase: PhaseResult) -> tuple[Connection, ...]:
    evidence = phase.observations[-1].evidence if phase.observations else None
    return evidence.connections if evidence else ()


def _captured(result: Result, pcaps: Mapping[str, bytes], client: str) -> dict[str, list[str]]:
    """Return how the connections of the whole run went, by their ends; raises UsageError where that cannot be read."""
    from labctl.packets import Captured, connections

    captures = [Captured(host, pcap) for host, pcap in pcaps.items()]
    for one in captures:
        try:
            connections([one], {}, client, math.inf, math.inf)  # nothing is as late, so only the file's head is read
        except ValueError as error:
            raise UsageError(f"{one.host}{PCAP}: is no capture of labctl's") from error
    found: dict[str, list[str]] = {}
    try:
        for connection in connections(captures, result.names, client, 0, math.inf):
            found.setdefault(_ends(connection), []).append(_course(connection))
    except ValueError as error:
        raise UsageError(f"{results.NAME}: names an address that is none: {error}") from error
    return found


def _ends(one: Connection) -> str:
    return f"{one.client}:{one.client_port} to {one.server}:{one.port}"


def _course(one: Connection) -> str:
    """Write who sent what; each packet has a beginning and an end, so that a part of a course is found in the whole."""
    from labctl.packets import ARP_REQUEST

    return "".join(f" {packet.kind} by {packet.by}," for packet in one.packets if packet.kind != ARP_REQUEST)
