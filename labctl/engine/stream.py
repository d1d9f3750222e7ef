"""The attached standard streams of a container: bytes in, frames out, each in the order they came.

The frames are those of the Engine API's attach (8 bytes of header: the stream's number, three of nothing, the length).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from labctl.engine.connection import Connection
from labctl.engine.translate import translated

STDERR = 2
MOST_LOG = 200_000  # characters of a container's output that are kept
HEADER = struct.Struct(">BxxxL")


def plain_socket(attached: Any) -> Any:
    """Return the socket under what the SDK gives for one, without a time-out."""
    plain = getattr(attached, "_sock", attached)  # under http.client's file
    if hasattr(plain, "settimeout"):
        plain.settimeout(None)
    return plain


class Stream:
    """Attached to a container that has not started yet: attached later, the first frame may be lost."""

    def __init__(self, connection: Connection, container: str, *, writes: bool) -> None:
        params = {"stream": 1, "stdout": 1, "stderr": 1, "stdin": int(writes)}
        with translated("attach to a container"):
            attached = connection.api.attach_socket(container, params)
        self._socket = plain_socket(attached)
        self._keep = attached  # closing the wrapper would close what is under it
        self._lock = threading.Lock()

    def listen(self, on_output: Callable[[int, bytes], None], on_end: Callable[[], None]) -> None:
        """Read in a thread of its own until the stream ends: `on_output(stream number, bytes)` for each frame."""
        threading.Thread(target=self._read, args=(on_output, on_end), name="attached", daemon=True).start()

    def _read(self, on_output: Callable[[int, bytes], None], on_end: Callable[[], None]) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                number, length = HEADER.unpack(self._exactly(HEADER.size))
                on_output(number, self._exactly(length))
        with self._lock, contextlib.suppress(OSError):  # closed here only: a number in use by recv() must not be reused
            self._keep.close()
            self._socket.close()
        on_end()

    def _exactly(self, length: int) -> bytes:
        received = bytearray()
        while len(received) < length:
            chunk = self._socket.recv(min(length - len(received), 1 << 16))
            if not chunk:
                raise EOFError
            received += chunk
        return bytes(received)

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
        self.text = ""

    def add(self, _: int, printed: bytes) -> None:
        """Append, keeping the last MOST_LOG characters."""
        self.text = (self.text + printed.decode(errors="replace"))[-MOST_LOG:]
