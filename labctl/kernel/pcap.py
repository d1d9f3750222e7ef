"""Capture files, read into packets: the frames that people speak of, whichever link they were seen on.

Nothing in a file is trusted: what cannot be read is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

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

MAGIC, COOKED, SNAP = 0xA1B23C4D, 276, 256  # nanoseconds (pcap-savefile(5)), LINKTYPE_LINUX_SLL2, bytes of a packet
FILE, RECORD = struct.Struct("<IHHiIII"), struct.Struct("<IIII")
LINK, IP4, IP6, ARP = struct.Struct("!H8xB9x"), 0x0800, 0x86DD, 0x0806  # protocol and direction, as in packet(7)
TO_US, FROM_US = 0, 4  # other directions are broadcasts, and what a bridge flooded to everybody
TCP_PROTOCOL, ICMP_PROTOCOL, ICMP6_PROTOCOL = 6, 1, 58
QUOTED, AT_FLAGS = struct.Struct("!HHI"), 13  # what an ICMP error quotes of a TCP header at least; where that has flags
QUOTING, QUOTING6 = (3, 4, 5, 11, 12), range(128)  # types that quote a packet: RFC 792; RFC 4443, 2.1
BIT_FIN, BIT_SYN, BIT_RST, BIT_PSH, BIT_ACK = 1, 2, 4, 8, 16
REMEMBERED = 4096  # packets, of at most SNAP bytes each
Flow = tuple[bytes, int, bytes, int]  # source and its port, target and its port


@dataclass(frozen=True, slots=True)
class Captured:
    """One host's capture: the bytes of its whole file so far."""

    host: str
    pcap: bytes


class Frame(NamedTuple):
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
        """Whether it is the first of a connection, or that once more."""
        return self.flags is not None and self.flags & (BIT_FIN | BIT_SYN | BIT_RST | BIT_ACK) == BIT_SYN


class Seen(NamedTuple):
    """One record of one host; times are nanoseconds since 1970."""

    at: int
    packet: Frame
    host: str
    leaving: bool


def header() -> bytes:
    """Return the header of such a file, 24 bytes (pcap-savefile(5))."""
    return FILE.pack(MAGIC, 2, 4, 0, 0, SNAP, COOKED)


def seen(captured: Captured, since: float) -> Iterator[Seen]:
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
            yield Seen(at, packet, captured.host, direction == FROM_US)


def _records(captured: Captured) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a file, with their times in nanoseconds; the last may be half written."""
    pcap = captured.pcap
    begins = FILE.unpack_from(pcap) if len(pcap) >= FILE.size else (0,)
    if (begins[0], begins[-1]) != (MAGIC, COOKED):
        first = pcap[: FILE.size].hex() or "nothing"
        raise ValueError(
            f"the capture of {captured.host!r} is not a pcap file of cooked packets: it begins with {first}"
        )
    at = FILE.size
    while at + RECORD.size <= len(pcap):
        seconds, nanoseconds, kept, _ = RECORD.unpack_from(pcap, at)
        at += RECORD.size + kept
        if at <= len(pcap):
            yield seconds * 10**9 + nanoseconds, pcap[at - kept : at]


@lru_cache(REMEMBERED)
def _read(protocol: int, raw: bytes) -> Frame | None:
    """Read a TCP packet, an ICMP error about one, or an ARP packet; None where it is another.

    What one host sent the next one saw, byte for byte, and is not read again.
    """
    import dpkt

    if protocol == ARP:
        arp = dpkt.arp.ARP(raw)
        kind = ARP_REQUEST if arp.op == dpkt.arp.ARP_OP_REQUEST else ARP_REPLY
        return Frame(kind, arp.spa, (arp.spa, 0, arp.tpa, 0))
    found = _datagram(protocol, raw)
    if found is None:
        return None
    ip, length, content = found
    if ip.p != TCP_PROTOCOL:
        return _error(protocol, ip, content)
    tcp = dpkt.tcp.TCP(content)
    payload, flow = length - 4 * tcp.off, (ip.src, tcp.sport, ip.dst, tcp.dport)
    return Frame(_kind(tcp.flags, payload), ip.src, flow, tcp.seq, tcp.flags, payload, tcp.ack, getattr(ip, "id", 0))


def _datagram(protocol: int, raw: bytes) -> tuple[Any, int, bytes] | None:
    """Read an IP packet of TCP or ICMP: its header, the length of what it carries, and as much of that as was kept."""
    import dpkt

    if protocol == IP6 and raw[6] in (TCP_PROTOCOL, ICMP6_PROTOCOL):
        six = dpkt.ip6.IP6(raw[:40])
        return six, six.plen, raw[40:]
    if protocol == IP4 and raw[9] in (TCP_PROTOCOL, ICMP_PROTOCOL):
        size = 4 * (raw[0] & 15)
        four = dpkt.ip.IP(raw[:size])
        return None if four.offset else (four, four.len - size, raw[size:])
    return None


def _error(protocol: int, ip: Any, content: bytes) -> Frame | None:
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
    return Frame(kind, ip.src, flow, seq, flags, ident=getattr(ip, "id", 0))


def _kind(flags: int, payload: int) -> str:
    if flags & BIT_RST:
        return RST
    if flags & BIT_SYN:
        return SYN_ACK if flags & BIT_ACK else SYN
    if flags & BIT_FIN:
        return FIN
    return DATA if payload or flags & BIT_PSH else ACK
