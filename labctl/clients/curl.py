"""The curl command, verbose, as a person checks that it is not the Python code."""

from __future__ import annotations

import os
import re
from typing import Any

from labctl.clients import Target, _engine
from labctl.clients._command import first_line, told
from labctl.clients.outcomes import BY_ERRNO, NO_SOCKET, errno_in

SCHEMES = ("http", "https", "unix")
OUTCOMES = {  # exit codes, curl(1)
    0: ("ok", None),
    1: ("protocol-error", "protocol"),
    6: ("name-error", "resolve"),
    7: ("refused", "connect"),
    18: ("closed", "receive"),
    22: ("protocol-error", "protocol"),
    28: ("timed-out", None),
    52: ("closed", "receive"),
    55: ("reset", "send"),
    56: ("reset", "receive"),
    **dict.fromkeys((35, 51, 53, 54, 58, 59, 60, 66, 77, 80, 82, 83, 90, 91), ("tls-error", "handshake")),
}
OWN_TIMER = re.compile(r"Connection timed out after \d+ milliseconds")  # no ETIMEDOUT, although it is worded as one
NO_SUCH_SOCKET = re.compile(rf"^\* Immediate connect fail for /.*: {re.escape(os.strerror(NO_SOCKET))}$", re.MULTILINE)
TIMES = "connected after %{time_connect} s\n"
CONNECTED = re.compile(r"^connected after ([0-9.]+) s$", re.MULTILINE)
TIMES_OF_TLS = "shook hands after %{time_appconnect} s\n"
SHOOK_HANDS = re.compile(r"^shook hands after ([0-9.]+) s$", re.MULTILINE)


def version() -> str:
    """Return the version of the command."""
    return " ".join(first_line("curl", "--version").split()[:2])


def command(target: Target, timeout: float) -> list[str]:
    """Return the command line; curl's own clock is for the whole transfer, so reading gets the time once more."""
    limits = ["--connect-timeout", f"{timeout:g}", "--max-time", f"{2 * timeout:g}"]
    times = TIMES + TIMES_OF_TLS if target.scheme == "https" else TIMES
    if target.scheme == "unix":  # what an engine answers says why it refuses
        to = ["--unix-socket", target.host, f"http://localhost{_engine.path(target)}"]
        return ["curl", "-gsSv", "--fail-with-body", *limits, "-w", times, *to]
    return ["curl", "-gsSvf" if target.verify else "-gsSvfk", "-o", "/dev/null", *limits, "-w", times, target.url]


def read(exit_code: int, stdout: str, stderr: str) -> dict[str, Any]:
    """Return what the command's end means: its exit code, made precise by what it printed."""
    outcome, stage = OUTCOMES.get(exit_code, ("protocol-error", None))
    number = errno_in(OWN_TIMER.sub("", stderr)) if exit_code else None
    if NO_SUCH_SOCKET.search(stderr):
        outcome, number = "unreachable", NO_SOCKET
    elif number is not None and stage in ("connect", "handshake", "send", "receive"):
        outcome = BY_ERRNO[number]
    if outcome == "timed-out" and stage is None:
        stage = _stage(stdout)
    said = [line for line in stderr.splitlines() if re.match(r"curl: \(\d+\)", line)][-1:]
    answered = [SHOOK_HANDS.sub("", CONNECTED.sub("", stdout)).strip()] if said else []
    return told(outcome, stage, "\n".join(filter(None, answered + said)), number)


def _stage(stdout: str) -> str:
    """Return how far curl came by the times that it printed: one of 0 is none (curl(1), `-w`)."""
    connected, shook_hands = CONNECTED.search(stdout), SHOOK_HANDS.search(stdout)
    if not connected or not float(connected[1]):
        return "connect"
    return "handshake" if shook_hands and not float(shook_hands[1]) else "receive"
