"""The standard library's socket: the system calls themselves, with no library between."""

from __future__ import annotations

import platform
import socket

from labctl.clients import Target, _http
from labctl.clients.outcomes import Staged

SCHEMES = ("http", "tcp")


def version() -> str:
    """Return the version of the Python that has it."""
    return f"Python {platform.python_version()}"


def attempt(target: Target, timeout: float, stage: Staged) -> None:
    """Connect; for an HTTP target also ask and read the answer's first line."""
    stage.now = "resolve"
    [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
        target.host, target.port, socket.AF_INET, socket.SOCK_STREAM
    )
    stage.now = "connect"
    with socket.socket(family, kind, protocol) as connection:
        connection.settimeout(timeout)
        connection.connect(address)
        if target.scheme == "tcp":
            return
        stage.now = "send"
        connection.sendall(_http.request(target))
        stage.now = "receive"
        with connection.makefile("rb") as answer:
            line = _http.answered(answer.readline(_http.LONGEST_LINE))
        stage.now = "protocol"
        _http.judge(line)
