"""The aiohttp library: a session, its time-out for the connect and for each read rather than for the whole.

A name is looked up in a thread, and asyncio waits for that thread before it ends, whatever the time-out.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version as installed

import aiohttp

from labctl.clients import Target
from labctl.clients.outcomes import Staged

SCHEMES = ("http",)


def version() -> str:
    """Return the version of the library."""
    return f"aiohttp {installed('aiohttp')}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Get the target; a status that says error is an error."""
    asyncio.run(_attempt(target, aiohttp.ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout)))


async def _attempt(target: Target, limits: aiohttp.ClientTimeout) -> None:
    async with (
        aiohttp.ClientSession(timeout=limits, raise_for_status=True) as session,
        session.get(target.url) as answer,
    ):
        await answer.read()
