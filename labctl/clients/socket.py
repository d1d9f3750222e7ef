"""The standard library's socket: the system calls themselves, with no library between."""

from __future__ import annotations

import http.client
import platform
import socket

from labctl.clients import Target
from labctl.clients.outcomes import Staged

SCHEMES = ("http", "tcp")
FIRST_ERROR = 400  # HTTP status codes from here on say that the request failed (RFC 9110, section 15)


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
        connection.sendall(f"GET {target.path} HTTP/1.0\r\nHost: {target.host}\r\n\r\n".encode())
        stage.now = "receive"
        with connection.makefile("rb") as answer:
            line = answer.readline(4096).decode("latin-1")
        if not line:
            raise EOFError("the server closed the connection without an answer")
        stage.now = "protocol"
        words = line.split(maxsplit=2)
        if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():  # noqa: PLR2004 - words
            raise http.client.BadStatusLine(line)
        if int(words[1]) >= FIRST_ERROR:
            raise http.client.HTTPException(line.strip())
