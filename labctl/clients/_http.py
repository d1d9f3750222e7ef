"""An HTTP exchange by hand, for the clients that have a connection and no library that speaks HTTP over it."""

from __future__ import annotations

import http.client

from labctl.clients import Target

FIRST_ERROR = 400  # HTTP status codes from here on say that the request failed (RFC 9110, section 15)
LONGEST_LINE = 4096  # bytes of an answer's first line that are read


def request(target: Target) -> bytes:
    """Return what asks for the target, by the version of HTTP in which the server closes the connection afterwards."""
    return f"GET {target.path} HTTP/1.0\r\nHost: {target.host}\r\n\r\n".encode()


def answered(line: bytes) -> str:
    """Return an answer's first line as text; raises EOFError where the server closed the connection instead."""
    if not line:
        raise EOFError("the server closed the connection without an answer")
    return line.decode("latin-1").strip()


def judge(line: str) -> None:
    """Raise HTTPException where a first line is none of HTTP's, or its status says error."""
    words = line.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():  # noqa: PLR2004 - words
        raise http.client.BadStatusLine(line)
    demand(int(words[1]), words[2] if len(words) > 2 else "")  # noqa: PLR2004 - words


def demand(status: int, reason: str) -> None:
    """Raise HTTPException where a status says error."""
    if status >= FIRST_ERROR:
        raise http.client.HTTPException(f"{status} {reason}".strip())
