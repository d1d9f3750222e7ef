"""From exceptions to outcomes: real ones, raised against sockets of the tests' own on loopback."""

from __future__ import annotations

import errno
import http.client
import importlib
import inspect
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from labctl.clients import Target
from labctl.clients.outcomes import BY_ERRNO, BY_FRAME, BY_TYPE, BY_WORDS, chain, errno_in, judge, type_name
from labctl.model import Outcome, Stage
from support.loopback import HALF_AN_ANSWER, HERE, answer, listener, nobody, raised, serving, starved

SOON = 0.2  # seconds, for what must time out


def broadcast(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as tried:
        tried.connect(("127.255.255.255", 9))


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
