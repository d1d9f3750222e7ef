"""The nc command (netcat-openbsd) as a test of a port: `nc -zv -w SECONDS host port`. It connects and says no word.

`-w` takes whole seconds (nc(1)); any other time is kept by timeout(1) around it, and then nc cannot say what it was at.
"""

from __future__ import annotations

import math
from typing import Any

from labctl.clients import PORTS, Target
from labctl.clients._command import ENDED, by_errno, first_line, limited, told

SCHEMES = tuple(PORTS)  # it says nothing, so whatever is spoken there


def version() -> str:
    """Return the version of the command."""
    return first_line("nc", "-h")


def command(target: Target, timeout: float) -> list[str]:
    """Return the command line."""
    whole = timeout == math.ceil(timeout)
    seconds = math.ceil(timeout) if whole else math.ceil(timeout) + 1  # whoever keeps the time, the other must not
    test = ["nc", "-zv", "-w", str(seconds), target.host, str(target.port)]
    return test if whole else limited(timeout, *test)


def read(exit_code: int, _: str, stderr: str) -> dict[str, Any]:
    """Return what the command's end means: nc exits with 1 whatever failed, and says what did."""
    says = stderr.strip().rpartition("\n")[2]
    if exit_code == 0:
        return told("ok", None)
    if exit_code == ENDED:
        return told("timed-out", None, says)
    if "getaddrinfo" in says:
        return told("name-error", "resolve", says)
    if ") timed out: " in says:
        return told("timed-out", "connect", says)
    return by_errno(says)
