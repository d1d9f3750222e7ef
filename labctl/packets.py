"""Captures of all hosts, read into the connections that one of them opened.

What several hosts saw of one packet is put together: who sent it, and how far it came. Nothing in a file is trusted:
what cannot be read is left out.
"""

from __future__ import annotations

import struct
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, NamedTuple

from labctl.model import NOBODY, Connection, Packet

SYN, SYN_ACK, ACK, DATA, FIN, RST = "SYN", "SYN-ACK", "ACK", "data", "FIN", "RST"
ARP_REQUEST, ARP_REPLY, ICMP_OTHER = "ARP request", "ARP reply", "ICMP other"
ICMP = {  # by type and code: RFC 792, RFC 1812 5.2.7.1, include/uapi/linux/icmp.h; names as in iptables-extensions(8)
    (3, 0): "ICMP net-unreachable",
    (3, 1): "ICMP host-unreachable",
    (3, 2): "ICMP proto-unreachable",
    (3, 3): "ICMP port-unreachable",
    (3, 4): "ICMP fragmentation-needed",
    (3, 9): "ICMP net-prohibited",
    (3, 10): "ICMP host-prohibited",
    (3, 13): "ICMP admin-prohibited",
    (11, 0): "ICMP time-exceeded",
}
ICMP6 = {(1, 0): (3, 0), (1, 1): (3, 13), (1, 3): (3, 1), (1, 4): (3, 3), (2, 0): (3, 4), (3, 0): (11, 0)}  # RFC 4443
ICMP_KINDS = (*ICMP.values(), ICMP_OTHER)
KINDS = (SYN, SYN_ACK, ACK, DATA, FIN, RST, ARP_REQUEST, *ICMP_KINDS)
TELLING = frozenset({SYN, SYN_ACK, RST, *ICMP_KINDS})  # these always tell how an attempt went

HOST_ADDRESS = "address."  # what the name of a host's address begins with, see labctl.placeholders.address_of
MAGIC, COOKED, SNAP = 0xA1B23C4D, 276, 256  # nanoseconds (pcap-savefile(5)), LINKTYPE_LINUX_SLL2, bytes of a packet
FILE, RECORD = struct.Struct("<IHHiIII"), struct.Struct("<IIII")
LINK, IP4, IP6, ARP = struct.Struct("!H8xB9x"), 0x0800, 0x86DD, 0x0806  # protocol and direction, as in packet(7)
TO_US, FROM_US = 0, 4  # other directions are broadcasts, and what a bridge flooded to everybody
TCP_PROTOCOL, ICMP_PROTOCOL, ICMP6_PROTOCOL = 6, 1, 58
QUOTED, AT_FLAGS = struct.Struct("!HHI"), 13  # what an ICMP error quotes of a TCP header at least; where that has flags
QUOTING, QUOTING6 = (3, 4, 5, 11, 12), range(128)  # types that quote a packet: RFC 792; RFC 4443, 2.1
BIT_FIN, BIT_SYN, BIT_RST, BIT_PSH, BIT_ACK = 1, 2, 4, 8, 16
Flow = tuple[bytes, int, bytes, int]  # source and its port, target and its port


@dataclass(frozen=True, slots=True)
class Captured:
    """One host's capture: the bytes of its whole file so far."""

    host: str
    pcap: bytes


class _Packet(NamedTuple):
    """What is the same of a packet wherever it is seen. An ICMP error has flow, seq and flags of what it quotes."""

    kind: str
    source: bytes
    flow: Flow
    seq: int = 0
    flags: int | None = None  # None where they are not quoted
    payload: int = 0
    ack: int = 0
    ident: int = 0

    @property
    def opens(self) -> bool:
        return self.flags is not None and self.flags & (BIT_FIN | BIT_SYN | BIT_RST | BIT_ACK) == BIT_SYN


