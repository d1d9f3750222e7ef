"""Captures of hosts that never were: the bytes that labctl would have written, for tests of what is read from them."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import dpkt

from labctl.kernel.packets import connections
from labctl.kernel.pcap import Captured, header
from labctl.model import Connection

CLIENT, SERVER, ROUTER, ABSENT = "198.19.3.2", "198.19.3.3", "198.19.3.4", "198.19.3.14"
CLIENT6, SERVER6 = "fd00::2", "fd00::3"
NAMES = {
    "address.client": CLIENT,
    "address.server": SERVER,
    "address.router": ROUTER,
    "unassigned.address": ABSENT,
}
BEGAN = 1_700_000_000  # seconds since 1970; times of records are milliseconds after it
IN, BROADCAST, OTHERS, OUT = 0, 1, 3, 4  # packet(7)
F, S, R, P, A = 1, 2, 4, 8, 16  # TCP's flags
PORT_UNREACHABLE, HOST_UNREACHABLE, ADMIN_PROHIBITED = (3, 3), (3, 1), (3, 13)


def packed(address: str) -> bytes:
    """Return an address as a packet has it."""
    return ip_address(address).packed


def ip(source: str, target: str, protocol: int, content: Any, ident: int = 1, ttl: int = 64) -> bytes:
    """Return an IP packet of the addresses' version."""
    if ":" in source:
        inside = bytes(content)
        six = dpkt.ip6.IP6(src=packed(source), dst=packed(target), nxt=protocol, plen=len(inside), hlim=ttl)
        return bytes(six)[:40] + inside
    four = dpkt.ip.IP(src=packed(source), dst=packed(target), p=protocol, id=ident, ttl=ttl, data=content)
    return bytes(four)


def tcp(
    source: str, target: str, flags: int, seq: int = 1000, *, ports: tuple[int, int] = (40000, 8080), ack: int = 0,
    payload: bytes = b"", ident: int = 1, ttl: int = 64
) -> bytes:  # fmt: skip
    """Return a TCP packet."""
    segment = dpkt.tcp.TCP(sport=ports[0], dport=ports[1], flags=flags, seq=seq, ack=ack, data=payload)
    return ip(source, target, 6, segment, ident, ttl)


def error(source: str, target: str, told: tuple[int, int], about: bytes, ident: int = 9) -> bytes:
    """Return an ICMP error, by its type and code, and the packet that it quotes."""
    content = bytes([*told, 0, 0, 0, 0, 0, 0]) + about
    return ip(source, target, 58 if ":" in source else 1, content, ident)


def arp(source: str, target: str, op: int = dpkt.arp.ARP_OP_REQUEST) -> bytes:
    """Return an ARP packet: a request, or with `op` a reply."""
    return bytes(dpkt.arp.ARP(op=op, spa=packed(source), tpa=packed(target)))


def record(at: float, direction: int, packet: bytes) -> bytes:
    """Return one record of a file, at so many milliseconds."""
    protocol = {4: 0x0800, 6: 0x86DD}.get(packet[0] >> 4, 0x0806)
    cooked = struct.pack("!HHiHBB8s", protocol, 0, 2, 1, direction, 6, b"\x02\x42") + packet
    seconds, nanoseconds = divmod(BEGAN * 10**9 + round(at * 10**6), 10**9)
    return struct.pack("<IIII", seconds, nanoseconds, len(cooked[:256]), len(cooked)) + cooked[:256]


def pcap(*records: tuple[float, int, bytes]) -> bytes:
    """Return a file of some records: milliseconds, direction, packet."""
    return header() + b"".join(record(*one) for one in records)


class Wire:
    """Packets on their way from host to host, and what each host's capture has of them."""

    def __init__(self, *hosts: str) -> None:
        self._records: dict[str, list[tuple[float, int, bytes]]] = {host: [] for host in hosts}

    def send(self, at: float, packet: bytes, *way: str) -> None:
        """Let a packet go from its sender by way of others, 10 µs each; the last has it, and sends it no further."""
        for step, host in enumerate(way):
            if step:
                self.see(host, at + step / 100, IN, packet)
            if host != way[-1] or not step:
                self.see(host, at + step / 100 + (0.005 if step else 0), OUT, packet)

    def see(self, host: str, at: float, direction: int, packet: bytes) -> None:
        """Let one host see a packet."""
        self._records[host].append((at, direction, packet))

    def captures(self, hosts: Iterable[str] = ()) -> list[Captured]:
        """Return the captures of some hosts, or all."""
        return [Captured(host, pcap(*sorted(self._records[host]))) for host in hosts or self._records]


SYN = tcp(CLIENT, SERVER, S)
SYN_ACK = tcp(SERVER, CLIENT, S | A, 5000, ports=(8080, 40000), ack=1001, ident=0)
RST = tcp(SERVER, CLIENT, R | A, 0, ports=(8080, 40000), ack=1001, ident=0)
TO_ABSENT = tcp(CLIENT, ABSENT, S)
UNREACHABLE = error(CLIENT, CLIENT, HOST_UNREACHABLE, TO_ABSENT)


def from_client(*payload: int, ack: int = 5001, flags: int = A, ident: int = 7) -> bytes:
    """Return a packet of a connection that stands; `payload` is the sequence number, and how many bytes."""
    seq, length = payload or (1001, 0)
    return tcp(CLIENT, SERVER, flags, seq, ack=ack, payload=b"x" * length, ident=ident)


def from_server(*payload: int, ack: int = 1001, flags: int = A, ident: int = 8) -> bytes:
    """Return a packet of the other direction."""
    seq, length = payload or (5001, 0)
    return tcp(SERVER, CLIENT, flags, seq, ports=(8080, 40000), ack=ack, payload=b"y" * length, ident=ident)


def wire() -> Wire:
    """Return a network of three hosts."""
    return Wire("client", "router", "server")


def read(seen: Wire | list[Captured], since: float = 0, until: float = math.inf) -> tuple[Connection, ...]:
    """Read captures; times are milliseconds after they began."""
    captures = seen.captures() if isinstance(seen, Wire) else seen
    return connections(captures, NAMES, "client", BEGAN + since / 1000, BEGAN + until / 1000)


def only(seen: Wire) -> Connection:
    """Return the one connection that was seen."""
    [connection] = read(seen)
    return connection


def kinds(connection: Connection) -> list[str]:
    """Return the kinds of a connection's packets, and which came again."""
    return [packet.kind + " again" * packet.again for packet in connection.packets]
