"""The redis library, as most programs use it: `redis.Redis.from_url(url).ping()`, with its time-outs set.

A password is in REDISCLI_AUTH, where redis-cli(1) expects it, too; a target has none in it. The library takes 0.4 s of
processor time to load, so only a target that asks for it makes it load.
"""

from __future__ import annotations

import os
from importlib.metadata import version as installed

from labctl.clients import Target
from labctl.clients.outcomes import Staged

SCHEMES = ("redis",)


def version() -> str:
    """Return the version of the library."""
    return f"redis {installed('redis')}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Connect, agree on a protocol, and ask for a PONG."""
    import redis

    limits = {"socket_connect_timeout": timeout, "socket_timeout": timeout}
    with redis.Redis.from_url(target.url, password=os.environ.get("REDISCLI_AUTH"), **limits) as server:
        server.ping()
