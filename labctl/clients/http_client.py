"""The standard library's http.client: one connection, one request, its time-out for each step."""

from __future__ import annotations

import http.client
import platform
from contextlib import closing

from labctl.clients import Target, _http
from labctl.clients.outcomes import Staged

SCHEMES = ("http",)


def version() -> str:
    """Return the version of the Python that has it."""
    return f"Python {platform.python_version()}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Get the target; a status that says error, which http.client leaves to the program, is an error."""
    with closing(http.client.HTTPConnection(target.host, target.port, timeout=timeout)) as connection:
        connection.request("GET", target.path)
        answer = connection.getresponse()
        answer.read()
        _http.demand(answer.status, answer.reason)
