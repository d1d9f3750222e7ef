"""Captures of all hosts, put together into the connections that one of them opened.

What several hosts saw of one packet is put together: who sent it, and how far it came.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple

from labctl.kernel import pcap
from labctl.kernel.pcap import ACK, ARP_REQUEST, FIN, ICMP_KINDS, RST, SYN, SYN_ACK, Captured, Flow, Frame, Seen
from labctl.model import NOBODY, Connection, Packet

TELLING = frozenset({SYN, SYN_ACK, RST, *ICMP_KINDS})  # these always tell how an attempt went
HOST_ADDRESS = "address."  # what the name of a host's address begins with, see labctl.language.placeholders.address_of


class _Sent(NamedTuple):
    """One packet, as all hosts together saw it."""

    at: int
    packet: Frame
    reached: str


def owners(names: Mapping[str, str]) -> dict[str, str]:
    """Return whose each address is, by what placeholders stand for (Result.names): a host has one on each network."""
    return {address: name.split(".")[1] for name, address in names.items() if name.startswith(HOST_ADDRESS)}


def connections(
    captures: Sequence[Captured], names: Mapping[str, str], client: str, since: float, until: float
) -> tuple[Connection, ...]:
    """Return every TCP connection that a host opened, with all its packets, in order of time; none on loopback.

    Those count whose first packet was in [since, until), seconds since 1970. One may be nothing but what the client's
    own kernel said of it. `names` is Result.names. Raises ValueError where a file is no capture.
    """
    known = {ip_address(address).packed: host for address, host in owners(names).items()}
    blind = {address: host for address, host in known.items() if all(host != one.host for one in captures)}
    seen = (one for captured in captures for one in pcap.seen(captured, since))
    sent = _together(seen, blind)
    requests = [one._replace(reached=client) for one in sent if one.packet.kind == ARP_REQUEST]
    own = {address for address, host in known.items() if host == client}
    found = []
    for attempt in _attempts(sent, own):
        packets = sorted([*_in_vain(attempt, requests, sent), *attempt], key=lambda one: one.at)
        if packets[0].at < until * 1e9:
            found.append((packets[0].at, _connection(attempt[0].packet.flow, packets, known)))
    return tuple(connection for _, connection in sorted(found, key=lambda one: one[0]))


def shape(connection: Connection, also: Collection[str] = ()) -> tuple[tuple[str, str, str], ...]:
    """Return the kinds of packets that each host sent, in the order in which they first came: (by, kind, reached).

    They are those of TELLING and those named in `also`: a RST by the client itself, its way of giving up, and one by
    who has closed already, which answers what was on its way then, only there. It does not count how often a packet was
    sent; the one that came furthest does.
    """
    shaped: dict[tuple[str, str], str] = {}
    closed: set[str] = set()
    for packet in connection.packets:
        if packet.kind == FIN:
            closed.add(packet.by)
        given_up = packet.by == connection.client != connection.server
        tells_nothing = packet.kind == RST and (given_up or packet.by in closed)
        if packet.kind in also or (packet.kind in TELLING and not tells_nothing):
            reached = shaped.setdefault((packet.by, packet.kind), packet.reached)
            if _distance(connection, packet.by, packet.reached) > _distance(connection, packet.by, reached):
                shaped[packet.by, packet.kind] = packet.reached
    return tuple((by, kind, reached) for (by, kind), reached in shaped.items())


def _distance(connection: Connection, by: str, reached: str) -> int:
    """Return how far a packet came: nowhere, to somewhere in between, or to an end of the connection."""
    return 0 if reached == by else 2 if reached in (connection.client, connection.server) else 1


def _together(seen: Iterable[Seen], blind: Mapping[bytes, str]) -> list[_Sent]:
    """Put together what the hosts saw of each packet, the k-th of equal ones everywhere, in order of time.

    It reached the last host that it came to, or the one that it left; at one that is `blind` it counts as arrived.
    """
    times: Counter[tuple[Any, ...]] = Counter()
    copies: defaultdict[tuple[Frame, int], list[Seen]] = defaultdict(list)
    for one in seen:
        apart = (one.packet, one.host, one.leaving)  # from what the same host saw of it before
        copies[one.packet, times[apart]].append(one)
        times[apart] += 1
    sent = []
    for of_it in copies.values():
        last = max(of_it, key=lambda one: (not one.leaving, one.at))
        source, _, target, _ = last.packet.flow
        to = source if last.packet.kind in ICMP_KINDS else target  # an error goes to who sent what it quotes
        sent.append(_Sent(min(one.at for one in of_it), last.packet, blind.get(to, last.host)))
    return sorted(sent, key=lambda one: one.at)


def _attempts(sent: Sequence[_Sent], own: Collection[bytes]) -> list[list[_Sent]]:
    """Sort packets into the connections opened from some addresses; the same ports may be used again."""
    found: list[list[_Sent]] = []
    latest: dict[Flow, list[_Sent]] = {}
    for one in sent:
        flow = source, _, target, _ = one.packet.flow
        attempt = latest.get(flow) or latest.get(flow[2:] + flow[:2])
        if source in own and _begins(one.packet, attempt) and not ip_address(target).is_loopback:
            attempt = latest[flow] = []
            found.append(attempt)
        if attempt is not None:
            attempt.append(one)
    return found


def _begins(packet: Frame, latest: Sequence[_Sent] | None) -> bool:
    """Tell whether a packet, sent or quoted, is the first of a connection: a SYN that is no retransmission."""
    if latest is None:
        return packet.opens or (packet.flags is None and packet.kind in ICMP_KINDS)
    return packet.opens and packet.seq != latest[0].packet.seq


def _in_vain(attempt: Sequence[_Sent], requests: Iterable[_Sent], sent: Sequence[_Sent]) -> list[_Sent]:
    """Return the ARP requests for a connection's target, where nothing came from it.

    A packet that waits for the answer is not on the wire yet, so they begin before the connection does; what was asked
    before the kernel gave up on another packet was for that one.
    """
    source, _, target, _ = attempt[0].packet.flow
    first, last = attempt[0].at, attempt[-1].at
    asked = [one for one in requests if one.packet.flow == (source, 0, target, 0)]
    before = [one.at for one in asked if one.at <= first]
    if before:
        told = [one for one in sent if one.packet.source == source and one.packet.kind in ICMP_KINDS]
        first = max((one.at for one in told if one.packet.flow[2] == target and one.at < before[-1]), default=0)
    asked = [one for one in asked if first <= one.at <= last]
    answered = asked and any(asked[0].at <= one.at <= last for one in sent if one.packet.source == target)
    return [] if answered else asked


def _connection(flow: Flow, sent: Sequence[_Sent], owners: Mapping[bytes, str]) -> Connection:
    packets, before = [], set()
    for at, packet, reached in sent:
        same = _same(packet)
        by = owners.get(packet.source, NOBODY)
        packets.append(Packet((at - sent[0].at) / 1e9, by, packet.kind, same in before, reached))
        before.add(same)
    client, server = owners[flow[0]], owners.get(flow[2], NOBODY)
    return Connection(client, flow[1], server, flow[3], tuple(packets))


def _same(packet: Frame) -> tuple[Any, ...]:
    """Return what a packet has in common with one before of which it is a repetition."""
    if packet.kind in ICMP_KINDS or packet.kind == ARP_REQUEST:
        return packet[:2]
    return packet[:6] if packet.kind != ACK else packet[:7]  # one that acknowledges more is another