class _Seen(NamedTuple):
    """One record of one host; times are nanoseconds since 1970."""

    at: int
    packet: _Packet
    host: str
    leaving: bool


class _Sent(NamedTuple):
    """One packet, as all hosts together saw it."""

    at: int
    packet: _Packet
    reached: str


def header() -> bytes:
    """Return the header of such a file, 24 bytes (pcap-savefile(5))."""
    return FILE.pack(MAGIC, 2, 4, 0, 0, SNAP, COOKED)


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
    sent = _together((one for captured in captures for one in _seen(captured, since)), blind)
    requests, found = [one._replace(reached=client) for one in sent if one.packet.kind == ARP_REQUEST], []
    for attempt in _attempts(sent, {address for address, host in known.items() if host == client}):
        packets = sorted([*_in_vain(attempt, requests, sent), *attempt], key=lambda one: one.at)
        if packets[0].at < until * 1e9:
            found.append((packets[0].at, _connection(attempt[0].packet.flow, packets, known)))
    return tuple(connection for _, connection in sorted(found, key=lambda one: one[0]))


def shape(connection: Connection, also: Collection[str] = ()) -> tuple[tuple[str, str, str], ...]:
    """Return the kinds of packets that each host sent, in the order in which they first came: (by, kind, reached).

    They are those of TELLING and those named in `also`: a RST by the client itself, its way of giving up, and one after
    both have closed only there. It does not count how often a packet was sent; the one that came furthest does.
    """
    shaped, open_ends = dict[tuple[str, str], str](), {connection.client, connection.server}
    for packet in connection.packets:
        open_ends -= {packet.by} if packet.kind == FIN else set()
        tells_nothing = packet.kind == RST and (packet.by == connection.client != connection.server or not open_ends)
        if packet.kind in also or (packet.kind in TELLING and not tells_nothing):
            reached = shaped.setdefault((packet.by, packet.kind), packet.reached)
            if _distance(connection, packet.by, packet.reached) > _distance(connection, packet.by, reached):
                shaped[packet.by, packet.kind] = packet.reached
    return tuple((by, kind, reached) for (by, kind), reached in shaped.items())


def _distance(connection: Connection, by: str, reached: str) -> int:
    """Return how far a packet came: nowhere, to somewhere in between, or to an end of the connection."""
    return 0 if reached == by else 2 if reached in (connection.client, connection.server) else 1


def _together(seen: Iterable[_Seen], blind: Mapping[bytes, str]) -> list[_Sent]:
    """Put together what the hosts saw of each packet, the k-th of equal ones everywhere, in order of time.

    It reached the last host that it came to, or the one that it left; at one that is `blind` it counts as arrived.
    """
    times: Counter[tuple[Any, ...]] = Counter()
    copies: defaultdict[tuple[_Packet, int], list[_Seen]] = defaultdict(list)
    for one in seen:
        copies[one.packet, times[one[1:]]].append(one)
        times[one[1:]] += 1
    sent = []
    for of_it in copies.values():
        last = max(of_it, key=lambda one: (not one.leaving, one.at))
        to = last.packet.flow[::2][last.packet.kind not in ICMP_KINDS]
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


def _begins(packet: _Packet, latest: Sequence[_Sent] | None) -> bool:
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


def _same(packet: _Packet) -> tuple[Any, ...]:
    """Return what a packet has in common with one before of which it is a repetition."""
    if packet.kind in ICMP_KINDS or packet.kind == ARP_REQUEST:
        return packet[:2]
    return packet[:6] if packet.kind != ACK else packet[:7]  # one that acknowledges more is another


def _seen(captured: Captured, since: float) -> Iterator[_Seen]:
    """Yield what a host saw of TCP, ICMP errors and ARP since a moment, in the order of its file."""
    import dpkt

    for at, raw in _records(captured):
        if at < since * 1e9:
            continue
        try:
            protocol, direction = LINK.unpack_from(raw)
            packet = _read(protocol, raw[LINK.size : SNAP]) if direction in (TO_US, FROM_US) else None
        except (dpkt.dpkt.Error, struct.error, IndexError):  # cut or damaged
            continue
        if packet:
            yield _Seen(at, packet, captured.host, direction == FROM_US)


