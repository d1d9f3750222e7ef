"""Waiting by polling, with a deadline that explains itself."""

from __future__ import annotations

from collections.abc import Callable

import tenacity

from labctl.errors import DeadlineExceeded

EVERY = 0.01  # seconds between two looks at something cheap


def poll(
    holds: Callable[[], bool], seconds: float, awaited: str, *, last: Callable[[], str] = str, every: float = EVERY
) -> None:
    """Look until `holds()`.

    Raises DeadlineExceeded after `seconds`, with what was `awaited` and what `last()` shows.
    """
    try:
        tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda held: not held),
            wait=tenacity.wait_fixed(every),
            stop=tenacity.stop_after_delay(seconds),
        )(holds)
    except tenacity.RetryError as error:
        raise DeadlineExceeded(awaited, seconds, last=last()) from error
