"""The urllib3 library, by a PoolManager as its documentation has it.

By default urllib3 does a failed request three times more, so that a silent host takes four time-outs. Here it does it
once: the exception is the same MaxRetryError that programs meet, only sooner. Redirects are followed as by default.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as installed

import urllib3

from labctl.clients import Target, _http
from labctl.clients.outcomes import Staged

SCHEMES = ("http", "https")
ONCE = urllib3.Retry(3, connect=0, read=0, other=0)  # 3 is urllib3's default, here left to redirects


def version() -> str:
    """Return the version of the library."""
    return f"urllib3 {installed('urllib3')}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Get the target; a status that says error, which urllib3 leaves to the program, is an error."""
    with _pool(target, timeout) as pool:
        _get(pool, target)


def attempt_twice(target: Target, timeout: float, _: Staged, pause: Callable[[], None]) -> None:
    """Get the target twice by one pool, which keeps the connection."""
    with _pool(target, timeout) as pool:
        _get(pool, target)
        pause()
        _get(pool, target)


def _pool(target: Target, timeout: float) -> urllib3.PoolManager:
    requires = "CERT_REQUIRED" if target.verify else "CERT_NONE"
    return urllib3.PoolManager(timeout=timeout, retries=ONCE, cert_reqs=requires)


def _get(pool: urllib3.PoolManager, target: Target) -> None:
    answer = pool.request("GET", target.url)
    if answer.status >= _http.FIRST_ERROR:
        raise urllib3.exceptions.ResponseError(f"{answer.status} {answer.reason}")
