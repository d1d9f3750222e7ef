"""Servers of the tests' own on loopback, and what is raised against them."""

from __future__ import annotations

import resource
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

HERE = "127.0.0.1"
WHOLE_ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
HALF_AN_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
HALF_A_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf"
Serve = Callable[[socket.socket], None]


@contextmanager
def listener(backlog: int = 8) -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind((HERE, 0))
        listening.listen(backlog)
        yield listening


@contextmanager
def serving(serve: Serve) -> Iterator[str]:
    """Serve connections, each by the function, until the block ends; yield the URL."""
    with listener() as listening:

        def accept() -> None:
            while True:
                connection, _ = listening.accept()
                with connection:
                    try:
                        serve(connection)
                    except OSError:
                        return
                    except EOFError:
                        return

        thread = threading.Thread(target=lambda: _until_closed(accept), daemon=True)
        thread.start()
        try:
            yield f"http://{HERE}:{listening.getsockname()[1]}/"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def _until_closed(accept: Callable[[], None]) -> None:
    try:
        accept()
    except OSError:  # the listener was shut down
        return


@contextmanager
def nobody() -> Iterator[str]:
    """Yield the URL of a port that is taken and not listened on."""
    with socket.socket() as bound:
        bound.bind((HERE, 0))
        yield f"http://{HERE}:{bound.getsockname()[1]}/"


@contextmanager
def full() -> Iterator[str]:
    """Yield the URL of a listener whose accept queue is full: a SYN to it is dropped (listen(2))."""
    with listener(0) as listening, ExitStack() as waiting:
        address = listening.getsockname()
        waiting.enter_context(socket.create_connection(address))
        yield f"http://{HERE}:{address[1]}/"


def answer(with_bytes: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(with_bytes)

    return serve


def silent(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def hang_up(connection: socket.socket) -> None:
    connection.recv(4096)


def reset(connection: socket.socket) -> None:
    """Close with a reset, as SO_LINGER of no time makes it (socket(7))."""
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def raised(do: Callable[[], object]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the exception is what is judged
        do()
    return caught.value


def starved(do: Callable[[], None]) -> None:
    """Do something while no file descriptor can be had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        do()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        return int(taken.getsockname()[1])
