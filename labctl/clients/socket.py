"""The standard library's socket: the system calls themselves, with no library between."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import IO, Any

from labctl.clients import Target, _engine, _http, _tls
from labctl.clients._python import python_version
from labctl.clients.outcomes import Staged

SCHEMES = ("http", "https", "tcp", "unix")


def version() -> str:
    """Return the version of the Python that has it."""
    return python_version()


def attempt(target: Target, timeout: float, stage: Staged) -> None:
    """Connect to the first address of the name, and to no other; for HTTP also ask and read the answer's first line."""
    stage.now = "resolve"
    family, address = _address(target)
    stage.now = "connect"
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(address)
        if target.scheme == "tcp":
            return
        with _secured(connection, target, stage) as secured:
            _ask(target, secured, stage)


def _address(target: Target) -> tuple[int, Any]:
    """Return the family and the address that connect(2) is given."""
    if target.scheme == "unix":
        return socket.AF_UNIX, target.host
    [(family, *_, address), *_] = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return family, address


def _secured(connection: socket.socket, target: Target, stage: Staged) -> socket.socket:
    """Return what is spoken over: the connection itself, or TLS on it."""
    if target.scheme != "https":
        return connection
    stage.now = "handshake"
    return _tls.context(target).wrap_socket(connection, server_hostname=target.host)


def _ask(target: Target, connection: socket.socket, stage: Staged) -> None:
    stage.now = "send"
    connection.sendall(_http.request(target))
    stage.now = "receive"
    with connection.makefile("rb") as answer:
        line = _http.answered(answer.readline(_http.LONGEST_LINE))
        body = answer.read().partition(b"\r\n\r\n")[2] if target.scheme == "unix" else b""
    stage.now = "protocol"
    _http.judge(line, _engine.said(target, body))


def attempt_twice(target: Target, timeout: float, stage: Staged, pause: Callable[[], None]) -> None:
    """Connect, then ask and read the answer twice."""
    with (
        socket.create_connection((target.host, target.port), timeout) as connection,
        _secured(connection, target, stage) as secured,
        secured.makefile("rb") as answer,
    ):
        _ask_on(secured, answer, target, stage)
        pause()
        _ask_on(secured, answer, target, stage)


def _ask_on(connection: socket.socket, answer: IO[bytes], target: Target, stage: Staged) -> None:
    """Ask, and read the whole answer, so that the connection can be used again."""
    stage.now = "send"
    connection.sendall(_http.request(target, keeps=True))
    stage.now = "receive"
    head = [_http.answered(answer.readline(_http.LONGEST_LINE))]
    while line := answer.readline(_http.LONGEST_LINE).strip():
        head.append(line.decode("latin-1"))
    answer.read(_http.length(head))
    stage.now = "protocol"
    _http.judge(head[0])
