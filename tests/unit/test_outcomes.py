"""From exceptions to outcomes: real ones, raised against sockets of the tests' own on loopback."""

from __future__ import annotations

import errno
import http.client
import os
import resource
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from labctl.clients import Target
from labctl.clients.outcomes import BY_ERRNO, Staged, chain, errno_in, judge
from labctl.clients.requests import attempt as by_requests
from labctl.clients.socket import attempt as by_socket
from labctl.model import Outcome, Stage

HERE = "127.0.0.1"
SOON = 0.2  # seconds, for what must time out
WHOLE_ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
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


SITUATIONS: dict[str, tuple[Callable[[], Any], str, str, str | None]] = {
    "nobody listens": (nobody, "refused", "connect", "ECONNREFUSED"),
    "the accept queue is full": (full, "timed-out", "connect", None),
    "the server says nothing": (lambda: serving(silent), "timed-out", "receive", None),
    "the server hangs up": (lambda: serving(hang_up), "closed", "receive", None),
    "the server resets": (lambda: serving(reset), "reset", "receive", "ECONNRESET"),
    "the server says nonsense": (lambda: serving(answer(b"no such thing\r\n\r\n")), "protocol-error", "protocol", None),
    "the server fails": (
        lambda: serving(answer(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")),
        "protocol-error",
        "protocol",
        None,
    ),
}
CLIENTS = {"socket": by_socket, "requests": by_requests}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_a_client_raises_is_judged(client: str, situation: str) -> None:
    place, outcome, stage, number = SITUATIONS[situation]
    noted = Staged()
    with place() as url, pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the library raises
        CLIENTS[client](Target.parse(url), SOON, noted)
    told = judge(caught.value, noted.now)
    assert (told["outcome"], told["errno"]) == (outcome, number), told["details"]
    assert told["stage"] in (stage, None), "a client that does not tell how far it came is not made to"
    if client == "socket":
        assert told["stage"] == stage


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_is_answered_raises_nothing(client: str) -> None:
    with serving(answer(WHOLE_ANSWER)) as url:
        CLIENTS[client](Target.parse(url), 2.0, Staged())


def raised(do: Callable[[], object]) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the exception is what is judged
        do()
    return caught.value


def broadcast(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as tried:
        tried.connect(("127.255.255.255", 9))


def no_descriptor() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        socket.socket().close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def no_port() -> None:
    """Connect twice from one port to one listener: that pair of addresses is taken (connect(2))."""
    with listener() as listening, ExitStack() as stack:
        port = 0
        for _ in range(2):
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((HERE, port))
            port = one.getsockname()[1]
            stack.callback(one.close)
            one.connect(listening.getsockname())


def tls_to_plain() -> None:
    context = ssl.create_default_context()
    with serving(answer(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as url:
        address = HERE, Target.parse(url).port
        with socket.create_connection(address, 2) as plain:
            context.wrap_socket(plain, server_hostname="localhost").close()


def cut_short() -> None:
    with serving(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")) as url:
        connection = http.client.HTTPConnection(HERE, Target.parse(url).port, timeout=2)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        finally:
            connection.close()


@pytest.mark.parametrize(
    ("do", "outcome", "number"),
    [
        (lambda: broadcast(socket.SOCK_STREAM), "unreachable", "ENETUNREACH"),
        (lambda: broadcast(socket.SOCK_DGRAM), "denied", "EACCES"),
        (no_descriptor, "exhausted", "EMFILE"),
        (no_port, "exhausted", "EADDRNOTAVAIL"),
        (tls_to_plain, "tls-error", None),
        (cut_short, "closed", None),
        (lambda: socket.getaddrinfo("nobody", 80, flags=socket.AI_NUMERICHOST), "name-error", None),
    ],
    ids=["no route", "not allowed", "no descriptor", "no port", "plain instead of TLS", "cut short", "no name"],
)
def test_what_the_kernel_and_the_standard_library_raise_is_judged(
    do: Callable[[], object], outcome: str, number: str | None
) -> None:
    told = judge(raised(do), None)
    assert (told["outcome"], told["errno"]) == (outcome, number), told["details"]


def test_every_word_of_the_table_is_an_outcome() -> None:
    assert set(BY_ERRNO.values()) <= {outcome.value for outcome in Outcome}


def test_a_report_carries_the_chain_as_it_was_raised() -> None:
    with nobody() as url:
        told = judge(raised(lambda: requests.get(url, timeout=SOON)), None)
    assert [link["type"] for link in told["chain"]][-1] == "ConnectionRefusedError"
    assert told["chain"][0]["type"] == "requests.exceptions.ConnectionError"
    assert told["chain"][0]["link"] == ""
    assert all(link["link"] for link in told["chain"][1:])
    assert told["says"].startswith("requests.exceptions.ConnectionError: ")
    assert told["stage"] == Stage.CONNECT
    assert "Traceback" in told["details"]


def wrapped(inner: BaseException, how: str) -> BaseException:
    """Return an exception of a library's kind that leads to the inner one."""
    outer: Any = requests.exceptions.ConnectionError("wrapped") if how == "os_error" else RuntimeError("wrapped")
    try:
        if how == "cause":
            raise outer from inner
        if how == "context":
            try:
                raise inner
            except BaseException:  # noqa: BLE001 - it is the one that was just made
                raise outer  # noqa: B904 - no `from`: that is what this one is about
        setattr(outer, how, inner)
        raise outer from None
    except (RuntimeError, requests.exceptions.ConnectionError) as error:
        return error


HOW = st.sampled_from(["cause", "context", "reason", "os_error"])


@given(st.sampled_from(sorted(BY_ERRNO)), st.lists(HOW, max_size=5))
def test_no_errno_is_lost_however_it_is_wrapped(number: int, layers: list[str]) -> None:
    error: BaseException = OSError(number, "as the kernel says")
    for how in layers:
        error = wrapped(error, how)
    told = judge(error, None)
    assert told["errno_number"] == number
    assert told["errno"] == errno.errorcode[number]
    assert told["outcome"] == BY_ERRNO[number]
    assert len(told["chain"]) == len(layers) + 1


@given(st.integers(1, 200))
def test_an_errno_that_nobody_expected_is_told_too(number: int) -> None:
    told = judge(OSError(number, "whatever"), None)
    assert told["errno_number"] == number
    assert told["outcome"] in set(Outcome)


def test_a_chain_that_bites_its_tail_ends() -> None:
    one: Any = ValueError("one")
    one.reason = other = RuntimeError("other")
    other.reason = one  # type: ignore[attr-defined]
    assert [str(error) for error, _ in chain(one)] == ["one", "other"]


@pytest.mark.parametrize("number", sorted(BY_ERRNO))
def test_a_command_that_prints_the_words_of_an_errno_tells_it(number: int) -> None:
    assert errno_in(f"tool: {os.strerror(number)}\n") == number


def test_a_command_that_prints_none_tells_none() -> None:
    assert errno_in("all is well") is None


def test_of_several_errors_the_last_one_counts() -> None:
    assert errno_in("Network is unreachable, trying the next\nConnection refused\n") == errno.ECONNREFUSED
