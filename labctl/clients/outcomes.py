"""From what a client's library raised, or its command printed, to what the try came to: one table.

A chain of exceptions (`__cause__`, else `.reason` and `.os_error`, where libraries keep the cause, else `__context__`,
else what an exception was made with) is read from the innermost outwards. The first that tells something decides: by
its errno, by its type or, how far it came, by the frames of its traceback. A client's own time-out has no errno.
"""

from __future__ import annotations

import errno as errnos
import os
import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any

BY_ERRNO = {
    errnos.ECONNREFUSED: "refused",
    errnos.ETIMEDOUT: "timed-out",
    errnos.EHOSTUNREACH: "unreachable",
    errnos.ENETUNREACH: "unreachable",
    errnos.EINVAL: "unreachable",  # by a blackhole route: net/ipv4/fib_semantics.c, fib_props
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
NO_SOCKET = errnos.ENOENT
"""What connect(2) gives where there is no Unix socket; a command that prints it may miss any file."""
OF_A_TRY = {**BY_ERRNO, NO_SOCKET: "unreachable"}
BY_TYPE: dict[str, tuple[str | None, str | None]] = {
    # a type as a traceback names it, its subclasses included: the outcome and the stage, null where it tells none
    "socket.gaierror": ("name-error", "resolve"),
    "ssl.SSLEOFError": ("closed", None),
    "ssl.SSLError": ("tls-error", None),
    "ConnectionResetError": ("closed", None),  # without an errno: by asyncio, which so tells an end in a handshake
    "TimeoutError": ("timed-out", None),
    "EOFError": ("closed", None),
    "http.client.RemoteDisconnected": ("closed", "receive"),
    "http.client.IncompleteRead": ("closed", "receive"),
    "http.client.BadStatusLine": ("protocol-error", "protocol"),
    "http.client.LineTooLong": ("protocol-error", "protocol"),
    "http.client.UnknownProtocol": ("protocol-error", "protocol"),
    "http.client.HTTPException": ("protocol-error", "protocol"),
    "urllib.error.HTTPError": ("protocol-error", "protocol"),
    "urllib3.exceptions.NameResolutionError": ("name-error", "resolve"),
    "urllib3.exceptions.NewConnectionError": (None, "connect"),
    "urllib3.exceptions.ConnectTimeoutError": ("timed-out", "connect"),
    "urllib3.exceptions.ReadTimeoutError": ("timed-out", "receive"),
    "urllib3.exceptions.ResponseError": ("protocol-error", "protocol"),
    "requests.exceptions.ConnectTimeout": ("timed-out", "connect"),
    "requests.exceptions.ReadTimeout": ("timed-out", "receive"),
    "requests.exceptions.HTTPError": ("protocol-error", "protocol"),
    "h11._util.RemoteProtocolError": ("protocol-error", "protocol"),
    "httpx.ConnectTimeout": ("timed-out", "connect"),
    "httpx.ReadTimeout": ("timed-out", "receive"),
    "httpx.WriteTimeout": ("timed-out", "send"),
    "httpx.ConnectError": (None, "connect"),
    "httpx.ReadError": (None, "receive"),
    "httpx.WriteError": (None, "send"),
    "httpx.RemoteProtocolError": ("closed", "receive"),  # where h11 has nothing to say against what was received
    "httpx.HTTPStatusError": ("protocol-error", "protocol"),
    "aiohttp.client_exceptions.ConnectionTimeoutError": ("timed-out", "connect"),
    "aiohttp.client_exceptions.SocketTimeoutError": ("timed-out", "receive"),
    "aiohttp.client_exceptions.ClientConnectorDNSError": ("name-error", "resolve"),
    "aiohttp.client_exceptions.ClientConnectorError": (None, "connect"),
    "aiohttp.client_exceptions.ServerDisconnectedError": ("closed", "receive"),
    "aiohttp.client_exceptions.ClientPayloadError": ("closed", "receive"),
    "aiohttp.client_exceptions.ClientResponseError": ("protocol-error", "protocol"),
    "docker.errors.APIError": ("protocol-error", "protocol"),
    "redis.exceptions.ConnectionError": ("closed", None),
    "redis.exceptions.AuthenticationError": ("denied", "protocol"),
    "redis.exceptions.ResponseError": ("protocol-error", "protocol"),
    "redis.exceptions.InvalidResponse": ("protocol-error", "protocol"),
    "psycopg.errors.ConnectionTimeout": ("timed-out", None),
}
NUMBERED_OTHERWISE = {"socket.gaierror", "ssl.SSLError"}  # by name: to import ssl takes 10 ms, in every run
BY_WORDS = {  # where one type stands for different things
    "peer closed connection without sending complete message body": ("closed", "receive"),  # h11
    "[SSL: CERTIFICATE_VERIFY_FAILED]": ("tls-error", "handshake"),
    "[SSL: WRONG_VERSION_NUMBER]": ("tls-error", "handshake"),  # what answers is no TLS
    "Connection closed by server.": ("closed", "receive"),  # redis-py
    "Timeout connecting to server": ("timed-out", "connect"),
    "Timeout reading from ": ("timed-out", "receive"),
    "DENIED Redis is running in protected mode": ("denied", "protocol"),  # Redis, networking.c
    "max number of clients reached": ("exhausted", "protocol"),
    "failed to resolve host": ("name-error", "resolve"),  # psycopg
    "connection timeout expired": ("timed-out", None),  # its connect_timeout is for the handshake and the login, too
    "Is the server running on that host and accepting": (None, "connect"),  # libpq, of connect(2) alone
    "server closed the connection unexpectedly": ("closed", "receive"),  # libpq, also of a reset
    "no pg_hba.conf entry": ("denied", "protocol"),  # PostgreSQL, auth.c
    "remaining connection slots are reserved": ("exhausted", "protocol"),  # PostgreSQL, postinit.c
    "sorry, too many clients already": ("exhausted", "protocol"),  # PostgreSQL, proc.c
}
NUMBERED_BY_WORDS = "psycopg.Error"  # libpq tells an errno by its wording, and a refusal by the server's text alone
OF_SEVERAL = "Multiple exceptions: "  # asyncio's words where it tried several addresses, each in its own way in vain
NUMBER = re.compile(r"\[Errno (\d{1,9})\]")
BY_FRAME = {  # functions, most of the standard library, that a traceback passes through, and what they are at
    ("socket", "getaddrinfo"): "resolve",
    ("socket", "create_connection"): "connect",
    ("ssl", "do_handshake"): "handshake",
    ("socket", "readinto"): "receive",
    ("asyncio.base_events", "_ensure_resolved"): "resolve",
    ("asyncio.base_events", "_create_connection_transport"): "handshake",  # what there is to wait for in it
    ("asyncio.selector_events", "sock_connect"): "connect",
    ("asyncio.base_events", "create_connection"): "connect",  # where it was so with every address
    ("asyncio.selector_events", "_read_ready__data_received"): "receive",
    ("docker.transport.unixconn", "connect"): "connect",
    ("labctl.clients.http_client", "connect"): "connect",  # to a Unix socket, for which the library has no function
    ("redis.connection", "_connect"): "connect",
    ("redis.connection", "read_response"): "receive",
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
    return next(((inner, "args") for inner in error.args if isinstance(inner, BaseException)), (None, ""))


def judge(error: BaseException, stage: str | None) -> dict[str, Any]:
    """Return what a try that ended with this exception came to, as the fields of a `labctl.model.Try`."""
    links = list(chain(error))
    innermost_first = [e for e, _ in reversed(links)]
    number = _first(_errno, innermost_first)
    return {
        "outcome": _first(_outcome, innermost_first) or "protocol-error",
        "stage": stage or _first(_stage, innermost_first),
        "errno": errnos.errorcode.get(number) if number is not None else None,
        "errno_number": number,
        "chain": [{"type": type_name(type(e)), "message": str(e), "link": link} for e, link in links],
        "says": traceback.format_exception_only(error)[-1].strip(),
        "details": "".join(traceback.format_exception(error)),
    }


def _first(tell: Callable[[BaseException], Any], errors: list[BaseException]) -> Any:
    return next((told for error in errors if (told := tell(error)) is not None), None)


def _errno(error: BaseException) -> int | None:
    """Return an OSError's number; what getaddrinfo (less than 0) and OpenSSL put there is none.

    Of one for several addresses it is the last one's, as where socket.create_connection raises only the last.
    """
    kinds = set(map(type_name, type(error).__mro__))
    if NUMBERED_BY_WORDS in kinds:
        return errno_in(str(error))
    if not isinstance(error, OSError) or not NUMBERED_OTHERWISE.isdisjoint(kinds):
        return None
    if error.errno is None and str(error).startswith(OF_SEVERAL):
        return next((int(number) for number in reversed(NUMBER.findall(str(error)))), None)
    return error.errno if isinstance(error.errno, int) and error.errno > 0 else None


def _outcome(error: BaseException) -> str | None:
    number = _errno(error)
    return _typed(error)[0] if number is None else OF_A_TRY.get(number, "protocol-error")


def _stage(error: BaseException) -> str | None:
    return _typed(error)[1] or _framed(error)


def _typed(error: BaseException) -> tuple[str | None, str | None]:
    """Return what the exception's words or its type tell: the nearest of its classes that the table has."""
    worded = (told for words, told in BY_WORDS.items() if words in str(error))
    typed = (BY_TYPE[name] for kind in type(error).__mro__ if (name := type_name(kind)) in BY_TYPE)
    return next(worded, None) or next(typed, (None, None))


def _framed(error: BaseException) -> str | None:
    """Return what the innermost frame of the exception's traceback that the table has was at."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    passed = ((frame.f_globals.get("__name__"), frame.f_code.co_name) for frame in reversed(frames))
    return next((BY_FRAME[where] for where in passed if where in BY_FRAME), None)


def errno_in(text: str) -> int | None:
    """Return the errno whose wording (strerror(3)) a command printed last, or None; some contain another's wording."""
    wording = {number: os.strerror(number) for number in BY_ERRNO}
    printed = (number for number, words in wording.items() if words in text)
    return max(printed, key=lambda number: (text.rfind(wording[number]), len(wording[number])), default=None)


def type_name(kind: type) -> str:
    """Return a type of exceptions as a traceback names it."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
