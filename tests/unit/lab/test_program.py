"""labctl's side of the stream to a program inside a host, over a socket pair in the place of an attached container."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.engine.stream import HEADER, STDERR, Stream
from labctl.errors import AgentLost, AgentRefused, DeadlineExceeded, LabError
from labctl.lab.program import Program

STDOUT = 1


class Attached(Stream):
    """A stream over one end of a socket pair."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = self._attached = end
        self._lock = threading.Lock()


class Far:
    """The program at the far end, as a test plays it."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._requests = end.makefile("rb")

    def request(self) -> dict[str, Any]:
        request: dict[str, Any] = json.loads(self._requests.readline())
        return request

    def frame(self, content: bytes, number: int = STDOUT) -> None:
        self._end.sendall(HEADER.pack(number, len(content)) + content)

    def reply(self, request: dict[str, Any], **answer: Any) -> None:
        self.frame(json.dumps({"id": request["id"], **answer}).encode() + b"\n")

    def end(self) -> None:
        self._end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._requests.close()
        self._end.close()


@pytest.fixture
def both() -> Iterator[tuple[Program, Far]]:
    ours, theirs = socket.socketpair()
    far = Far(theirs)
    program = Program("server", Attached(ours))
    yield program, far
    program.close()
    far.close()


@pytest.fixture
def program(both: tuple[Program, Far]) -> Program:
    return both[0]


@pytest.fixture
def far(both: tuple[Program, Far]) -> Far:
    return both[1]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


def test_the_first_line_says_that_the_program_is_ready(program: Program, far: Far) -> None:
    far.frame(b'{"id": null, "ok": {"pid": 1}}\n')
    assert program.ready(2) == {"pid": 1}


def test_a_request_is_answered(program: Program, far: Far, pool: ThreadPoolExecutor) -> None:
    answer = pool.submit(program.ask, "run", 2, argv=["true"])
    request = far.request()
    assert (request["do"], request["argv"]) == ("run", ["true"])
    far.reply(request, ok=[1, 2])
    assert answer.result(2) == [1, 2]


def test_requests_overlap_and_are_answered_in_any_order(program: Program, far: Far, pool: ThreadPoolExecutor) -> None:
    answers = {n: pool.submit(program.ask, "echo", 5, n=n) for n in range(10)}
    requests = [far.request() for _ in range(10)]
    for request in reversed(requests):
        far.reply(request, ok=request["n"])
    assert {n: answer.result(5) for n, answer in answers.items()} == {n: n for n in range(10)}


def test_what_a_program_refuses_says_why(program: Program, far: Far, pool: ThreadPoolExecutor) -> None:
    answer = pool.submit(program.ask, "run", 2)
    far.reply(far.request(), error="KeyError: 'argv'")
    with pytest.raises(AgentRefused, match="'server' could not do what it was asked: KeyError: 'argv'"):
        answer.result(2)


def test_a_request_without_an_answer_ends_at_its_deadline(program: Program, far: Far) -> None:
    far.frame(b"still thinking\n", STDERR)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="timed out after 0.1 s waiting for 'server' to answer 'run'"):
        program.ask("run", 0.1)
    assert time.monotonic() - began < 1


def test_a_late_answer_harms_nobody(program: Program, far: Far, pool: ThreadPoolExecutor) -> None:
    with pytest.raises(DeadlineExceeded):
        program.ask("first", 0.05)
    far.reply(far.request(), ok="late")
    answer = pool.submit(program.ask, "second", 2)
    far.reply(far.request(), ok="in time")
    assert answer.result(2) == "in time"


def test_when_the_stream_ends_all_that_wait_fail_with_the_last_output(
    program: Program, far: Far, pool: ThreadPoolExecutor
) -> None:
    answers = [pool.submit(program.ask, "run", 5) for _ in range(3)]
    for _ in answers:
        far.request()
    far.frame("Traceback: ärger\n".encode(), STDERR)
    far.end()
    for answer in answers:
        with pytest.raises(AgentLost, match=r"'server' has lost its agent: its stream ended\.[^$]*Traceback: ärger"):
            answer.result(2)
    with pytest.raises(AgentLost):
        program.ask("run", 2)
    with pytest.raises(AgentLost):
        program.ready(2)


@pytest.mark.parametrize(
    "garbage",
    [
        b"Killed\n",
        b"\xff\xfe\n",
        b"7\n",
        b"[]\n",
        b"null\n",
        b"{}\n",
        b'{"id": 1}\n',
        b'{"id": 99, "ok": 1}\n',
        b'{"id": [1], "ok": 1}\n',
        b"\n",
    ],
)
def test_what_is_no_reply_ends_it_with_a_clear_error(
    program: Program, far: Far, pool: ThreadPoolExecutor, garbage: bytes
) -> None:
    answer = pool.submit(program.ask, "run", 5)
    far.request()
    far.frame(garbage)
    with pytest.raises(AgentLost, match="it sent something that is not a reply") as caught:
        answer.result(2)
    assert garbage.decode(errors="replace").strip() in str(caught.value)


def test_a_reply_nested_too_deep_is_none(program: Program, far: Far, pool: ThreadPoolExecutor) -> None:
    answer = pool.submit(program.ask, "run", 5)
    request = far.request()
    far.frame(b'{"id": %d, "ok": ' % request["id"] + b"[" * 50_000 + b"]" * 50_000 + b"}\n")
    with pytest.raises(AgentLost, match="it sent something that is not a reply"):
        answer.result(5)


REPLIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "ok", "error", "x"]), inner),
    max_leaves=8,
)


@given(st.lists(st.binary(max_size=40) | REPLIES.map(lambda one: json.dumps(one).encode()), max_size=8))
def test_whatever_a_program_sends_a_request_ends_with_an_answer_or_one_of_our_errors(sent: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    far = Far(theirs)
    program = Program("server", Attached(ours))
    try:
        for line in sent:
            far.frame(line + b"\n")
        far.end()
        with contextlib.suppress(LabError):
            program.ready(5)
        with pytest.raises(LabError):  # the stream has ended, whatever came before
            program.ask("run", 5)
    finally:
        program.close()
        far.close()


def test_a_second_greeting_is_no_reply_either(program: Program, far: Far) -> None:
    far.frame(b'{"id": null, "ok": 1}\n')
    assert program.ready(2) == 1
    far.frame(b'{"id": null, "ok": 2}\n')
    with pytest.raises(AgentLost, match="not a reply"):
        program.ask("run", 2)


def test_a_large_reply_comes_in_many_frames_and_soon(program: Program, far: Far, pool: ThreadPoolExecutor) -> None:
    answer = pool.submit(program.ask, "read", 10)
    request = far.request()
    line = json.dumps({"id": request["id"], "ok": "x" * (8 << 20)}).encode() + b"\n"
    began = time.monotonic()
    for at in range(0, len(line), 16 << 10):
        far.frame(line[at : at + (16 << 10)])
    assert len(answer.result(10)) == 8 << 20
    assert time.monotonic() - began < 3


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_frames_may_be_cut_anywhere(cuts: list[int]) -> None:
    """Lines are found in the bytes, not in the frames that they come in."""
    ours, theirs = socket.socketpair()
    far = Far(theirs)
    program = Program("server", Attached(ours))
    try:
        line = json.dumps({"id": None, "ok": "äöü" * 20}, ensure_ascii=False).encode() + b"\n"
        at = 0
        for cut in [*cuts, len(line)]:
            far.frame(line[at : at + cut])
            at += cut
        assert program.ready(2) == "äöü" * 20
    finally:
        program.close()
        far.close()
