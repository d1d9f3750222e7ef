"""What each client in Python raises is judged rightly: its libraries' own exceptions, raised against loopback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labctl.clients import Target
from labctl.clients.outcomes import Staged, judge
from support.loopback import (
    HALF_A_CHUNK,
    HALF_AN_ANSWER,
    WHOLE_ANSWER,
    answer,
    full,
    hang_up,
    nobody,
    raised,
    reset,
    serving,
    silent,
    starved,
)
from support.understanding import MODULES, of

SOON = 0.2  # seconds, for what must time out

SITUATIONS: dict[str, tuple[Callable[[], Any], str, str, str | None]] = {
    "nobody listens": (nobody, "refused", "connect", "ECONNREFUSED"),
    "the accept queue is full": (full, "timed-out", "connect", None),
    "the server says nothing": (lambda: serving(silent), "timed-out", "receive", None),
    "the server hangs up": (lambda: serving(hang_up), "closed", "receive", None),
    "the server resets": (lambda: serving(reset), "reset", "receive", "ECONNRESET"),
    "the server hangs up halfway": (lambda: serving(answer(HALF_AN_ANSWER)), "closed", "receive", None),
    "the server hangs up within a chunk": (lambda: serving(answer(HALF_A_CHUNK)), "closed", "receive", None),
    "the server says nonsense": (lambda: serving(answer(b"no such thing\r\n\r\n")), "protocol-error", "protocol", None),
    "the server fails": (
        lambda: serving(answer(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")),
        "protocol-error",
        "protocol",
        None,
    ),
}
CLIENTS = {name: MODULES[name].attempt for name in of("http") if hasattr(MODULES[name], "attempt")}
READ_ONE_LINE = {"socket", "asyncio"}  # and are content with it
HALFWAY = {"the server hangs up halfway", "the server hangs up within a chunk"}


@pytest.mark.parametrize(
    ("client", "situation"),
    [(client, one) for client in CLIENTS for one in SITUATIONS if not (client in READ_ONE_LINE and one in HALFWAY)],
)
def test_what_a_client_raises_is_judged(client: str, situation: str) -> None:
    place, outcome, stage, number = SITUATIONS[situation]
    noted = Staged()
    with place() as url, pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the library raises
        CLIENTS[client](Target.parse(url), SOON, noted)
    told = judge(caught.value, noted.now)
    assert (told["outcome"], told["stage"], told["errno"]) == (outcome, stage, number), told["details"]


@pytest.mark.parametrize("client", sorted(CLIENTS.keys() - {"asyncio", "aiohttp"}))  # they could not even begin a loop
def test_a_client_without_a_descriptor_left_is_exhausted(client: str) -> None:
    with nobody() as url:
        error = raised(lambda: starved(lambda: CLIENTS[client](Target.parse(url), SOON, Staged())))
    told = judge(error, None)
    assert (told["outcome"], told["errno"]) == ("exhausted", "EMFILE"), told["details"]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_is_answered_raises_nothing(client: str) -> None:
    with serving(answer(WHOLE_ANSWER)) as url:
        CLIENTS[client](Target.parse(url), 2.0, Staged())
