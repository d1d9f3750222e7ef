"""From what a client's library raised, or its command printed, to what the try came to: one table.

The errno is looked for along the whole chain (`__cause__`, else `__context__`, and `.reason` and `.os_error`, where
libraries keep the cause), from the innermost exception outwards. A time-out made by the client's own timer has none.
"""

from __future__ import annotations

import errno as errnos
import http.client
import os
import socket
import ssl
import traceback
from collections.abc import Iterator
from typing import Any

BY_ERRNO = {
    errnos.ECONNREFUSED: "refused",
    errnos.ETIMEDOUT: "timed-out",
    errnos.EHOSTUNREACH: "unreachable",
    errnos.ENETUNREACH: "unreachable",
    errnos.ECONNRESET: "reset",
    errnos.EPIPE: "reset",
    errnos.ECONNABORTED: "reset",
    errnos.EACCES: "denied",
    errnos.EPERM: "denied",
    errnos.EADDRNOTAVAIL: "exhausted",
    errnos.EMFILE: "exhausted",
    errnos.ENFILE: "exhausted",
    errnos.ENOBUFS: "exhausted",
}
BY_TYPE: tuple[tuple[type[BaseException], str], ...] = (  # most specific first
    (socket.gaierror, "name-error"),
    (ssl.SSLError, "tls-error"),
    (http.client.RemoteDisconnected, "closed"),
    (http.client.IncompleteRead, "closed"),
    (EOFError, "closed"),
    (TimeoutError, "timed-out"),
    (http.client.HTTPException, "protocol-error"),
)
BY_TYPE_NAME = {  # libraries' own types, where nothing from the standard library is in the chain
    "ConnectTimeoutError": "timed-out",
    "ReadTimeoutError": "timed-out",
    "NameResolutionError": "name-error",
}
STAGES = {  # the type that tells how far the try came, outermost first
    "NameResolutionError": "resolve",
    "gaierror": "resolve",
    "ConnectTimeout": "connect",
    "ConnectTimeoutError": "connect",
    "NewConnectionError": "connect",
    "ReadTimeout": "receive",
    "ReadTimeoutError": "receive",
    "RemoteDisconnected": "receive",
    "HTTPError": "protocol",
}


class Staged:
    """Notes how far a try came: a client that knows says so by `stage.now = "send"` as it goes."""

    def __init__(self) -> None:
        self.now: str | None = None


def chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield the exception and what caused it, outermost first, each with the link that leads to it."""
    seen: set[int] = set()
    following: BaseException | None = error
    link = ""
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following, link
        following, link = _next(following)


def _next(error: BaseException) -> tuple[BaseException | None, str]:
    if error.__cause__ is not None:
        return error.__cause__, "cause"
    for link in ("reason", "os_error"):
        inner = getattr(error, link, None)
        if isinstance(inner, BaseException):
            return inner, link
    if error.__context__ is not None and not error.__suppress_context__:
        return error.__context__, "context"
    return None, ""


def judge(error: BaseException, stage: str | None) -> dict[str, Any]:
    """Return what a try that ended with this exception came to, as the fields of a `labctl.model.Try`."""
    links = list(chain(error))
    number = next((number for e, _ in reversed(links) if (number := _errno(e))), None)
    return {
        "outcome": _outcome([e for e, _ in links], number),
        "stage": stage or next((STAGES[type(e).__name__] for e, _ in links if type(e).__name__ in STAGES), None),
        "errno": errnos.errorcode.get(number) if number is not None else None,
        "errno_number": number,
        "chain": [{"type": type_name(e), "message": str(e), "link": link} for e, link in links],
        "says": traceback.format_exception_only(error)[-1].strip(),
        "details": "".join(traceback.format_exception(error)),
    }


def _errno(error: BaseException) -> int | None:
    """Return an OSError's number; what getaddrinfo and OpenSSL put there is none."""
    return error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror | ssl.SSLError) else None


def _outcome(errors: list[BaseException], number: int | None) -> str:
    for error in reversed(errors):
        for kind, outcome in BY_TYPE:
            if isinstance(error, kind) and not (kind is TimeoutError and number is not None):
                return outcome
    if number is not None:
        return BY_ERRNO.get(number, "protocol-error")
    return next((BY_TYPE_NAME[type(e).__name__] for e in errors if type(e).__name__ in BY_TYPE_NAME), "protocol-error")


def errno_in(text: str) -> int | None:
    """Return the errno whose wording (strerror(3)) a command printed last, or None; some contain another's wording."""
    wording = {number: os.strerror(number) for number in BY_ERRNO}
    printed = (number for number, words in wording.items() if words in text)
    return max(printed, key=lambda number: (text.rfind(wording[number]), len(wording[number])), default=None)


def type_name(error: BaseException) -> str:
    """Return the exception's type as a traceback names it."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
