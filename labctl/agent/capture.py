"""Packets of this network namespace, on all its interfaces, as records of a pcap file (packet(7)).

They wait in the socket's own buffer until somebody asks for them, so that a capture costs nothing while packets pass;
what did not fit is counted by the kernel.
"""

from __future__ import annotations

import errno
import socket
import struct
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ALL_PROTOCOLS = 0x0003  # ETH_P_ALL, include/uapi/linux/if_ether.h
SOL_PACKET, STATISTICS = 263, 6  # include/linux/socket.h, include/uapi/linux/if_packet.h
TIMESTAMPNS = 35  # SO_TIMESTAMPNS, include/uapi/asm-generic/socket.h
RCVBUFFORCE = 33  # SO_RCVBUFFORCE, likewise: beyond net.core.rmem_max, for who has CAP_NET_ADMIN
OUTGOING = 4  # PACKET_OUTGOING, include/uapi/linux/if_packet.h
LOOPBACK = 772  # ARPHRD_LOOPBACK, include/uapi/linux/if_arp.h
IPV4, SHORTEST_IPV4 = 0x0800, 20  # bytes
COOKED = struct.Struct(">HHIHBB8s")  # LINKTYPE_LINUX_SLL2: protocol, -, interface, hardware, packet type, address
RECORD = struct.Struct("<IIII")  # seconds, nanoseconds, bytes captured, bytes there were
ROOM = socket.CMSG_SPACE(16)


class Capture:
    """One capture, from when it is made until it is closed or has reached one of its limits."""

    def __init__(self, *, packets: int, seconds: float, snap: int, buffer: int, interface: str | None) -> None:
        """Begin; raises OSError where this process may not (CAP_NET_RAW) or there is no such interface.

        It ends after so many packets or seconds, keeps `snap` bytes of each packet, and holds `buffer` bytes between
        two looks; without an interface it hears all.
        """
        self._left = packets
        self._until = time.monotonic() + seconds
        self._snap = snap - COOKED.size
        self._dropped = 0
        self._over = ""
        self._limits = f"{packets} packets, {seconds:g} s"
        self._numbers: dict[str, int] = {}
        hears = 0 if interface else socket.htons(ALL_PROTOCOLS)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, hears)
        self._socket.setsockopt(socket.SOL_SOCKET, TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, buffer)
        if interface:
            self._socket.bind((interface, ALL_PROTOCOLS))

    def take(self) -> dict[str, Any]:
        """Return the records since the last call, how many packets were lost so far, and why it is over, if it is."""
        records = []
        while not self._over:
            try:
                data, ancillary, _, source = self._socket.recvmsg(self._snap, ROOM)
            except BlockingIOError:
                break
            except OSError as error:  # a network that went down says so once, and the socket goes on
                if error.errno != errno.ENETDOWN:
                    self._end(f"{type(error).__name__}: {error}")
                continue
            if source[3] == LOOPBACK and source[2] == OUTGOING:
                continue  # it comes in again, as libpcap has it too
            records.append(self._record(data, ancillary, source))
            self._left -= 1
            if self._left <= 0 or time.monotonic() > self._until:
                self._end(f"it reached its limit ({self._limits})")
        if not self._over:
            _, dropped = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, STATISTICS, 8))
            self._dropped += dropped  # the kernel counts anew with each question
        return {"records": b"".join(records), "dropped": self._dropped, "over": self._over}

    def close(self) -> None:
        """End it."""
        self._end("it was closed")

    def _end(self, why: str) -> None:
        """End it for a reason; nobody waits until the socket is closed.

        The kernel first sees to it that no processor is in it (packet_release in net/packet/af_packet.c): 10 ms.
        """
        self._over = self._over or why
        threading.Thread(target=self._socket.close, daemon=True).start()

    def _record(self, data: bytes, ancillary: Any, source: Any) -> bytes:
        interface, protocol, direction, hardware, address = source
        now = divmod(time.time_ns(), 10**9)  # for what came before the clock was asked for
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2]) if ancillary else now
        cooked = COOKED.pack(protocol, 0, self._number(interface), hardware, direction, len(address), address[:8])
        there = len(data)
        if protocol == IPV4 and there >= SHORTEST_IPV4:
            there = max(there, int.from_bytes(data[2:4]))  # the packet's own length, RFC 791
        return RECORD.pack(seconds, nanoseconds, COOKED.size + len(data), COOKED.size + there) + cooked + data

    def _number(self, interface: str) -> int:
        if interface not in self._numbers:
            try:
                self._numbers[interface] = socket.if_nametoindex(interface)
            except OSError:  # it is gone already
                return 0
        return self._numbers[interface]
