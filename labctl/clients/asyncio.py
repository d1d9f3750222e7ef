"""The standard library's asyncio: its streams, each step under `asyncio.timeout`.

A name is looked up in a thread, and asyncio waits for that thread before it ends, whatever its own time-out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from labctl.clients import Target, _http, _tls
from labctl.clients._python import python_version
from labctl.clients.outcomes import Staged

SCHEMES = ("http", "https", "tcp")


def version() -> str:
    """Return the version of the Python that has it."""
    return python_version()


def attempt(target: Target, timeout: float, stage: Staged) -> None:
    """Connect; for an HTTP target also ask and read the answer's first line."""
    asyncio.run(_attempt(target, timeout, stage))


async def _attempt(target: Target, timeout: float, stage: Staged) -> None:  # noqa: ASYNC109 - given to asyncio.timeout
    reader, writer = await _connected(target, timeout)
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


async def _connected(target: Target, timeout: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:  # noqa: ASYNC109 - given to asyncio.timeout
    context = _tls.context(target) if target.scheme == "https" else None
    async with asyncio.timeout(timeout):
        return await asyncio.open_connection(target.host, target.port, ssl=context)


def attempt_twice(target: Target, timeout: float, stage: Staged, pause: Callable[[], None]) -> None:
    """Connect, then ask and read the answer twice."""
    asyncio.run(_twice(target, timeout, stage, pause))


async def _twice(target: Target, timeout: float, stage: Staged, pause: Callable[[], None]) -> None:  # noqa: ASYNC109 - given to asyncio.timeout
    reader, writer = await _connected(target, timeout)
    try:
        await _ask(reader, writer, target, timeout, stage)
        await asyncio.to_thread(pause)
        await _ask(reader, writer, target, timeout, stage)
    finally:
        writer.close()


async def _ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    target: Target,
    timeout: float,  # noqa: ASYNC109 - given to asyncio.timeout
    stage: Staged,
) -> None:
    stage.now = "send"
    writer.write(_http.request(target, keeps=True))
    async with asyncio.timeout(timeout):
        await writer.drain()
        stage.now = "receive"
        head = [_http.answered(await reader.readline())]
        while line := (await reader.readline()).strip():
            head.append(line.decode("latin-1"))
        await reader.readexactly(_http.length(head))
    stage.now = "protocol"
    _http.judge(head[0])
