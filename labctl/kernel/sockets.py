"""TCP sockets, as the kernel itself tells of them by inet_diag (sock_diag(7)): asked inside a host, read here.

An agent only carries questions and answers, in base64, to its kernel and back; pyroute2 reads the answers. The question
is the older of the two that there are, TCPDIAG_GETSOCK (include/uapi/linux/inet_diag.h): it alone asks for IPv4 and
IPv6 at once, and so lets the kernel walk its table once (net/ipv4/inet_diag.c, inet_diag_dump_compat).
"""

from __future__ import annotations

import base64
import struct
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from labctl.model import Listening

STATES = {  # include/net/tcp_states.h, named as ss(8) names them
    1: "ESTAB",
    2: "SYN-SENT",
    3: "SYN-RECV",
    4: "FIN-WAIT-1",
    5: "FIN-WAIT-2",
    6: "TIME-WAIT",
    7: "UNCONN",
    8: "CLOSE-WAIT",
    9: "LAST-ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN-RECV",  # TCP_NEW_SYN_RECV
}
EVERY_STATE = (1 << 13) - 1
LISTEN = 1 << 10
"""Listeners alone are told in a fraction of the time: of the others the kernel walks a table as large as its memory."""
HANDSHAKE = ("SYN-SENT", "SYN-RECV")
GETSOCK = 18  # TCPDIAG_GETSOCK
DUMP = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH, netlink(7)
HEADER = struct.Struct("=IHHII")  # of a netlink message: its length, its type, its flags, …
REQUEST = struct.Struct("=52xI4x")  # struct inet_diag_req: whatever family, address and port; these states


class Ends(NamedTuple):
    """The two ends of a connection, as one of the two kernels sees them."""

    address: str
    port: int
    peer: str
    peer_port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port} {self.peer}:{self.peer_port}"


def question(states: int = EVERY_STATE) -> str:
    """Return the message that asks a kernel for its TCP sockets in these states, of IPv4 and of IPv6."""
    length = HEADER.size + REQUEST.size
    return base64.b64encode(HEADER.pack(length, GETSOCK, DUMP, 1, 0) + REQUEST.pack(states)).decode()


def read(answer: str) -> tuple[tuple[Listening, ...], dict[str, int]]:
    """Return the listeners, and how many of the other sockets are in which state."""
    listeners: list[Listening] = []
    others: Counter[str] = Counter()
    for one in _messages(answer):
        if STATES.get(one["idiag_state"]) == "LISTEN":
            # for a listener wqueue is its backlog, and rqueue what waits to be accepted: net/ipv4/tcp_diag.c
            listeners.append(Listening(one["idiag_src"], one["idiag_sport"], one["idiag_wqueue"], one["idiag_rqueue"]))
        else:
            others[STATES.get(one["idiag_state"], "UNCONN")] += 1
    return tuple(sorted(listeners, key=lambda one: (one.port, one.address))), dict(sorted(others.items()))


def connections(answer: str) -> dict[Ends, str]:
    """Return the state of every socket that has another end, on this machine's loopback or not."""
    return {
        Ends(one["idiag_src"], one["idiag_sport"], one["idiag_dst"], one["idiag_dport"]): STATES[one["idiag_state"]]
        for one in _messages(answer)
        if one["idiag_dport"]
    }


def _messages(answer: str) -> Iterable[Any]:
    from pyroute2.netlink.diag import MarshalDiag

    return (one for one in MarshalDiag().parse(base64.b64decode(answer)) if one["header"]["type"] == GETSOCK)
