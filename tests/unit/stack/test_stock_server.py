"""The stock server, as the program that it is, on loopback: how it answers, and how it misbehaves when it is told to."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labctl.system.places import installed
from labctl.system.waiting import poll
from support.loopback import HERE, free_port

PROGRAM = installed("compose") / "images" / "labctl" / "serve.py"
GET = b"GET / HTTP/1.1\r\nHost: server\r\n\r\n"
SOON = 5.0  # seconds


@contextmanager
def running(**environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the server with these settings; yield it and its port once it listens."""
    port = free_port()
    settings = {"HOST": HERE, "PORT": str(port), "PYTHONPATH": str(PROGRAM.parent), **environment}
    command = [sys.executable, "-P", str(PROGRAM)]
    with subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        try:
            assert any("listening on" in line for line in iter(program.stdout.readline, ""))
            yield program, port
        finally:
            program.kill()


@contextmanager
def serving(**environment: str) -> Iterator[int]:
    """Run the server with these settings; yield its port once it listens."""
    with running(**environment) as (_, port):
        yield port


def connected(port: int) -> socket.socket:
    return socket.create_connection((HERE, port), SOON)


def everything(connection: socket.socket) -> bytes:
    said = b""
    while part := connection.recv(1 << 16):
        said += part
    return said


def asked(port: int, request: bytes = GET) -> bytes:
    with connected(port) as connection:
        connection.sendall(request)
        return everything(connection)


def test_it_answers_and_closes() -> None:
    with serving() as port:
        head, _, body = asked(port).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 6" in head
    assert b"Connection: close" in head
    assert body == b"hello\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [(b"GET / HTTP/1.0\r\n\r\n", b"200"), (b"POST / HTTP/1.1\r\n\r\n", b"405"), (b"hello\r\n\r\n", b"400")],
)
def test_it_reads_what_it_is_asked(request_: bytes, status: bytes) -> None:
    with serving() as port:
        assert asked(port, request_).split()[1] == status


def test_a_request_may_come_in_pieces() -> None:
    with serving() as port, connected(port) as connection:
        for piece in (GET[:5], GET[5:-2], GET[-2:]):
            connection.sendall(piece)
        assert everything(connection).endswith(b"hello\n")


def test_a_body_is_as_long_as_it_is_told() -> None:
    with serving(SIZE="100000") as port:
        head, _, body = asked(port).partition(b"\r\n\r\n")
    assert b"Content-Length: 100000" in head
    assert len(body) == 100_000


def test_a_kept_connection_takes_another_request_and_ends_when_nobody_asks() -> None:
    with serving(KEEP_ALIVE="300ms") as port, connected(port) as connection:
        for _ in range(2):
            connection.sendall(GET)
            said = b""
            while not said.endswith(b"hello\n"):
                said += connection.recv(1 << 16)
            assert b"Connection: keep-alive" in said
        began = time.monotonic()
        assert connection.recv(1) == b""
        assert 0.2 < time.monotonic() - began < SOON


def test_one_that_is_unavailable_says_so() -> None:
    with serving(ANSWER="unavailable") as port:
        assert asked(port).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")


def test_it_is_not_ready_for_as_long_as_it_is_told() -> None:
    with serving(READY_AFTER="1s") as port:
        assert asked(port).split()[1] == b"503"
        poll(lambda: asked(port).split()[1] == b"200", SOON, "the server to be ready")


def test_a_silent_one_takes_the_request_and_says_nothing() -> None:
    with serving(ANSWER="silence") as port, connected(port) as connection:
        connection.sendall(GET)
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_one_that_closes_ends_the_connection_without_an_answer() -> None:
    with serving(ANSWER="close") as port:
        assert asked(port) == b""


def test_one_that_answers_once_closes_at_the_second_request() -> None:
    with serving(ANSWER="once", KEEP_ALIVE="30s") as port, connected(port) as connection:
        connection.sendall(GET)
        said = b""
        while not said.endswith(b"hello\n"):
            said += connection.recv(1 << 16)
        connection.sendall(GET)
        assert connection.recv(1) == b""


def test_one_that_resets_sends_a_reset() -> None:
    with serving(ANSWER="reset") as port, pytest.raises(ConnectionResetError):
        asked(port)


@pytest.mark.parametrize(("how", "error"), [("cut", None), ("reset-within", ConnectionResetError)])
def test_an_answer_may_end_in_the_middle(how: str, error: type[Exception] | None) -> None:
    with serving(ANSWER=how, SIZE="1000") as port, connected(port) as connection:
        connection.sendall(GET)
        said = connection.recv(1 << 16)
        try:
            said += everything(connection)
        except ConnectionResetError as ended:
            assert type(ended) is error
        else:
            assert error is None
    assert b"Content-Length: 1000" in said
    assert len(said.partition(b"\r\n\r\n")[2]) <= 500


@pytest.mark.parametrize(
    "setting", [{"PORT": "80a"}, {"ANSWER": "nonsense"}, {"KEEP_ALIVE": "soon"}, {"CACHE": "much"}]
)
def test_a_setting_that_it_does_not_understand_is_named_before_it_listens(setting: dict[str, str]) -> None:
    command = [sys.executable, "-P", str(PROGRAM)]
    environment = {**os.environ, "HOST": HERE, "PYTHONPATH": str(PROGRAM.parent), **setting}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SOON, check=False)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("serve: error: ")
    assert repr(next(iter(setting.values()))) in ran.stderr


def test_it_goes_on_when_it_has_no_descriptor_left() -> None:
    """What it could not accept waits in its queue, and is served as soon as somebody leaves."""
    with running() as (program, port):
        assert asked(port)  # so that it has everything open that it needs
        open_now = len(list(Path(f"/proc/{program.pid}/fd").iterdir()))
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (open_now + 1, open_now + 1))
        with connected(port), connected(port) as waiting:
            waiting.sendall(GET)
            waiting.settimeout(0.5)
            with pytest.raises(TimeoutError):
                waiting.recv(1)
        assert asked(port).endswith(b"hello\n")
