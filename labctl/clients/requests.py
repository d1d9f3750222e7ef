"""The requests library, as most programs use it: `requests.get(url, timeout=…)`.

It trusts the authorities of the certifi package, unless REQUESTS_CA_BUNDLE names a file of others.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as installed

import requests

from labctl.clients import Target
from labctl.clients.outcomes import Staged

SCHEMES = ("http", "https")


def version() -> str:
    """Return the version of the library and of the one that it connects by."""
    return f"requests {installed('requests')}, urllib3 {installed('urllib3')}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Get the target; a status that says error is an error."""
    requests.get(target.url, timeout=timeout, verify=target.verify).raise_for_status()


def attempt_twice(target: Target, timeout: float, _: Staged, pause: Callable[[], None]) -> None:
    """Get the target twice, in a session, which keeps the connection."""
    with requests.Session() as session:
        session.get(target.url, timeout=timeout, verify=target.verify).raise_for_status()
        pause()
        session.get(target.url, timeout=timeout, verify=target.verify).raise_for_status()
