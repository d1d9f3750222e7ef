"""Lines that say what is being done, for a person who waits: on standard error, with the seconds since the first."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

Progress = Callable[[str], None]
"""Hears, in short lines, what is being done."""


def timed(
    stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic, *, quiet: bool = False
) -> Progress:
    """Return a progress that writes each line to `stream`, the standard error if none is given, or nowhere."""
    began = clock()

    def tell(line: str) -> None:
        if not quiet:
            print(f"[{clock() - began:5.1f} s] {line}", file=stream or sys.stderr, flush=True)

    return tell
