"""The standard library's urllib, as most programs use it: `urllib.request.urlopen(url, timeout=…)`."""

from __future__ import annotations

import platform
import urllib.error
import urllib.request

from labctl.clients import Target
from labctl.clients.outcomes import Staged

SCHEMES = ("http",)


def version() -> str:
    """Return the version of the Python that has it."""
    return f"Python {platform.python_version()}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Get the target; urllib itself raises where the status says error."""
    try:
        with urllib.request.urlopen(target.url, timeout=timeout) as answer:  # noqa: S310 - Target.parse lets only HTTP pass
            answer.read()
    except urllib.error.HTTPError as status:
        status.close()  # it is the answer as well
        raise
