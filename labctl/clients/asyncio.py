"""The standard library's asyncio: its streams, each step under `asyncio.timeout`.

A name is looked up in a thread, and asyncio waits for that thread before it ends, whatever its own time-out.
"""

from __future__ import annotations

import asyncio
import platform

from labctl.clients import Target, _http
from labctl.clients.outcomes import Staged

SCHEMES = ("http", "tcp")


def version() -> str:
    """Return the version of the Python that has it."""
    return f"Python {platform.python_version()}"


def attempt(target: Target, timeout: float, stage: Staged) -> None:
    """Connect; for an HTTP target also ask and read the answer's first line."""
    asyncio.run(_attempt(target, timeout, stage))


async def _attempt(target: Target, timeout: float, stage: Staged) -> None:  # noqa: ASYNC109 - given to asyncio.timeout
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        if target.scheme == "tcp":
            return
        stage.now = "send"
        writer.write(_http.request(target))
        async with asyncio.timeout(timeout):
            await writer.drain()
        stage.now = "receive"
        async with asyncio.timeout(timeout):
            line = _http.answered(await reader.readline())
        stage.now = "protocol"
        _http.judge(line)
    finally:
        writer.close()
