"""The clients of a host: a zygote that has every library loaded and warm, and forks a child whenever clients try.

Speaks the same lines as the agent, as an ordinary user without capabilities. Importing all libraries costs a quarter of
a second of processor time, so it is done once, while the other containers of the lab start, and never in a try. For the
same reason this module and those that it needs do without dataclasses, which take 7 ms to load.

Where LABCTL_CLIENTS is set, only the clients that it names are loaded, with commas between them; LABCTL_WARM is the
scheme of the targets that they are made ready for, LABCTL_REACH lists the only addresses that they reach, and
LABCTL_USER is who they become. The first line names the clients, and those that are broken. With `--list` it is the
only one.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from labctl.agent.children import Children
from labctl.agent.lines import Lines
from labctl.clients import ONLY, REACH, USER, WARM
from labctl.clients._batch import Batch, write_all
from labctl.clients._confined import become, confine
from labctl.clients._loading import Client, load

WAITS = 60.0  # seconds that clients may wait for somebody to say that they go on
GRACE = 5.0  # seconds that a try may take beyond its own limits before it is killed: a busy machine lets it wait


class Child:
    """A forked process whose reports are still coming, a line of JSON each, and what makes a reply of them.

    Where it waits for labctl to say that it goes on, no request waits for it. `limit` is in seconds, for each request;
    `concluded` takes the reports, and why there are no more.
    """

    def __init__(
        self, request: int, pid: int, limit: float, concluded: Callable[[list[Any], str], dict[str, Any]]
    ) -> None:
        self.request: int | None = request
        self.pid = pid
        self.limit = limit
        self.deadline = time.monotonic() + limit
        self.concluded = concluded
        self.expects = 0  # clients, each of which asks twice, and has not been told to go on yet
        self.goes_on: int | None = None  # the descriptor by which they are told
        self.reports = b""

    def told(self) -> list[Any]:
        """Return its reports so far; a line that was not written to its end is none."""
        return [json.loads(line) for line in self.reports.split(b"\n")[:-1]]


class Zygote:
    """One thread, as forking wants it: waits for requests, reports and deadlines."""

    def __init__(self) -> None:
        self.lines = Lines()
        only = os.environ.get(ONLY)
        self.clients, self.broken = load(None if only is None else only.split(","), os.environ.get(WARM, "http"))
        if REACH in os.environ:
            confine(os.environ[REACH].split(","))
        if USER in os.environ:
            become(*map(int, os.environ[USER].split(":")))
        self.children: dict[int, Child] = {}
        self.holders: list[int] = []
        self.selector = selectors.DefaultSelector()

    def introduce(self) -> None:
        """Say which clients there are."""
        known = {
            name: {
                "version": client.version,
                "schemes": client.schemes,
                "asks_again": hasattr(client.module, "attempt_twice"),
            }
            for name, client in self.clients.items()
        }
        self.lines.reply(None, ok={"clients": known, "broken": self.broken})

    def serve(self) -> None:
        """Answer requests until the input ends."""
        self.selector.register(self.lines.fileno(), selectors.EVENT_READ)
        pending = b""
        while True:
            for key, _ in self.selector.select(self._patience()):
                if key.fd != self.lines.fileno():
                    self._read_report(key.fd)
                    continue
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    self._leave()
                *complete, pending = (pending + chunk).split(b"\n")
                for line in complete:
                    self._answer(json.loads(line))
            self._end_the_late()

    def _leave(self) -> None:
        """End, and what was forked too: where this is no PID 1 nobody else does that."""
        for pid in {*self.holders, *(child.pid for child in self.children.values())}:
            _kill(pid)
        os._exit(0)

    def _answer(self, request: Mapping[str, Any]) -> None:
        number = request["id"]
        try:
            match request["do"]:
                case "try":
                    retry = request.get("retry")
                    limit = 2 * request["timeout"] + (retry["for"] if retry else 0) + GRACE
                    going, goes_on = os.pipe()
                    work = partial(_try, self.clients, request, going)
                    child = self._fork(number, limit, work, partial(_tried, request["clients"]))
                    os.close(going)
                    child.goes_on = goes_on
                    child.expects = len(request["clients"]) if request.get("again") is not None else 0
                case "go on":
                    self._go_on(number, request["waits"])
                case "hold":
                    self._fork(number, request["timeout"] + GRACE, partial(hold, request), _reported, lives_on=True)
                case "run":
                    self._fork(number, request["timeout"] + GRACE, partial(run, request), _reported)
                case "release":
                    self._release()
                    self.lines.reply(number, ok=None)
                case unknown:
                    self.lines.reply(number, error=f"unknown request {unknown!r}")
        except Exception as error:  # noqa: BLE001 - whatever it is, labctl must hear of it
            self.lines.reply(number, error=f"{type(error).__name__}: {error}")

    def _fork(
        self,
        request: int,
        limit: float,
        work: Callable[[int], None],
        concluded: Callable[[list[Any], str], dict[str, Any]],
        *,
        lives_on: bool = False,
    ) -> Child:
        """Do work in a child, which writes its reports to the descriptor that it is given."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            os.close(reading)
            with contextlib.suppress(BaseException):  # the child must never return into the loop
                work(writing)
            os.close(writing)
            while lives_on:
                signal.pause()
            os._exit(0)
        os.close(writing)
        if lives_on:
            self.holders.append(pid)
        child = self.children[reading] = Child(request, pid, limit, concluded)
        self.selector.register(reading, selectors.EVENT_READ)
        return child

    def _read_report(self, reading: int) -> None:
        child = self.children[reading]
        chunk = os.read(reading, 65536)
        if chunk:
            child.reports += chunk
            if child.expects:
                self._tell_of_waiting(reading, child)
            return
        self._end(reading, "it ended without a report")
        if child.pid not in self.holders:
            os.waitpid(child.pid, 0)

    def _tell_of_waiting(self, reading: int, child: Child) -> None:
        """Reply that clients wait, once every one of them does or has ended."""
        told = child.told()
        if any("waits" in one for one in told) and len({one["client"] for one in told}) == child.expects:
            self.lines.reply(child.request, ok={"waits": reading})
            child.expects, child.request, child.deadline = 0, None, time.monotonic() + WAITS

    def _go_on(self, number: int, reading: int) -> None:
        """Let clients that wait go on; their reports are the reply to this request."""
        child = self.children[reading]
        if child.goes_on is None or child.request is not None:
            raise ValueError("nothing waits there")
        child.request, child.deadline = number, time.monotonic() + child.limit
        os.write(child.goes_on, b"\n")

    def _end_the_late(self) -> None:
        now = time.monotonic()
        for reading, child in list(self.children.items()):
            if child.deadline < now:
                _kill(child.pid)
                self._end(reading, "it did not end by its own deadline and was killed")

    def _end(self, reading: int, why: str) -> None:
        child = self.children[reading]
        self._forget(reading)
        if child.request is not None:
            self.lines.reply(child.request, **child.concluded(child.told(), why))

    def _release(self) -> None:
        for pid in self.holders:
            _kill(pid)
        self.holders.clear()

    def _forget(self, reading: int) -> None:
        self.selector.unregister(reading)
        os.close(reading)
        child = self.children.pop(reading)
        if child.goes_on is not None:
            os.close(child.goes_on)

    def _patience(self) -> float | None:
        if not self.children:
            return None
        return max(0.0, min(child.deadline for child in self.children.values()) - time.monotonic())


