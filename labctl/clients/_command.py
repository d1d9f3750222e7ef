"""What the command-line clients share."""

from __future__ import annotations

import subprocess
from typing import Any

from labctl.clients.outcomes import BY_ERRNO, errno_in

ENDED = 124  # what timeout(1) exits with where it had to end the command


def first_line(*argv: str) -> str:
    """Return the first line that a command prints: where it tells its version."""
    ran = subprocess.run(argv, capture_output=True, text=True, check=True)
    return (ran.stdout or ran.stderr).partition("\n")[0]


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
