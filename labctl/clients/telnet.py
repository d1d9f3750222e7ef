"""The telnet command (GNU inetutils) as a test of a port: `timeout SECONDS telnet host port </dev/null`.

It has no time-out of its own, so timeout(1) keeps the time, and then telnet cannot say what it was at. At the end of
its input it closes the connection, says that the other side did, and exits with 0.

Unlike the other clients it waits within connect(2). A reject by ICMP from a machine as near as this comes back while
that call still holds the socket's lock: the error is noted, but the connection is not ended (net/ipv4/tcp_ipv4.c,
tcp_v4_err; LockDroppedIcmps in nstat(8)), and it hears only the answer to the repeated SYN, a second later.
"""

from __future__ import annotations

from typing import Any

from labctl.clients import PORTS, Target
from labctl.clients._command import ENDED, by_errno, first_line, limited, told

SCHEMES = tuple(PORTS)  # it says nothing, so whatever is spoken there


def version() -> str:
    """Return the version of the command."""
    return first_line("telnet", "--version")


def command(target: Target, timeout: float) -> list[str]:
    """Return the command line."""
    return limited(timeout, "telnet", target.host, str(target.port))


def read(exit_code: int, stdout: str, stderr: str) -> dict[str, Any]:
    """Return what the command's end means, mostly by what it says."""
    says = (stdout + stderr).strip().rpartition("\n")[2]
    if "Connected to" in stdout:
        return told("ok", None)
    if exit_code == ENDED:
        return told("timed-out", None, says)
    if "lookup failure" in says:
        return told("name-error", "resolve", says)
    return by_errno(says)
