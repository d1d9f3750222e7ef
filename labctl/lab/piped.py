"""A program of ours as a process of this machine: its streams are pipes, and it ends with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

from labctl.engine.stream import STDERR, STDOUT
from labctl.model import Exit
from labctl.system.places import PACKAGE

MOST_READ = 1 << 16  # bytes at once
BY_SIGNAL = 128  # what a shell, and an engine, add to a signal's number to tell of an end by it


def command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of this package by this Python."""
    return [sys.executable, "-P", "-m", module, *arguments]


def given(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return these variables with what such a module cannot do without: of this process's own its PATH alone."""
    own = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(home)}
    return {**own, **environment, "PYTHONPATH": str(PACKAGE.parent)}


class Piped:
    """A module of this package, as a process with an environment of its own.

    Its standard input ends with this process, whatever ends that; the programs that are run so end then.
    """

    def __init__(self, module: str, environment: Mapping[str, str], folder: Path) -> None:
        self._process = subprocess.Popen(
            command(module),
            env=given(environment, folder),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._lock = threading.Lock()

    def listen(self, on_output: Callable[[int, bytes], None], on_end: Callable[[], None]) -> None:
        """Read in threads until both streams end: `on_output(stream number, bytes)` for what comes of either."""
        standard = {STDOUT: self._process.stdout, STDERR: self._process.stderr}
        readers = [
            threading.Thread(target=_read, args=(stream, partial(on_output, number)), daemon=True)
            for number, stream in standard.items()
            if stream is not None
        ]
        for reader in readers:
            reader.start()

        def tell() -> None:
            for reader in readers:
                reader.join()
            on_end()

        threading.Thread(target=tell, name="piped", daemon=True).start()

    def send(self, message: bytes) -> None:
        """Write to its standard input; raises OSError where it has ended."""
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            raise BrokenPipeError("the input of this program is closed")
        with self._lock:
            stdin.write(message)
            stdin.flush()

    def close(self) -> None:
        """End its input, and see that it ends; what it started meanwhile ends with it."""
        with self._lock, suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        if self.ended_within(ENDS) is None:
            self.signal(signal.SIGKILL)
            self._process.wait()

    def signal(self, number: int) -> None:
        """Send it a signal; nothing happens where it has ended."""
        self._process.send_signal(number)

    def ended_within(self, seconds: float) -> Exit | None:
        """Return how it ended, waiting for that so long; None where it goes on."""
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(seconds)
            return Exit(code if code >= 0 else BY_SIGNAL - code)
        return None


ENDS = 5.0  # seconds for a program to end with its input


def _read(stream: IO[bytes], on_output: Callable[[bytes], None]) -> None:
    with suppress(OSError), stream:
        while chunk := os.read(stream.fileno(), MOST_READ):
            on_output(chunk)
