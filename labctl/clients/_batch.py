"""The tries of one request: all clients at once, in threads of one forked child, each reported as it ends.

Most of what a fork costs is the copying of the pages that the child touches, and clients touch the same ones.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labctl.clients import Target
from labctl.clients._loading import Client
from labctl.clients._trying import Moment, with_retries


class Batch:
    """The tries of one request, in the child.

    With `again` in it, each client asks twice over one connection. In between it says that it waits, and goes on once
    something is written to the child's `going`.
    """

    def __init__(self, clients: Mapping[str, Client], request: Mapping[str, Any], writing: int, going: int) -> None:
        self._clients = clients
        self._request = request
        self._target = Target.parse(request["target"])._replace(verify=request.get("verify", True))
        self._writing, self._going = writing, going
        self._reporting = threading.Lock()
        self._may_go_on = threading.Event()

    def run(self) -> None:
        """Let all of them try."""
        os.environ.update(self._request.get("environment", {}))
        if self._request.get("again") is not None:
            threading.Thread(target=self._await_going, daemon=True).start()
        names, nofile = self._request["clients"], self._request.get("nofile")
        if nofile is not None:
            import resource

            programs = [name for name in names if hasattr(self._clients[name].module, "command")]
            _at_once(self._one, programs)  # programs of their own, which begin with no descriptors but three
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(nofile, most), most))
            names = [name for name in names if name not in programs]
        _at_once(self._one, names)

    def _one(self, name: str) -> None:
        try:
            client = self._clients[name]
            pause = Pause(lambda: self._wait(name)) if self._request.get("again") is not None else None
            report = with_retries(
                client.module, self._target, self._request["timeout"], self._request.get("retry"), pause
            )
            told: dict[str, Any] = {"ok": {"client": name, "version": client.version, **report}}
        except BaseException as error:  # noqa: BLE001 - whatever it is, labctl must hear of it
            told = {"error": f"{type(error).__name__}: {error}"}
        self._report({"client": name, **told})

    def _wait(self, name: str) -> None:
        self._report({"client": name, "waits": True})
        self._may_go_on.wait()

    def _await_going(self) -> None:
        os.read(self._going, 1)
        self._may_go_on.set()

    def _report(self, told: Mapping[str, Any]) -> None:
        line = json.dumps(told).encode() + b"\n"
        with self._reporting:
            write_all(self._writing, line)


class Pause:
    """What a client does between two requests; `over` is when it was."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self.over: Moment | None = None
        self._wait = wait

    def __call__(self) -> None:
        """Wait until labctl says to go on."""
        self._wait()
        self.over = Moment.now()


def _at_once(one: Callable[[str], None], names: Sequence[str]) -> None:
    if len(names) == 1:
        one(names[0])
        return
    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def write_all(writing: int, report: bytes) -> None:
    """Write all of something to a descriptor."""
    while report:
        report = report[os.write(writing, report) :]
