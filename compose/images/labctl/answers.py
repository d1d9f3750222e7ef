"""What the stock server says to whom it accepted: HTTP by hand, as http.server takes 30 ms to load, at every start.

ANSWER        what a request comes to (hello): see `answer`
SIZE          bytes of the body of a good answer (6)
READY_AFTER   how long after its start it says that it is not ready yet, by a 503 ("0s")
KEEP_ALIVE    how long it keeps a connection open for another request ("0s": it closes after each answer)
TLS           the certificate by which it speaks TLS, where the image has any: see compose/images/tls ("": plain HTTP)
"""

import os
import re
import socket
import struct
import sys
import threading
import time

TYPE_CHECKING = False  # checkers know it by its name; to load typing would take 5 ms
if TYPE_CHECKING:
    import ssl

STARTED = time.monotonic()
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
CERTIFICATES = "/etc/labctl/tls"  # each with its key
IDLE = 30.0  # seconds to wait for a request that somebody has begun, and for an answer to be taken
LONGEST_REQUEST = 1 << 16  # bytes
NO_ANSWER = ("silence", "close", "reset")
BROKEN_OFF = ("cut", "reset-within")
ANSWERS = ("hello", "unavailable", "once", *NO_ANSWER, *BROKEN_OFF)
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


def _context() -> "ssl.SSLContext | None":
    """Return what shakes hands for TLS by the certificate that TLS names; None where it is plain HTTP."""
    name = os.environ.get("TLS", "")
    if not name:
        return None
    import ssl  # 10 ms

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(f"{CERTIFICATES}/{name}.pem")
    except OSError as error:
        sys.exit(f"serve: error: TLS={name!r}: {error}")
    return context


ANSWER = _answer()
CONTEXT = _context()
BODY = (b"hello" * (number("SIZE", "6") // 5 + 1))[: number("SIZE", "6") - 1] + b"\n"
READY_AFTER = seconds(os.environ.get("READY_AFTER", "0s"))
KEEP_ALIVE = seconds(os.environ.get("KEEP_ALIVE", "0s"))


def handle(connection: socket.socket, address: tuple[str, int]) -> None:
    """Serve one connection to its end."""
    with connection:
        try:
            connection.settimeout(IDLE)
            if CONTEXT is None:
                _serve(connection, address[0])
            else:
                _serve_by_tls(CONTEXT, connection, address[0])
        except TimeoutError:
            print(f"{address[0]} asked for nothing more", flush=True)
        except OSError as error:
            print(f"{address[0]} {error}", flush=True)


def _serve(connection: socket.socket, client: str) -> None:
    first = True
    while (request := _request(connection)) and answer(connection, client, request, first=first):
        connection.settimeout(KEEP_ALIVE)
        first = False


def _serve_by_tls(context: "ssl.SSLContext", connection: socket.socket, client: str) -> None:
    """Shake hands, and serve where that comes to an agreement."""
    with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secured:
        try:
            secured.do_handshake()
        except OSError as error:
            print(f"{client} {error}", flush=True)
            _hear_out(secured)
        else:
            _serve(secured, client)


def _hear_out(connection: socket.socket) -> None:
    """End a connection, and read what still comes: with something unread, close(2) would send a reset."""
    try:
        connection.shutdown(socket.SHUT_WR)  # of one that speaks TLS, too, what is read from here on are the bare bytes
        while connection.recv(LONGEST_REQUEST):
            pass
    except OSError:  # ended from there, as it was to be
        pass


def _request(connection: socket.socket) -> bytes:
    """Return a request up to its empty line; nothing where the other side ends, or says too much.

    What does not begin with the letter of a method is none, as a TLS client's hello: there is no end of it to wait for.
    """
    said = b""
    while b"\r\n\r\n" not in said:
        part = connection.recv(LONGEST_REQUEST)
        connection.settimeout(IDLE)
        said += part
        if not part or len(said) > LONGEST_REQUEST:
            return b""
        if not said[:1].isalpha():
            break
    return said


def answer(connection: socket.socket, client: str, request: bytes, *, first: bool) -> bool:
    """Answer a request, or do what ANSWER says; return whether another may come on the same connection.

    `hello` is a good answer, `unavailable` a 503, `silence` none ever; `close` and `reset` end the connection without
    one, by FIN and by RST; `cut` and `reset-within` do so in the middle of the body. `once` is a good answer to the
    first request of a connection, and `close` to the next.
    """
    line = request.partition(b"\r\n")[0].decode("latin-1")
    method, version = line.partition(" ")[0], line.rpartition(" ")[2]
    status = _status(method, version)
    does = ANSWER if status == GOOD else "refuse"
    if does == "once":
        does = "hello" if first else "close"
    shown = line.encode("unicode_escape").decode()
    print(f'{client} "{shown}" {does if does in NO_ANSWER else status}', flush=True)
    if does == "silence":
        threading.Event().wait()
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
