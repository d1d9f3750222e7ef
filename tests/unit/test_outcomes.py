"""From exceptions to outcomes: real ones, raised against sockets of the tests' own on loopback."""

from __future__ import annotations

import errno
import http.client
import importlib
import inspect
import os
import resource
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

import labctl.clients
from labctl.clients import Target, file_of, in_folder
from labctl.clients.outcomes import BY_ERRNO, BY_FRAME, BY_TYPE, BY_WORDS, Staged, chain, errno_in, judge, type_name
from labctl.model import Outcome, Stage

HERE = "127.0.0.1"
SOON = 0.2  # seconds, for what must time out
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


SITUATIONS: dict[str, tuple[Callable[[], Any], str, str, str | None]] = {
    "nobody listens": (nobody, "refused", "connect", "ECONNREFUSED"),
    "the accept queue is full": (full, "timed-out", "connect", None),
    "the server says nothing": (lambda: serving(silent), "timed-out", "receive", None),
    "the server hangs up": (lambda: serving(hang_up), "closed", "receive", None),
    "the server resets": (lambda: serving(reset), "reset", "receive", "ECONNRESET"),
    "the server hangs up halfway": (lambda: serving(answer(HALF_AN_ANSWER)), "closed", "receive", None),
    "the server hangs up within a chunk": (lambda: serving(answer(HALF_A_CHUNK)), "closed", "receive", None),
    "the server says nonsense": (lambda: serving(answer(b"no such thing\r\n\r\n")), "protocol-error", "protocol", None),
    "the server fails": (
        lambda: serving(answer(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")),
        "protocol-error",
        "protocol",
        None,
    ),
}
MODULES = {
    name: importlib.import_module(f"labctl.clients.{Path(file_of(name)).stem}")
    for name in in_folder(Path(labctl.clients.__file__).parent)
}
CLIENTS = {name: module.attempt for name, module in MODULES.items() if hasattr(module, "attempt")}
READ_ONE_LINE = {"socket", "asyncio"}  # and are content with it
HALFWAY = {"the server hangs up halfway", "the server hangs up within a chunk"}


@pytest.mark.parametrize(
    ("client", "situation"),
    [(client, one) for client in CLIENTS for one in SITUATIONS if not (client in READ_ONE_LINE and one in HALFWAY)],
)
def test_what_a_client_raises_is_judged(client: str, situation: str) -> None:
    place, outcome, stage, number = SITUATIONS[situation]
    noted = Staged()
    with place() as url, pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the library raises
        CLIENTS[client](Target.parse(url), SOON, noted)
    told = judge(caught.value, noted.now)
    assert (told["outcome"], told["stage"], told["errno"]) == (outcome, stage, number), told["details"]


@pytest.mark.parametrize("client", sorted(CLIENTS.keys() - {"asyncio", "aiohttp"}))  # they could not even begin a loop
def test_a_client_without_a_descriptor_left_is_exhausted(client: str) -> None:
    with nobody() as url:
        error = raised(lambda: starved(lambda: CLIENTS[client](Target.parse(url), SOON, Staged())))
    told = judge(error, None)
    assert (told["outcome"], told["errno"]) == ("exhausted", "EMFILE"), told["details"]


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


def starved(do: Callable[[], None]) -> None:
    """Do something while no file descriptor can be had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        do()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def no_descriptor() -> None:
    starved(lambda: socket.socket().close())


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
    with serving(answer(HALF_AN_ANSWER)) as url:
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


def test_every_word_of_the_table_is_an_outcome_or_a_stage() -> None:
    told = [*BY_TYPE.values(), *BY_WORDS.values()]
    assert {*BY_ERRNO.values(), *(outcome for outcome, _ in told)} <= {*Outcome, None}
    assert {*BY_FRAME.values(), *(stage for _, stage in told)} <= {*Stage, None}


@pytest.mark.parametrize("name", sorted(BY_TYPE))
def test_every_type_of_the_table_exists(name: str) -> None:
    """A library that moves its types would otherwise be judged by less than it tells."""
    module, _, kind = name.rpartition(".")
    assert type_name(getattr(importlib.import_module(module or "builtins"), kind)) == name


@pytest.mark.parametrize(("module", "function"), sorted(BY_FRAME))
def test_every_function_of_the_table_exists(module: str, function: str) -> None:
    source = inspect.getsource(importlib.import_module(module))
    assert f"def {function}(" in source


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
        if how == "args":
            outer.args = ("wrapped", inner)
        else:
            setattr(outer, how, inner)
        raise outer from None
    except (RuntimeError, requests.exceptions.ConnectionError) as error:
        return error


HOW = st.sampled_from(["cause", "context", "reason", "os_error", "args"])


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
