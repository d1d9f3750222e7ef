"""The aiohttp library: a session, its time-out for the connect and for each read rather than for the whole.

A name is looked up in a thread, and asyncio waits for that thread before it ends, whatever the time-out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version as installed

import aiohttp

from labctl.clients import Target
from labctl.clients.outcomes import Staged

SCHEMES = ("http", "https")


def version() -> str:
    """Return the version of the library."""
    return f"aiohttp {installed('aiohttp')}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Get the target; a status that says error is an error."""
    asyncio.run(_attempt(target, timeout, None))


def attempt_twice(target: Target, timeout: float, _: Staged, pause: Callable[[], None]) -> None:
    """Get the target twice, in a session, which keeps the connection."""
    asyncio.run(_attempt(target, timeout, pause))


async def _attempt(target: Target, timeout: float, pause: Callable[[], None] | None) -> None:  # noqa: ASYNC109 - its own
    limits = aiohttp.ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout)
    async with aiohttp.ClientSession(timeout=limits, raise_for_status=True) as session:
        await _get(session, target)
        if pause is not None:
            await asyncio.to_thread(pause)  # what happens to the connection meanwhile is noticed
            await _get(session, target)


async def _get(session: aiohttp.ClientSession, target: Target) -> None:
    async with session.get(target.url, ssl=target.verify) as answer:
        await answer.read()
