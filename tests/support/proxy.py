"""A proxy before the engine's socket, which can cut the streams that run through it."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

CHUNK = 1 << 16
ATTACH, EVENTS = b"/attach?", b"/events?"  # in the line of a request for a stream


class Proxy:
    """Listens on a socket of its own and passes everything on, both ways."""

    def __init__(self, engine: Path, own: Path) -> None:
        self.address = f"unix://{own}"
        self._engine = engine
        self._lock = threading.Lock()
        self._open: dict[bytes, list[socket.socket]] = {ATTACH: [], EVENTS: []}
        self.refused: set[bytes] = set()  # requests for these are answered by an end
        self.requests = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(own))
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_streams(self, kind: bytes = ATTACH) -> int:
        """Cut every stream of a kind, those that are attached to containers at first; return how many there were."""
        with self._lock:
            cut, self._open[kind] = self._open[kind], []
        for one in cut:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        return len(cut)

    def close(self) -> None:
        """Accept nothing more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # who accepts is to hear of it
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                try:
                    far.connect(str(self._engine))
                except OSError:
                    near.close()
                    continue
                threading.Thread(target=self._serve, args=(near, far), daemon=True).start()

    def _serve(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            back = threading.Thread(target=self._pass_on, args=(far, near), daemon=True)
            back.start()
            self._pass_on(near, far, asks=True)
            back.join()

    def _pass_on(self, source: socket.socket, sink: socket.socket, *, asks: bool = False) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK):
                if asks and not self._let_through(source, chunk.partition(b"\r\n")[0]):
                    break
                sink.sendall(chunk)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _let_through(self, source: socket.socket, line: bytes) -> bool:
        """Tell whether a request may go on; keep the streams that can be cut."""
        with self._lock:
            self.requests += line.endswith(b"HTTP/1.1")
            for kind in (one for one in self._open if one in line):
                if kind in self.refused:
                    return False
                self._open[kind].append(source)
        return True


@contextlib.contextmanager
def proxied(engine: Path) -> Iterator[Proxy]:
    """Put a proxy before an engine's socket."""
    with tempfile.TemporaryDirectory(prefix="labctl-") as folder:
        proxy = Proxy(engine, Path(folder) / "docker.sock")
        try:
            yield proxy
        finally:
            proxy.close()
