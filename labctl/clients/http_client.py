"""The standard library's http.client: one connection, one request, its time-out for each step."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from contextlib import closing

from labctl.clients import Target, _engine, _http, _tls
from labctl.clients._python import python_version
from labctl.clients.outcomes import Staged

SCHEMES = ("http", "https", "unix")


def version() -> str:
    """Return the version of the Python that has it."""
    return python_version()


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Get the target; a status that says error, which http.client leaves to the program, is an error."""
    with closing(_connection(target, timeout)) as connection:
        _get(connection, target)


def attempt_twice(target: Target, timeout: float, _: Staged, pause: Callable[[], None]) -> None:
    """Get the target twice over one connection."""
    with closing(_connection(target, timeout)) as connection:
        _get(connection, target)
        pause()
        _get(connection, target)


def _connection(target: Target, timeout: float) -> http.client.HTTPConnection:
    if target.scheme == "unix":
        return AtSocket(target, timeout)
    if target.scheme == "http":
        return http.client.HTTPConnection(target.host, target.port, timeout=timeout)
    return http.client.HTTPSConnection(target.host, target.port, timeout=timeout, context=_tls.context(target))


class AtSocket(http.client.HTTPConnection):
    """A connection to a Unix socket, as programs derive one: the library has none."""

    def __init__(self, target: Target, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = target.host

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _get(connection: http.client.HTTPConnection, target: Target) -> None:
    connection.request("GET", _engine.path(target))
    answer = connection.getresponse()
    body = answer.read()
    _http.demand(answer.status, answer.reason, _engine.said(target, body))
