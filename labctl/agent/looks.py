"""What the kernel of this host knows at one moment: packets, counters, sockets. Read here, understood by labctl."""

from __future__ import annotations

import base64
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labctl.agent.capture import Capture

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

    def look(self, questions: Sequence[str], *, last: bool) -> dict[str, Any]:
        """Return the counters, the packets since the last look, and the answers to these questions of sock_diag(7).

        The last look ends the capture.
        """
        captured = None
        if self._capture is not None:
            captured = self._capture.take()
            captured["records"] = base64.b64encode(captured["records"]).decode()
            if last:
                self._capture.close()
        return {
            "at": time.time(),
            "counters": [_text(file) for file in COUNTERS],
            "captured": captured,
            "sockets": answers(questions),
        }


def answers(questions: Sequence[str]) -> list[str]:
    """Return what the kernel answers to questions of sock_diag(7): netlink messages, both ways in base64."""
    return [base64.b64encode(_answer(base64.b64decode(one))).decode() for one in questions]


def _text(path: str) -> str:
    with open(path) as file:
        return file.read()


def _answer(question: bytes) -> bytes:
    """Ask the kernel for sockets; return all its messages, raw."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as kernel:
        kernel.settimeout(SILENCE)
        kernel.send(question)
        answer = b""
        while True:
            part = kernel.recv(LARGEST_ANSWER)
            answer += part
            if {DONE, ERROR} & set(_kinds(part)):
                return answer


def _kinds(messages: bytes) -> Iterator[int]:
    """Yield the type of each of several messages; each begins at a multiple of four bytes."""
    at = 0
    while at + HEADER.size <= len(messages):
        length, kind, *_ = HEADER.unpack_from(messages, at)
        yield kind
        at += max(HEADER.size, (length + 3) & ~3)