def _try(clients: Mapping[str, Client], request: Mapping[str, Any], going: int, writing: int) -> None:
    Batch(clients, request, writing, going).run()


def _tried(clients: Sequence[str], reports: list[Any], why: str) -> dict[str, Any]:
    """Return the reply to a request for tries: of each client what it reported, or the error that it did not."""
    told = {one["client"]: one for one in reports if "waits" not in one}
    return {"ok": {name: told.get(name, {"error": why}) for name in clients}}


def _reported(reports: list[Any], why: str) -> dict[str, Any]:
    return {"ok": reports[0]} if reports else {"error": why}


def run(request: Mapping[str, Any], writing: int) -> None:
    """Run a command, which ends as a shell tells it: above 128 by a signal, 126 or 127 where it cannot be started."""
    os.environ.update(request["environment"])
    try:
        told = Children().run(request["argv"], request["timeout"])
        code = told["exit_code"]
        told["exit_code"] = 128 - code if code is not None and code < 0 else code
    except OSError as error:
        code = 127 if isinstance(error, FileNotFoundError) else 126
        told = {"exit_code": code, "stdout": "", "stderr": str(error), "seconds": 0.0}
    write_all(writing, json.dumps(told).encode() + b"\n")


AT_ONCE = struct.pack("ii", 1, 0)
"""A reset at the end, and no TIME-WAIT that would keep the port: socket(7), SO_LINGER."""
HELD: list[socket.socket] = []  # a holder's connections, open until it is killed


def hold(request: Mapping[str, Any], writing: int) -> None:
    """Open connections and keep them, idle, until released. Reports their own ports, and why others do not stand."""
    failures = []
    for _ in range(request["count"]):
        try:
            one = socket.create_connection((request["host"], request["port"]), request["timeout"])
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            HELD.append(one)
        except OSError as error:
            failures.append(str(error))
    told = {"ports": [one.getsockname()[1] for one in HELD], "failures": failures}
    write_all(writing, json.dumps(told).encode() + b"\n")


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # killed before it had its own group, or already gone
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with contextlib.suppress(ChildProcessError):  # where this is PID 1, the programs that it ran are its children now
        while True:
            os.waitpid(-pid, 0)


def main() -> None:
    """Load the clients, say which there are, and serve until the input ends."""
    zygote = Zygote()
    zygote.introduce()
    if "--list" not in sys.argv[1:]:
        zygote.serve()


if __name__ == "__main__":
    main()
