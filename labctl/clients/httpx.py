"""The httpx library, as most programs use it: `httpx.get(url, timeout=…)`.

It loads the certificate authorities anew in every call, 27 ms of 30, also for plain HTTP: it gets a context of ours.
"""

from __future__ import annotations

import ssl
from importlib.metadata import version as installed

import httpx

from labctl.clients import Target
from labctl.clients.outcomes import Staged

SCHEMES = ("http",)
AUTHORITIES = ssl.create_default_context()


def version() -> str:
    """Return the version of the library and of the one that it connects by."""
    return f"httpx {installed('httpx')}, httpcore {installed('httpcore')}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Get the target; a status that says error is an error."""
    httpx.get(target.url, timeout=timeout, verify=AUTHORITIES).raise_for_status()
