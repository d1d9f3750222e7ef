"""What the kernel of this host knows at one moment: packets, counters, sockets. Read here, understood by labctl."""

from __future__ import annotations

import socket
import struct
import time
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Mapping

from labctl.agent.capture import Capture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COUNTERS = ("/proc/net/netstat", "/proc/net/snmp")  # proc(5)
SOCK_DIAG = 4  # NETLINK_SOCK_DIAG, sock_diag(7)
LARGEST_ANSWER = 1 << 16  # bytes: what the kernel fills at once, netlink(7)
HEADER = struct.Struct("=IHHII")  # of a netlink message: its length, its type, …
DONE, ERROR = 3, 2  # NLMSG_DONE, NLMSG_ERROR
SILENCE = 2.0  # seconds for the kernel to answer


class Looks:
    """A capture that goes on, and looks at everything else."""

    def __init__(self) -> None:
        self._capture: Capture | None = None

    def begin(self, limits: Mapping[str, Any]) -> None:
        """Begin to capture; raises OSError where that is refused."""
        self._capture = Capture(**limits)

    def look(self, question: str | None, *, last: bool) -> dict[str, Any]:
        """Return the counters, the packets since the last look, and the answer to a question of sock_diag(7), if any.

        The last look ends the capture.
        """
        captured = None
        if self._capture is not None:
            captured = self._capture.take()
            captured["records"] = _in_base64(captured["records"])
            if last:
                self._capture.close()
        return {
            "at": time.time(),
            "ran": time.monotonic(),
            "counters": [_text(file) for file in COUNTERS],
            "captured": captured,
            "sockets": None if question is None else answer(question),
        }


def _text(path: str) -> str:
    with open(path) as file:
        return file.read()


def _in_base64(told: bytes) -> str:
    return b2a_base64(told, newline=False).decode()


def answer(question: str) -> str:
    """Return what the kernel answers to a question of sock_diag(7): netlink messages, both ways in base64."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as kernel:
        kernel.settimeout(SILENCE)
        kernel.send(a2b_base64(question))
        told = b""
        while True:
            part = kernel.recv(LARGEST_ANSWER)
            told += part
            if {DONE, ERROR} & set(_kinds(part)):
                return _in_base64(told)


def _kinds(messages: bytes) -> Iterator[int]:
    """Yield the type of each of several messages; each begins at a multiple of four bytes."""
    at = 0
    while at + HEADER.size <= len(messages):
        length, kind, *_ = HEADER.unpack_from(messages, at)
        yield kind
        at += max(HEADER.size, (length + 3) & ~3)
