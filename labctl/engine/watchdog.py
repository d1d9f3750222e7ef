"""The watchdog: a process of its own that outlives labctl by a second and removes what a killed labctl left.

It holds one end of a pipe. The word "done" on it says that all was removed; its end without that word says that labctl
died. It lives in its own session, so that no signal of the terminal reaches it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from labctl.system.places import PACKAGE

if TYPE_CHECKING:
    from labctl.engine.connection import Candidate

DONE = b"done"
PROGRAM = """
import sys
place, label = sys.argv[1:]
sys.path.append(place)
from labctl.engine.watchdog import main
main(label)
"""
"""-P and this keep the folder that labctl is called in out of it: a `docker/` there is somebody else's."""
EMPTY_LOOKS = 3
SECONDS = 60.0


class Watchdog:
    """labctl's end of the pipe; `engine` is where it will remove what carries the label."""

    def __init__(self, label: str, engine: Candidate) -> None:
        self._dismissed = False
        reading, self._writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", PROGRAM, str(PACKAGE.parent), label],
                env={**os.environ, "DOCKER_HOST": engine.address} if engine.local else None,  # that one, and no other
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(reading)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let go of the pipe: unless it was dismissed, the watchdog goes to work now."""
        os.close(self._writing)
        if self._dismissed:
            self._process.wait(timeout=10)

    def dismiss(self) -> None:
        """Tell it that nothing is left to remove."""
        os.write(self._writing, DONE)
        self._dismissed = True


def main(label: str) -> None:
    """Wait for the pipe's end; remove what carries the label, unless told that nothing does."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    told = b""
    while chunk := os.read(0, 64):
        told += chunk
    if told == DONE:
        return
    from labctl.engine.connection import Connection, connect
    from labctl.engine.containers import Containers
    from labctl.engine.sweep import sweep
    from labctl.errors import EngineUnavailable
    from labctl.system.waiting import poll

    found: list[Connection] = []

    def answers() -> bool:
        with suppress(EngineUnavailable):
            found.append(connect())
        return bool(found)

    poll(answers, SECONDS, "the engine to come back", every=1.0)
    sweep(Containers(found[0]), label, seconds=SECONDS, empty_looks=EMPTY_LOOKS, patient=True)
