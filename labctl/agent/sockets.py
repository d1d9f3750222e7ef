"""What listens in this network namespace, from /proc/net/tcp and tcp6 (proc(5))."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import Any

LISTEN = "0A"  # TCP_LISTEN, include/net/tcp_states.h


def listeners() -> list[dict[str, Any]]:
    """Return every TCP listener as address, port, and connections that wait to be accepted."""
    found = []
    for table in ("tcp", "tcp6"):
        with suppress(FileNotFoundError), open(f"/proc/net/{table}") as lines:  # IPv6 may be off
            for line in list(lines)[1:]:
                fields = line.split()
                if fields[3] == LISTEN:
                    address, port = fields[1].split(":")
                    waiting = int(fields[4].split(":")[1], 16)
                    found.append({"address": _address(address), "port": int(port, 16), "waiting": waiting})
    return found


def _address(text: str) -> str:
    """Read the kernel's form: 32-bit words in the machine's byte order, in hexadecimal."""
    words = [int(text[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(text), 8)]
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, b"".join(words))
