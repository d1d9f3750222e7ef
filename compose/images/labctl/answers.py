"""What the stock server says to whom it accepted: HTTP by hand, as http.server takes 30 ms to load, at every start.

ANSWER        what a request comes to (hello): see `answer`
SIZE          bytes of the body of a good answer (6)
READY_AFTER   how long after its start it says that it is not ready yet, by a 503 ("0s")
KEEP_ALIVE    how long it keeps a connection open for another request ("0s": it closes after each answer)
"""

import os
import re
import socket
import struct
import sys
import time

STARTED = time.monotonic()
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
IDLE = 30.0  # seconds to wait for a request that somebody has begun, and for an answer to be taken
LONGEST_REQUEST = 1 << 16  # bytes
NO_ANSWER = ("silence", "close", "reset")
BROKEN_OFF = ("cut", "reset-within")
ANSWERS = ("hello", "unavailable", *NO_ANSWER, *BROKEN_OFF)
GOOD = 200
REASONS = {GOOD: "OK", 400: "Bad Request", 405: "Method Not Allowed", 503: "Service Unavailable"}


def seconds(text: str) -> float:
    """Read a duration such as 300ms or 2s."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text)
    if not found:
        sys.exit(f"serve: error: {text!r} is no duration such as 300ms or 2s")
    return float(found[1]) * UNITS[found[2]]


def number(name: str, default: str) -> int:
    """Read a whole number from the environment."""
    text = os.environ.get(name, default)
    if not text.isdecimal():
        sys.exit(f"serve: error: {name}={text!r} is no number")
    return int(text)


def _answer() -> str:
    text = os.environ.get("ANSWER", "hello")
    if text not in ANSWERS:
        sys.exit(f"serve: error: ANSWER={text!r} is none of {', '.join(ANSWERS)}")
    return text


ANSWER = _answer()
BODY = (b"hello" * (number("SIZE", "6") // 5 + 1))[: number("SIZE", "6") - 1] + b"\n"
READY_AFTER = seconds(os.environ.get("READY_AFTER", "0s"))
KEEP_ALIVE = seconds(os.environ.get("KEEP_ALIVE", "0s"))


def handle(connection: socket.socket, address: tuple[str, int]) -> None:
    """Serve one connection to its end."""
    with connection:
        try:
            connection.settimeout(IDLE)
            while (request := _request(connection)) and answer(connection, address[0], request):
                connection.settimeout(KEEP_ALIVE)
        except TimeoutError:
            print(f"{address[0]} asked for nothing more", flush=True)
        except OSError as error:
            print(f"{address[0]} {error}", flush=True)


def _request(connection: socket.socket) -> bytes:
    """Return a request up to its empty line; nothing where the other side ends, or says too much."""
    said = b""
    while b"\r\n\r\n" not in said:
        part = connection.recv(LONGEST_REQUEST)
        connection.settimeout(IDLE)
        said += part
        if not part or len(said) > LONGEST_REQUEST:
            return b""
    return said


def answer(connection: socket.socket, client: str, request: bytes) -> bool:
    """Answer a request, or do what ANSWER says; return whether another may come on the same connection.

    `hello` is a good answer, `unavailable` a 503, `silence` none ever; `close` and `reset` end the connection without
    one, by FIN and by RST; `cut` and `reset-within` do so in the middle of the body.
    """
    line = request.partition(b"\r\n")[0].decode("latin-1")
    method, version = line.partition(" ")[0], line.rpartition(" ")[2]
    status = _status(method, version)
    does = ANSWER if status == GOOD else "refuse"
    print(f'{client} "{line}" {does if does in NO_ANSWER else status}', flush=True)
    if does == "silence":
        while connection.recv(LONGEST_REQUEST):
            pass
        return False
    if does in NO_ANSWER:
        return _end(connection, by_reset=does == "reset")
    body = BODY if status == GOOD else f"{REASONS[status].lower()}\n".encode()
    keeps = KEEP_ALIVE > 0 and version == "HTTP/1.1"
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        f"Connection: {'keep-alive' if keeps else 'close'}\r\n\r\n"
    ).encode()
    sent = b"" if method == "HEAD" else body
    if does in BROKEN_OFF:
        connection.sendall(head + sent[: len(sent) // 2])
        return _end(connection, by_reset=does == "reset-within")
    connection.sendall(head + sent)
    return keeps


def _status(method: str, version: str) -> int:
    if not version.startswith("HTTP/"):
        return 400
    if method not in ("GET", "HEAD"):
        return 405
    return 503 if ANSWER == "unavailable" or time.monotonic() - STARTED < READY_AFTER else GOOD


def _end(connection: socket.socket, *, by_reset: bool) -> bool:
    """End a connection; with nothing to linger for, close(2) sends a reset (socket(7), SO_LINGER)."""
    if by_reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False