def _records(captured: Captured) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a file, with their times in nanoseconds; the last may be half written."""
    pcap = captured.pcap
    begins = FILE.unpack_from(pcap) if len(pcap) >= FILE.size else (0,)
    if (begins[0], begins[-1]) != (MAGIC, COOKED):
        first = pcap[: FILE.size].hex() or "nothing"
        raise ValueError(f"the capture of {captured.host!r} is no pcap file of cooked packets: it begins with {first}")
    at = FILE.size
    while at + RECORD.size <= len(pcap):
        seconds, nanoseconds, kept, _ = RECORD.unpack_from(pcap, at)
        at += RECORD.size + kept
        if at <= len(pcap):
            yield seconds * 10**9 + nanoseconds, pcap[at - kept : at]


def _read(protocol: int, raw: bytes) -> _Packet | None:
    """Read a TCP packet, an ICMP error about one, or an ARP packet; None where it is another."""
    import dpkt

    if protocol == ARP:
        arp = dpkt.arp.ARP(raw)
        kind = ARP_REQUEST if arp.op == dpkt.arp.ARP_OP_REQUEST else ARP_REPLY
        return _Packet(kind, arp.spa, (arp.spa, 0, arp.tpa, 0))
    if not (found := _datagram(protocol, raw)):
        return None
    ip, length, content = found
    if ip.p != TCP_PROTOCOL:
        return _error(protocol, ip, content)
    tcp = dpkt.tcp.TCP(content)
    payload, flow = length - 4 * tcp.off, (ip.src, tcp.sport, ip.dst, tcp.dport)
    return _Packet(_kind(tcp.flags, payload), ip.src, flow, tcp.seq, tcp.flags, payload, tcp.ack, getattr(ip, "id", 0))


def _datagram(protocol: int, raw: bytes) -> tuple[Any, int, bytes] | None:
    """Read an IP packet of TCP or ICMP: its header, the length of what it carries, and as much of that as was kept."""
    import dpkt

    if protocol == IP6 and raw[6] in (TCP_PROTOCOL, ICMP6_PROTOCOL):
        six = dpkt.ip6.IP6(raw[:40])
        return six, six.plen, raw[40:]
    if protocol == IP4 and raw[9] in (TCP_PROTOCOL, ICMP_PROTOCOL):
        four = dpkt.ip.IP(raw[: (size := 4 * (raw[0] & 15))])
        return None if four.offset else (four, four.len - size, raw[size:])
    return None


def _error(protocol: int, ip: Any, content: bytes) -> _Packet | None:
    """Read an ICMP error; None where it does not quote a TCP packet."""
    told, six = (content[0], content[1]), protocol == IP6
    quoted = _datagram(protocol, content[8:]) if content[0] in (QUOTING6 if six else QUOTING) else None
    if quoted is None or quoted[0].p != TCP_PROTOCOL:
        return None
    of, _, begins = quoted
    source_port, target_port, seq = QUOTED.unpack_from(begins)
    flags = begins[AT_FLAGS] if len(begins) > AT_FLAGS else None
    flow = (of.src, source_port, of.dst, target_port)
    kind = ICMP.get(ICMP6.get(told, (0, 0)) if six else told, ICMP_OTHER)
    return _Packet(kind, ip.src, flow, seq, flags, ident=getattr(ip, "id", 0))


def _kind(flags: int, payload: int) -> str:
    if flags & BIT_RST:
        return RST
    if flags & BIT_SYN:
        return SYN_ACK if flags & BIT_ACK else SYN
    if flags & BIT_FIN:
        return FIN
    return DATA if payload or flags & BIT_PSH else ACK
