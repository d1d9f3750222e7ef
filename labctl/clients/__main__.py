"""The clients of a host: a zygote that has every library loaded and warm, and forks a child for each try.

Speaks the same lines as the agent, as an ordinary user without capabilities. Importing all libraries costs a quarter of
a second of processor time, so it is done once, while the other containers of the lab start, and never in a try.

Where LABCTL_CLIENTS is set, only the clients that it names are loaded, with commas between them. The first line names
the clients, and those that are broken. With `--list` it is the only one.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labctl.agent.lines import Lines
from labctl.clients import ONLY, Target
from labctl.clients._loading import load
from labctl.clients._trying import with_retries

GRACE = 1.0  # seconds that a try may take beyond its own limits before it is killed


@dataclass
class Child:
    """A forked try or holder whose report is still coming."""

    request: int
    pid: int
    deadline: float
    report: bytes = b""


class Zygote:
    """One thread, as forking wants it: waits for requests, reports and deadlines."""

    def __init__(self) -> None:
        self.lines = Lines()
        only = os.environ.get(ONLY)
        self.clients, self.broken = load(None if only is None else only.split(","))
        self.children: dict[int, Child] = {}
        self.holders: list[int] = []
        self.selector = selectors.DefaultSelector()

    def introduce(self) -> None:
        """Say which clients there are."""
        known = {name: {"version": client.version, "schemes": client.schemes} for name, client in self.clients.items()}
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
                    os._exit(0)
                *complete, pending = (pending + chunk).split(b"\n")
                for line in complete:
                    self._answer(json.loads(line))
            self._end_the_late()

    def _answer(self, request: Mapping[str, Any]) -> None:
        number = request["id"]
        try:
            match request["do"]:
                case "try":
                    retry = request.get("retry")
                    limit = 2 * request["timeout"] + (retry["for"] if retry else 0) + GRACE
                    self._fork(number, limit, lambda: self._try(request))
                case "hold":
                    self._fork(number, request["timeout"] + GRACE, lambda: hold(request), lives_on=True)
                case "release":
                    self._release()
                    self.lines.reply(number, ok=None)
                case unknown:
                    self.lines.reply(number, error=f"unknown request {unknown!r}")
        except Exception as error:  # noqa: BLE001 - whatever it is, labctl must hear of it
            self.lines.reply(number, error=f"{type(error).__name__}: {error}")

    def _fork(self, request: int, limit: float, work: Any, *, lives_on: bool = False) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            os.close(reading)
            try:
                report = json.dumps({"ok": work()})
            except BaseException as error:  # noqa: BLE001 - the child must never return into the loop
                report = json.dumps({"error": f"{type(error).__name__}: {error}"})
            _write_all(writing, report.encode())
            os.close(writing)
            while lives_on:
                signal.pause()
            os._exit(0)
        os.close(writing)
        if lives_on:
            self.holders.append(pid)
        self.children[reading] = Child(request, pid, time.monotonic() + limit)
        self.selector.register(reading, selectors.EVENT_READ)

    def _read_report(self, reading: int) -> None:
        child = self.children[reading]
        chunk = os.read(reading, 65536)
        if chunk:
            child.report += chunk
            return
        self._forget(reading)
        report = json.loads(child.report) if child.report else {"error": "it ended without a report"}
        self.lines.reply(child.request, **report)
        if child.pid not in self.holders:
            os.waitpid(child.pid, 0)

    def _end_the_late(self) -> None:
        now = time.monotonic()
        for reading, child in list(self.children.items()):
            if child.deadline < now:
                _kill(child.pid)
                self._forget(reading)
                self.lines.reply(child.request, error="it did not end by its own deadline and was killed")

    def _release(self) -> None:
        for pid in self.holders:
            _kill(pid)
        self.holders.clear()

    def _forget(self, reading: int) -> None:
        self.selector.unregister(reading)
        os.close(reading)
        del self.children[reading]

    def _patience(self) -> float | None:
        if not self.children:
            return None
        return max(0.0, min(child.deadline for child in self.children.values()) - time.monotonic())

    def _try(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name = request["client"]
        os.environ.update(request.get("environment", {}))
        target = Target.parse(request["target"])
        client = self.clients[name]
        report = with_retries(client.module, target, request["timeout"], request.get("retry"))
        return {"client": name, "version": client.version, **report}


HELD: list[socket.socket] = []  # a holder's connections, open until it is killed


def hold(request: Mapping[str, Any]) -> dict[str, Any]:
    """Open connections and keep them, idle, until released. Returns their own ports, and why others do not stand."""
    failures = []
    for _ in range(request["count"]):
        try:
            HELD.append(socket.create_connection((request["host"], request["port"]), request["timeout"]))
        except OSError as error:
            failures.append(str(error))
    return {"ports": [one.getsockname()[1] for one in HELD], "failures": failures}


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # killed before it had its own group, or already gone
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with contextlib.suppress(ChildProcessError):  # where this is PID 1, the programs that it ran are its children now
        while True:
            os.waitpid(-pid, 0)


def _write_all(writing: int, report: bytes) -> None:
    while report:
        report = report[os.write(writing, report) :]


def main() -> None:
    """Load the clients, say which there are, and serve until the input ends."""
    zygote = Zygote()
    zygote.introduce()
    if "--list" not in sys.argv[1:]:
        zygote.serve()


if __name__ == "__main__":
    main()
