"""Whether a result tells one story: what in it speaks against its verdict, its fingerprint, or its captures."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from labctl.errors import UsageError
from labctl.model import Connection, Packet, Phase, PhaseResult, Result, Verdict
from labctl.results import result as results

PCAP = results.PCAP
JOURNAL = "journal.jsonl"
NOTED = re.compile(rb'^\{"at": [^,]+, "kind": "note", "text": "verdict: ([a-z]+)"', re.MULTILINE)  # by `labctl.run`
LOGS = "logs/"
MOST_CAPTURED = 32 << 20  # bytes of all captures: six hosts' of `labctl.lab.witness.MOST_PACKETS`
MOST_TOLD = 200  # characters of how a connection went
MOST_PARTS = 20  # of a connection that are compared with what is told of it


def doctored(result: Result, members: Mapping[str, bytes]) -> Iterator[str]:
    """Yield what shows that somebody has changed the result, even with the sums of everything changed as well."""
    from labctl.results.fingerprint import fingerprint

    try:
        computed = fingerprint(result)
    except ValueError as error:
        yield f"{results.NAME}: reports what no run does: {error}"
    else:
        if result.fingerprint != computed:
            told = f"its fingerprint is {result.fingerprint}" if result.fingerprint else "has no fingerprint"
            yield f"{results.NAME}: {told}, and that of what it tells is {computed}"
    yield from _unproved(result)
    if JOURNAL in members:
        yield from _noted(result, members[JOURNAL])
    if results.COUNTERS in members and not _counted(result, members[results.COUNTERS]):
        yield f"{results.COUNTERS}: is not what {results.NAME} has of the counters"
    yield from _logs(result, members)
    if any(map(_connections, result.phases)) and not any(name.endswith(PCAP) for name in members):
        yield f"{results.NAME}: reports connections, but there are no captures"
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
        yield f"{results.NAME}: passed, but reports the phases {', '.join(phases) or 'none'}"
    elif len(phases) < len(Phase) and not result.reason.startswith("as claimed up to"):
        yield f"{results.NAME}: passed, and ended with the {phases[-1]} phase"
    for phase in result.phases:
        if not phase.observations:
            yield f"{results.NAME}: passed, but observed nothing in the {phase.phase} phase"
            continue
        last = phase.observations[-1]
        found = [*last.findings, *(last.evidence.findings if last.evidence else ())]
        for one in found:
            if not one.held:
                told = f"in the {phase.phase} phase {one.about} {one.seen}, expected {one.claim}"
                yield f"{results.NAME}: passed, although {told}"
        for step in phase.diagnoses:
            if step.judged and not step.held:
                yield f"{results.NAME}: passed, although `{step.command}` does not tell the {phase.phase} phase"


def _noted(result: Result, journal: bytes) -> Iterator[str]:
    """Yield it where the journal, which was written while the run went on, knows of another verdict."""
    noted = NOTED.findall(journal)
    if not noted:
        yield f"{JOURNAL}: reports no verdict"
    elif noted[-1].decode() != result.verdict.value:
        yield f"{JOURNAL}: ends with {noted[-1].decode()}, and {results.NAME} with {result.verdict}"


def _counted(result: Result, told: bytes) -> bool:
    try:
        return bool(json.loads(told) == results.counters(result))
    except (ValueError, RecursionError):
        return False


def _logs(result: Result, members: Mapping[str, bytes]) -> Iterator[str]:
    """Yield which logs are not what the result has of them."""
    told = {
        f"{LOGS}{service}-{number}.log": output.log
        for service, outputs in result.services.items()
        for number, output in enumerate(outputs, 1)
    }
    for name, content in members.items():
        if name in told and content != told[name].encode(errors="backslashreplace"):
            yield f"{name}: is not what {results.NAME} has of it"
        elif name.startswith(LOGS) and name not in told:
            yield f"{name}: belongs to no container in {results.NAME}"


def contradictions(result: Result, pcaps: Mapping[str, bytes]) -> list[str]:
    """Return which connections of a result the captures, by their hosts, do not show as it tells them.

    Compared are the connections of each phase's last observation: the ports, the server, who sent which kinds of
    packets, and that they came as far as is told, where the capture of that host is there. What was captured before and
    after that observation may add to a connection at either end. ARP requests are left out: which connection they
    belong to depends on how far back one looks.
    """
    told = [(phase.phase, one) for phase in result.phases for one in _connections(phase)]
    clients = list(dict.fromkeys(one.client for _, one in told))
    if not pcaps or not clients:
        return []
    if len(clients) > 1:
        return [f"{results.NAME}: tells of connections of {clients[0]} and {clients[1]}, but a run has one client"]
    if sum(map(len, pcaps.values())) > MOST_CAPTURED:
        return [
            f"{clients[0]}{PCAP}: is with the other captures larger than {MOST_CAPTURED >> 20} MiB, and no run's are"
        ]
    try:
        captured = _captured(result, pcaps, clients[0])
    except UsageError as error:
        return [error.what]
    return [
        f"{results.NAME}: tells that {phase} had{_course(one)[:MOST_TOLD] or ' nothing'} on {_ends(one)}; {apart}"
        for phase, one in told
        if (apart := _apart(one, captured.get(_ends(one), ()), pcaps))
    ]


def _apart(told: Connection, captured: Sequence[Connection], hosts: Collection[str]) -> str:
    """Return what the captures have instead of what is told of a connection, or nothing."""
    packets = _packets(told)
    parts = [part for one in captured for part in _parts(_packets(one), packets)]
    if not packets or not parts:
        return f"{told.client}{PCAP} {'tells it otherwise' if captured else 'knows of no such connection'}"
    lost = [
        [one for one, seen in zip(packets, part, strict=True) if one.reached in hosts and not _as_far(one, seen, told)]
        for part in parts
    ]
    if not all(lost):
        return ""
    first = min(lost, key=len)[0]
    return f"{first.reached}{PCAP} does not show the {first.kind} by {first.by}"


def _parts(whole: Sequence[Packet], told: Sequence[Packet]) -> Iterator[Sequence[Packet]]:
    """Yield the parts of a connection, the first MOST_PARTS of them, in which the same hosts sent the same kinds."""
    letters: dict[tuple[str, str], str] = {}

    def written(packets: Sequence[Packet]) -> str:
        return "".join(letters.setdefault((one.kind, one.by), chr(len(letters))) for one in packets)

    searched, part = written(whole), written(told)
    at = searched.find(part)
    for _ in range(MOST_PARTS):
        if at < 0:
            return
        yield whole[at : at + len(part)]
        at = searched.find(part, at + 1)


def _as_far(told: Packet, seen: Packet, of: Connection) -> bool:
    """Tell whether a packet was captured as far on its way as is told; what the whole run captured may be further."""
    if told.reached in (of.client, of.server, told.by):
        return told.reached in (seen.reached, told.by)
    return seen.reached != told.by


def _connections(phase: PhaseResult) -> tuple[Connection, ...]:
    evidence = phase.observations[-1].evidence if phase.observations else None
    return evidence.connections if evidence else ()


def _captured(result: Result, pcaps: Mapping[str, bytes], client: str) -> dict[str, list[Connection]]:
    """Return how the connections of the whole run went, by their ends; raises UsageError where that cannot be read."""
    from labctl.kernel.packets import connections
    from labctl.kernel.pcap import Captured

    captures = [Captured(host, pcap) for host, pcap in pcaps.items()]
    for one in captures:
        try:
            connections([one], {}, client, math.inf, math.inf)  # nothing is as late, so only the file's head is read
        except ValueError as error:
            raise UsageError(f"{one.host}{PCAP}: is not a capture of labctl") from error
    found: dict[str, list[Connection]] = {}
    try:
        for connection in connections(captures, result.names, client, 0, math.inf):
            found.setdefault(_ends(connection), []).append(connection)
    except ValueError as error:
        raise UsageError(f"{results.NAME}: names something that is not an address: {error}") from error
    return found


def _ends(one: Connection) -> str:
    return f"{one.client}:{one.client_port} to {one.server}:{one.port}"


def _course(one: Connection) -> str:
    """Write who sent what."""
    return "".join(f" {packet.kind} by {packet.by}," for packet in _packets(one))


def _packets(one: Connection) -> list[Packet]:
    from labctl.kernel.pcap import ARP_REQUEST

    return [packet for packet in one.packets if packet.kind != ARP_REQUEST]
