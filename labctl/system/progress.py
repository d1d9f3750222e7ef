"""Lines that say what is being done, for a person who waits: on standard error, with the seconds since the first."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from labctl.system.files import EXHAUSTED

Progress = Callable[[str], None]
"""Hears, in short lines, what is being done."""


def timed(
    stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic, *, quiet: bool = False
) -> Progress:
    """Return a progress that writes each line to `stream`, the standard error if none is given, or nowhere."""
    began = clock()

    def tell(line: str) -> None:
        if not quiet:
            with _unless_full():
                print(f"[{clock() - began:5.1f} s] {line}", file=stream or sys.stderr, flush=True)

    return tell


@functools.cache
def tell_once(line: str) -> None:
    """Write a line to standard error, once in a process however often it is called for."""
    with _unless_full():
        sys.stderr.write(f"labctl: {line}\n")
        sys.stderr.flush()


@contextmanager
def _unless_full() -> Iterator[None]:
    """Leave out a line where standard error goes to a file on a full disk: nothing depends on it."""
    try:
        yield
    except OSError as error:
        if error.errno not in EXHAUSTED:
            raise
