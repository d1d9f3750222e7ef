"""psycopg 3, with the libpq that its binary wheel brings: `psycopg.connect(url)`, as the user lab.

It takes 0.25 s of processor time to load, so only a target that asks for it makes it load.
"""

from __future__ import annotations

import math
from importlib.metadata import version as installed

from labctl.clients import Target
from labctl.clients.outcomes import Staged

SCHEMES = ("postgresql",)
USER = "lab"  # a target has no user in it


def version() -> str:
    """Return the version of the library."""
    return f"psycopg {installed('psycopg')}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Connect and begin a session; connect_timeout takes whole seconds, and psycopg makes two of one."""
    import psycopg

    psycopg.connect(target.url, user=USER, connect_timeout=math.ceil(timeout)).close()
