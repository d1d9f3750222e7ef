"""TCP sockets, as the kernel itself tells of them by inet_diag (sock_diag(7)): asked inside a host, read here.

pyroute2 writes the questions and reads the answers; an agent only carries them, in base64, to its kernel and back.
"""

from __future__ import annotations

import base64
import functools
import socket
from collections import Counter
from collections.abc import Iterable
from typing import Any

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


@functools.cache
def questions(states: int = EVERY_STATE) -> tuple[str, ...]:
    """Return the messages that ask a kernel for its TCP sockets in these states, of IPv4 and of IPv6."""
    asked = (_question(family, states) for family in (socket.AF_INET, socket.AF_INET6))
    return tuple(base64.b64encode(one).decode() for one in asked)


def _question(family: int, states: int) -> bytes:
    from pyroute2.netlink import NLM_F_MATCH, NLM_F_REQUEST, NLM_F_ROOT
    from pyroute2.netlink.diag import SOCK_DIAG_BY_FAMILY, inet_diag_req

    message = inet_diag_req()
    message["sdiag_family"] = family
    message["sdiag_protocol"] = socket.IPPROTO_TCP
    message["idiag_states"] = states
    message["header"]["type"] = SOCK_DIAG_BY_FAMILY
    message["header"]["flags"] = NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
    message.encode()
    return bytes(message.data)


def read(answers: Iterable[str]) -> tuple[tuple[Listening, ...], dict[str, int]]:
    """Return the listeners, and how many of the other sockets are in which state."""
    listeners: list[Listening] = []
    others: Counter[str] = Counter()
    for one in _messages(answers):
        if STATES.get(one["idiag_state"]) == "LISTEN":
            # for a listener wqueue is its backlog, and rqueue what waits to be accepted: net/ipv4/tcp_diag.c
            listeners.append(Listening(one["idiag_src"], one["idiag_sport"], one["idiag_wqueue"], one["idiag_rqueue"]))
        else:
            others[STATES.get(one["idiag_state"], "UNCONN")] += 1
    return tuple(sorted(listeners, key=lambda one: (one.port, one.address))), dict(sorted(others.items()))


def _messages(answers: Iterable[str]) -> Iterable[Any]:
    from pyroute2.netlink.diag import SOCK_DIAG_BY_FAMILY, MarshalDiag

    for answer in answers:
        yield from (
            one for one in MarshalDiag().parse(base64.b64decode(answer)) if one["header"]["type"] == SOCK_DIAG_BY_FAMILY
        )
