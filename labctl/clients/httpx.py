"""The httpx library, as most programs use it: `httpx.get(url, timeout=…)`.

It loads the certificate authorities anew in every call, 27 ms of 30, also for plain HTTP, where it gets a context of
ours. For https it loads its own: those of the certifi package, unless SSL_CERT_FILE names others.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from importlib.metadata import version as installed

import httpx

from labctl.clients import Target
from labctl.clients.outcomes import Staged

SCHEMES = ("http", "https")
UNUSED = ssl.create_default_context()


def version() -> str:
    """Return the version of the library and of the one that it connects by."""
    return f"httpx {installed('httpx')}, httpcore {installed('httpcore')}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Get the target; a status that says error is an error."""
    httpx.get(target.url, timeout=timeout, verify=_verify(target)).raise_for_status()


def attempt_twice(target: Target, timeout: float, _: Staged, pause: Callable[[], None]) -> None:
    """Get the target twice by one client, which keeps the connection."""
    with httpx.Client(timeout=timeout, verify=_verify(target)) as client:
        client.get(target.url).raise_for_status()
        pause()
        client.get(target.url).raise_for_status()


def _verify(target: Target) -> ssl.SSLContext | bool:
    return UNUSED if target.scheme == "http" else target.verify
