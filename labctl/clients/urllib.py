"""The standard library's urllib, as most programs use it: `urllib.request.urlopen(url, timeout=…)`."""

from __future__ import annotations

import urllib.error
import urllib.request

from labctl.clients import Target, _tls
from labctl.clients._python import python_version
from labctl.clients.outcomes import Staged

SCHEMES = ("http", "https")


def version() -> str:
    """Return the version of the Python that has it."""
    return python_version()


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Get the target; urllib itself raises where the status says error."""
    context = _tls.context(target) if target.scheme == "https" else None
    try:
        with urllib.request.urlopen(target.url, timeout=timeout, context=context) as answer:  # noqa: S310 - HTTP alone
            answer.read()
    except urllib.error.HTTPError as status:
        status.close()  # it is the answer as well
        raise
