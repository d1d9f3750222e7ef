"""What the command-line clients share."""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Sequence
from typing import Any

from labctl.clients.outcomes import BY_ERRNO, errno_in

MOST_PRINTED = 1 << 16  # bytes of each stream that are kept
ENDED = 124  # what timeout(1) exits with where it had to end the command


def first_line(*argv: str) -> str:
    """Return the first line that a command prints: where it tells its version."""
    ran = subprocess.run(argv, capture_output=True, text=True, check=True)
    return (ran.stdout or ran.stderr).partition("\n")[0]


def ran(argv: Sequence[str]) -> tuple[int, str, str]:
    """Run a command; return its exit code, and the beginning of what it printed to each stream, the rest dropped."""
    with (
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program,
        selectors.DefaultSelector() as open_ones,
    ):
        printed = {stream: bytearray() for stream in (program.stdout, program.stderr) if stream is not None}
        for stream in printed:
            open_ones.register(stream, selectors.EVENT_READ)
        while open_ones.get_map():
            for key, _ in open_ones.select():
                chunk = os.read(key.fd, 1 << 16)
                kept = printed[key.fileobj]  # type: ignore[index]  # which are the streams
                kept += chunk[: MOST_PRINTED - len(kept)]
                if not chunk:
                    open_ones.unregister(key.fileobj)
    stdout, stderr = (bytes(kept).decode(errors="replace") for kept in printed.values())
    return program.returncode, stdout, stderr


def limited(seconds: float, *argv: str) -> list[str]:
    """Return the command line that ends another, by coreutils' timeout, after so many seconds."""
    return ["timeout", f"{seconds:g}", *argv]


def told(outcome: str, stage: str | None, says: str = "", number: int | None = None) -> dict[str, Any]:
    """Return what `read` of a command-line client returns."""
    return {"outcome": outcome, "stage": stage, "number": number, "says": says}


def by_errno(says: str) -> dict[str, Any]:
    """Return what it means that a command could not connect and printed why in the kernel's words."""
    number = errno_in(says)
    return told("protocol-error" if number is None else BY_ERRNO[number], "connect", says, number)
