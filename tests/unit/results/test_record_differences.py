"""In what a run differs from what is recorded, as a person is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.model import Link, Outcome
from labctl.results import record
from support.recorded import CHAIN, CURL, TOLD, ran, seen


def test_runs_that_differ_in_what_varies_only_do_not_differ() -> None:
    other = replace(
        ran(replace(TOLD, seconds=0.3), CURL), names={"address.server": "198.19.3.3", "address.x": "198.19.3.4"}
    )
    assert record.differences(seen(TOLD, CURL), record.of(other)) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"outcome": Outcome.RESET}, ["curl: outcome", "  - timed-out", "  + reset"]),
        ({"stage": None}, ["curl: stage", "  - connect", "  + None"]),
        ({"errno": "ETIMEDOUT"}, ["curl: errno", "  - None", "  + ETIMEDOUT"]),
        ({"errno_number": 110}, ["curl: errno number", "  - None", "  + 110"]),
        ({"exit_code": 0}, ["curl: exit code", "  - 28", "  + 0"]),
        ({"exit_code": None}, ["curl: exit code", "  - 28", "  + None"]),
        ({"seconds": 1.0}, ["curl: time", "  - timed out", "  + later"]),
        ({"says": ""}, ["curl: what it says", "  - curl: (28) after <time> ms", "  + (nothing)"]),
        ({"says": "a\nb"}, ["curl: what it says", "  - curl: (28) after <time> ms", "  + a\\nb"]),
    ],
)
def test_each_field_that_differs_is_told(changed: dict[str, object], told: list[str]) -> None:
    assert record.differences(seen(TOLD, CURL), seen(TOLD, replace(CURL, **changed))) == told  # type: ignore[arg-type]


def test_a_message_that_differs_is_told_by_its_exception() -> None:
    new = replace(CHAIN[1], message="refused!")
    other = replace(TOLD, chain=(CHAIN[0], new, CHAIN[2]))
    assert record.differences(seen(TOLD), seen(other)) == [
        "requests: message of urllib3.exceptions.NewConnectionError",
        "  - <HTTPConnection at <id>>: refused",
        "  + refused!",
    ]


def test_what_the_client_says_is_not_told_once_more_where_it_is_the_exception_itself() -> None:
    new = replace(CHAIN[0], message="not any way")
    other = replace(TOLD, chain=(new, *CHAIN[1:]), says=f"{new.type}: not any way")
    assert record.differences(seen(TOLD), seen(other)) == [
        "requests: message of requests.exceptions.ConnectionError",
        "  - no way to ${address.server}",
        "  + not any way",
    ]


def test_an_exception_that_came_or_went_is_told() -> None:
    other = replace(TOLD, chain=(CHAIN[0], Link("OSError", "", "context"), replace(CHAIN[2], link="context")))
    assert record.differences(seen(TOLD), seen(other)) == [
        "requests: urllib3.exceptions.NewConnectionError is gone from the chain",
        "  - <HTTPConnection at <id>>: refused",
        "requests: OSError is new in the chain",
        "  + (nothing)",
        "requests: what leads to ConnectionRefusedError",
        "  - cause",
        "  + context",
    ]


def test_another_version_is_told_beside_a_difference_and_is_none() -> None:
    newer = replace(CURL, version="curl 8.0.0")
    assert record.differences(seen(CURL), seen(newer)) == []
    assert record.differences(seen(CURL), seen(replace(newer, says="no"))) == [
        "curl: what it says",
        "  - curl: (28) after <time> ms",
        "  + no",
        "curl was recorded with curl 7.88.1, and is curl 8.0.0 now",
    ]


def test_of_long_texts_only_the_place_is_shown_where_they_differ() -> None:
    before, after = "a" * 300, "z" * 300
    one, other = record.contrast(f"{before} couldn't connect {after}", f"{before} could not connect {after}")
    assert one == f"…{'a' * 18} couldn't connect {'z' * 14}…"
    assert other == f"…{'a' * 18} could not connect {'z' * 14}…"


@given(st.text(max_size=300), st.text("ab", max_size=300), st.text("ab", max_size=300), st.text(max_size=300))
def test_two_texts_that_differ_are_shown_differently_and_briefly(begin: str, one: str, other: str, end: str) -> None:
    shown = record.contrast(begin + one + end, begin + other + end)
    assert max(map(len, shown)) <= record.MOST_SHOWN + 2
    assert (shown[0] == shown[1]) == (one == other)


def test_clients_that_only_one_record_has_are_no_difference_and_can_be_asked_for() -> None:
    one, other = seen(TOLD, CURL), seen(TOLD, replace(CURL, client="nc"))
    assert record.differences(one, other) == []
    assert record.unrecorded(one, other) == ["nc"]
    assert record.untried(one, other) == ["curl"]
