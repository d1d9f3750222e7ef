"""The curl command, verbose, as a person checks that it is not the Python code."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from typing import Any

from labctl.clients import Target
from labctl.clients.outcomes import BY_ERRNO, errno_in

SCHEMES = ("http",)
OUTCOMES = {  # exit codes, curl(1)
    0: ("ok", None),
    6: ("name-error", "resolve"),
    7: ("refused", "connect"),
    22: ("protocol-error", "protocol"),
    28: ("timed-out", None),
    35: ("tls-error", "handshake"),
    52: ("closed", "receive"),
    55: ("reset", "send"),
    56: ("reset", "receive"),
}


def version() -> str:
    """Return the version of the command."""
    told = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join(told.split()[:2])


def command(target: Target, timeout: float) -> list[str]:
    """Return the command line; curl's own clock is for the whole transfer, so reading gets the time once more."""
    limits = ["--connect-timeout", f"{timeout:g}", "--max-time", f"{2 * timeout:g}"]
    return [shutil.which("curl") or "curl", "-sSvf", "-o", "/dev/null", *limits, "-w", "%{time_connect}", target.url]


def read(exit_code: int, stdout: str, stderr: str) -> dict[str, Any]:
    """Return what the command's end means: its exit code, made precise by what it printed."""
    outcome, stage = OUTCOMES.get(exit_code, ("protocol-error", "protocol"))
    number = errno_in(stderr) if exit_code else None
    if number is not None and stage in ("connect", "send", "receive"):
        outcome = BY_ERRNO[number]
    if outcome == "timed-out" and stage is None:
        connected = math.isclose(float(stdout or 0), 0) is False
        stage = "receive" if connected else "connect"
    said = [line for line in stderr.splitlines() if re.match(r"curl: \(\d+\)", line)]
    return {"outcome": outcome, "stage": stage, "number": number, "says": said[-1] if said else ""}
