"""An HTTP exchange by hand, for the clients that have a connection and no library that speaks HTTP over it.

They raise http.client's own exceptions, which is loaded (15 ms) only where one is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from labctl.clients import Target, _engine

FIRST_ERROR = 400  # HTTP status codes from here on say that the request failed (RFC 9110, section 15)
LONGEST_LINE = 4096  # bytes of an answer's first line that are read


def request(target: Target, *, keeps: bool = False) -> bytes:
    """Return what asks for the target, by the version of HTTP in which the server closes, or keeps, the connection."""
    host = urlsplit(target.url).netloc or "localhost"  # a Unix socket's has none
    return f"GET {_engine.path(target)} HTTP/1.{int(keeps)}\r\nHost: {host}\r\n\r\n".encode()


def length(head: Iterable[str]) -> int:
    """Return how many bytes follow an answer's lines, as one of them says."""
    fields = (line.partition(":") for line in head)
    return next((int(value) for name, _, value in fields if name.lower() == "content-length"), 0)


def answered(line: bytes) -> str:
    """Return an answer's first line as text; raises EOFError where the server closed the connection instead."""
    if not line:
        raise EOFError("the server closed the connection without an answer")
    return line.decode("latin-1").strip()


def judge(line: str, said: str = "") -> None:
    """Raise HTTPException where a first line is none of HTTP's, or its status says error; with what the server said."""
    words = line.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():  # noqa: PLR2004 - words
        from http.client import BadStatusLine

        raise BadStatusLine(line)
    demand(int(words[1]), words[2] if len(words) > 2 else "", said)  # noqa: PLR2004 - words


def demand(status: int, reason: str, said: str = "") -> None:
    """Raise HTTPException where a status says error; with what the server `said` of it, where that is known."""
    if status >= FIRST_ERROR:
        from http.client import HTTPException

        raise HTTPException(": ".join(filter(None, (f"{status} {reason}".strip(), said))))
