"""labctl's side of the stream to a program of ours inside a host: requests with ids, which may overlap."""

from __future__ import annotations

import itertools
import json
import shlex
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as NotYet
from functools import partial
from typing import Any, Protocol

from labctl.engine.stream import STDERR
from labctl.errors import AgentLost, AgentRefused, DeadlineExceeded
from labctl.model import Ran

ANSWERS = 10.0  # seconds for a program of ours to answer, beyond what it was told to wait for
KEPT_OUTPUT = 4000  # characters of what the program printed last
MOST_REPLY = 32 << 20  # bytes without a line's end, before the program is given up


class Stream(Protocol):
    """The standard streams of a program, wherever it runs."""

    def listen(self, on_output: Callable[[int, bytes], None], on_end: Callable[[], None]) -> None:
        """Call the one for each piece of output, with its stream's number, and the other at their end."""

    def send(self, message: bytes) -> None:
        """Write to its standard input; raises OSError where it was cut."""

    def close(self) -> None:
        """End its input."""


class Program:
    """A program of ours in a host. Every request has a deadline; when the stream ends, all that wait fail."""

    def __init__(self, host: str, stream: Stream, name: str = "agent") -> None:
        self.host = host
        self._name = name
        self.hello: Future[Any] = Future()
        self._stream = stream
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._partial = bytearray()
        self._printed = ""
        self._lost: AgentLost | None = None
        stream.listen(self._on_output, lambda: self._lose("its stream ended"))

    def ready(self, seconds: float) -> Any:
        """Wait for the program's first line and return what it says of itself."""
        return self._await(self.hello, "start", seconds)

    def ask(self, do: str, seconds: float, **arguments: Any) -> Any:
        """Send one request and return its answer.

        Raises AgentRefused, DeadlineExceeded or AgentLost.
        """
        return self.asked(do, **arguments)(seconds)

    def asked(self, do: str, **arguments: Any) -> Callable[[float], Any]:
        """Send one request; return what waits so many seconds for its answer and returns that, or raises as `ask`.

        Raises AgentLost.
        """
        number = next(self._numbers)
        answer: Future[Any] = Future()
        with self._lock:
            if self._lost:
                raise self._lost
            self._waiting[number] = answer
        line = json.dumps({"id": number, "do": do, **arguments}).encode() + b"\n"
        try:
            self._stream.send(line)
        except OSError as error:
            self._lose(f"its stream was cut ({error})")
        return partial(self._await, answer, do)

    def close(self) -> None:
        """End its input; an agent ends with it, and everything in its PID namespace."""
        self._stream.close()

    def _await(self, answer: Future[Any], do: str, seconds: float) -> Any:
        try:
            return answer.result(seconds)
        except NotYet:
            raise DeadlineExceeded(f"{self.host!r} to answer {do!r}", seconds, last=self._printed) from None

    def _on_output(self, number: int, output: bytes) -> None:
        if number == STDERR:
            self._printed = (self._printed + output.decode(errors="replace"))[-KEPT_OUTPUT:]
            return
        self._partial += output
        lines: list[bytearray] = []
        if b"\n" in output:  # a large reply comes in hundreds of frames; only its last is worth a look at all of it
            *lines, self._partial = self._partial.split(b"\n")
        if len(self._partial) > MOST_REPLY:
            self._lose("it sent a reply without an end")
        for line in lines:
            self._on_line(bytes(line))

    def _on_line(self, line: bytes) -> None:
        try:
            reply = json.loads(line)
            number = reply["id"]
            refused = None if "ok" in reply else AgentRefused(self.host, "do what it was asked", str(reply["error"]))
            with self._lock:
                answer = self.hello if number is None else self._waiting.pop(number)
            if refused:
                answer.set_exception(refused)
            else:
                answer.set_result(reply["ok"])
        except (ValueError, KeyError, TypeError, RecursionError, InvalidStateError):
            self._printed = (self._printed + line.decode(errors="replace"))[-KEPT_OUTPUT:]
            self._lose("it sent something that is not a reply")

    def _lose(self, why: str) -> None:
        with self._lock:
            self._lost = self._lost or AgentLost(self.host, why, self._printed, self._name)
            waiting = [self.hello, *self._waiting.values()]
            self._waiting.clear()
        for answer in waiting:
            if not answer.done():
                answer.set_exception(self._lost)


def demand(host: str, argv: Sequence[str], ran: Ran, exits: int | None) -> None:
    """Raise AgentRefused where a command did not exit as it should; None takes any exit."""
    if exits is not None and ran.exit_code != exits:
        raise AgentRefused(host, f"run `{shlex.join(argv)}`", f"exit {ran.exit_code}. {ran.output.strip()}")
