"""The requests library, as most programs use it: `requests.get(url, timeout=…)`."""

from __future__ import annotations

from importlib.metadata import version as installed

import requests

from labctl.clients import Target
from labctl.clients.outcomes import Staged

SCHEMES = ("http",)


def version() -> str:
    """Return the version of the library and of the one that it connects by."""
    return f"requests {installed('requests')}, urllib3 {installed('urllib3')}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Get the target; a status that says error is an error."""
    requests.get(target.url, timeout=timeout).raise_for_status()
