"""The attached standard streams of a container: bytes in, frames out, each in the order they came.

The frames are those of the Engine API's attach (8 bytes of header: the stream's number, three of nothing, the length).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

from labctl.engine.connection import Connection
from labctl.engine.translate import translated

STDOUT, STDERR = 1, 2
MOST_LOG = 200_000  # bytes of a container's output that are kept, the last
HEADER = struct.Struct(">BxxxL")


def plain_socket(attached: Any) -> Any:
    """Return the socket under what the SDK gives for one, without a time-out."""
    plain = getattr(attached, "_sock", attached)  # under http.client's file
    if hasattr(plain, "settimeout"):
        plain.settimeout(None)
    return plain


def release(attached: Any) -> None:
    """Close what the SDK gives for a socket, by the response that it belongs to.

    The response reads from a file over the socket. Where only the socket is closed, that file is closed under it, and
    the response complains when it is collected: on standard error, from Python 3.13 on (gh-62948). A connection that
    is closed by its response can be used again by the SDK's pool, which opens it anew.
    """
    plain, response = plain_socket(attached), getattr(attached, "_response", None)
    for one in (plain,) if response is None else (response.raw, response, plain):
        with contextlib.suppress(OSError, ValueError):
            one.close()


def frames(line: Any) -> Iterator[tuple[int, bytes]]:
    """Yield the number of the stream and the bytes of each frame, until the engine closes the socket."""
    with contextlib.suppress(EOFError):
        while True:
            number, length = HEADER.unpack(_exactly(line, HEADER.size))
            yield number, _exactly(line, length)


def _exactly(line: Any, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        chunk = line.recv(min(length - len(received), 1 << 16))
        if not chunk:
            raise EOFError
        received += chunk
    return bytes(received)


class Stream:
    """Attached to a container that has not started yet: attached later, the first frame may be lost."""

    def __init__(self, connection: Connection, container: str, *, writes: bool) -> None:
        params = {"stream": 1, "stdout": 1, "stderr": 1, "stdin": int(writes)}
        with translated("attach to a container"):
            attached = connection.api.attach_socket(container, params)
        self._socket = plain_socket(attached)
        self._attached = attached  # what is under it is closed with it
        self._lock = threading.Lock()

    def listen(self, on_output: Callable[[int, bytes], None], on_end: Callable[[], None]) -> None:
        """Read in a thread of its own until the stream ends: `on_output(stream number, bytes)` for each frame."""
        threading.Thread(target=self._read, args=(on_output, on_end), name="attached", daemon=True).start()

    def _read(self, on_output: Callable[[int, bytes], None], on_end: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            for number, output in frames(self._socket):
                on_output(number, output)
        with self._lock, contextlib.suppress(OSError):  # closed here only: a number in use by recv() must not be reused
            release(self._attached)
        on_end()

    def send(self, message: bytes) -> None:
        """Write to the container's standard input; raises OSError where the stream was cut."""
        with self._lock:
            self._socket.sendall(message)

    def close(self) -> None:
        """End both directions: the program inside sees the end of its input."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class Output:
    """What one container printed, kept beyond its removal."""

    def __init__(self, container: str) -> None:
        self.container = container
        self._kept = bytearray()

    @property
    def text(self) -> str:
        """The last MOST_LOG bytes, as text."""
        return self._kept[-MOST_LOG:].decode(errors="replace")

    def add(self, _: int, printed: bytes) -> None:
        """Append. Only where twice as much is kept is the older half dropped: some programs print 100 MB a second."""
        self._kept += printed
        if len(self._kept) > 2 * MOST_LOG:
            del self._kept[:-MOST_LOG]
