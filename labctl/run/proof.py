"""Whether the evidence proves the cause that a scenario names: packets, counters, the fault's own rules.

Where the fault's own counters did not move, the fault was not in place, and the run is inconclusive. Where they moved
otherwise than the scenario expects, the scenario is wrong, and the run fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from labctl.kernel import counters
from labctl.kernel.packets import shape
from labctl.language.fields import amounts_to
from labctl.model import Connection, Evidence, Finding, Packet
from labctl.scenario.expect import Expect, ExpectedPacket

WIRE = "the wire"  # what a finding about packets is about


def expected(expect: Expect, client: str, server: str) -> tuple[Packet, ...] | None:
    """Return what every connection should show, or None where nothing is said of it.

    A packet goes to the other end, an ICMP error to the client, unless the scenario says where it got lost.
    """
    if expect.packets is None:
        return None

    def end(one: ExpectedPacket) -> str:
        onwards = one.by == client and not one.kind.startswith(("ICMP", "ARP"))
        return server if onwards else client

    return tuple(Packet(0.0, one.by, one.kind, one.again, one.reaches or end(one)) for one in expect.packets)


def unmoved(evidence: Evidence, expect: Expect) -> list[str]:
    """Return which counters should show that the fault is in place and do not, each as a part of a sentence."""
    parts = []
    taken = any(evidence.rules.values())
    if evidence.rules and not taken:
        parts.append(f"no packet met {' or '.join(f'`{rule}`' for rule in evidence.rules)}")
    parts += [
        f"{one.about} {one.seen}, expected {one.claim}"
        for one in _counters(evidence, expect)
        if not one.held and not _amount(evidence, one.about)
    ]
    if expect.packets and not evidence.connections and not taken:
        parts.append("no packet of the clients was captured")
    return parts


def judged(evidence: Evidence, expect: Expect, *, clients: int) -> Evidence:
    """Return the evidence of one observation with a finding for each expectation; `clients` is how many tried.

    Where `expect.clients` names some that see something else, their connections may show something else too.
    """
    server = evidence.connections[0].server if evidence.connections else "server"
    packets = expected(expect, evidence.client, server)
    findings = list(_counters(evidence, expect))
    if packets is not None:
        alike = clients - len(expect.clients) if expect.clients else len(evidence.connections)
        findings.append(_packets(evidence.connections, packets, alike))
    return replace(evidence, expected=packets, findings=tuple(findings))


def _counters(evidence: Evidence, expect: Expect) -> Iterator[Finding]:
    for name, amount in expect.counters.items():
        moved = _amount(evidence, name)
        yield Finding(name, f"a change of {amount}", amounts_to(moved, amount), f"changed by {moved}")


def _amount(evidence: Evidence, name: str) -> int:
    host, _, counter = name.partition(".")
    return counters.amount(counter, evidence.hosts[host].counters)


def _packets(connections: Sequence[Connection], packets: Sequence[Packet], alike: int) -> Finding:
    wrong = [one for one in connections if not _shows(one, packets)]
    again = {(one.by, one.kind) for one in packets if one.again}
    claim = f"on every connection: {_written(_steps(packets), again)}"
    if packets and not connections:
        return Finding(WIRE, claim, held=False, seen="showed no connection")
    if not wrong:
        return Finding(WIRE, claim, held=True, seen="showed it")
    seen = Counter(_written(_seen(one, packets), again & _repeated(one)) for one in wrong)
    [(most, times)] = seen.most_common(1)
    held = len(connections) - len(wrong) >= alike
    return Finding(WIRE, claim, held, f"showed on {times} of {len(connections)}: {most}")


Shape = Sequence[tuple[str, str, str]]  # who sends, what, as far as where


def _steps(packets: Sequence[Packet]) -> Shape:
    return [(one.by, one.kind, one.reached) for one in packets]


def _seen(connection: Connection, packets: Sequence[Packet]) -> Shape:
    return list(shape(connection, also={one.kind for one in packets}))


def _shows(connection: Connection, packets: Sequence[Packet]) -> bool:
    repeated = _repeated(connection)
    again = all((one.by, one.kind) in repeated for one in packets if one.again)
    return again and _seen(connection, packets) == _steps(packets)


def _repeated(connection: Connection) -> set[tuple[str, str]]:
    """Return what was sent more than once: who sent it, and its kind."""
    return {(one.by, one.kind) for one in connection.packets if one.again}


def _written(steps: Shape, again: Collection[tuple[str, str]] = ()) -> str:
    """Write packets as in a sentence: SYN by client as far as server and again, RST by server as far as client."""
    parts = (f"{kind} by {by} as far as {to}{' and again' * ((by, kind) in again)}" for by, kind, to in steps)
    return ", ".join(parts) or "nothing"
