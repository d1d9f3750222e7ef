"""Clients on the machine itself, kept to the addresses that they are to try, and as a user who owns nothing.

A server that they reach may be anybody's program, and answer with a redirect to what else listens on the machine.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Collection
from typing import Any

LATER = ("http.client", "resource", "ssl", "tenacity")  # what is otherwise loaded only when it is needed
ADDRESS_AT = {  # where each audit event tells of an address, or of a name: Python's audit event table
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.getnameinfo": 0,
}


def become(user: int, group: int) -> None:
    """Become another user, for good, once everything is loaded: files of this one's may be closed to that one."""
    for name in LATER:
        importlib.import_module(name)
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


def confine(addresses: Collection[str]) -> None:
    """Have this process and those that it forks reach these addresses only, and look up no name; for good.

    An address that is a folder stands for the Unix sockets in it.

    What goes elsewhere meets PermissionError before anything is sent (`sys.addaudithook`). It binds Python alone:
    clients that are commands are given one address, and follow no redirect.
    """

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        at = ADDRESS_AT.get(event)
        if at is None:
            return
        address = arguments[at]
        host = address[0] if isinstance(address, tuple) else address
        if not any(host == one or (one.startswith("/") and str(host).startswith(f"{one}/")) for one in addresses):
            raise PermissionError(errno.EPERM, f"labctl's clients on the machine itself do not reach {host}")

    sys.addaudithook(hear)
