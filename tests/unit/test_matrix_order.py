"""In which order a matrix begins its runs."""

from __future__ import annotations

from labctl import scenario
from labctl.matrix import _longest_first, repeated
from labctl.places import installed
from labctl.run import Options


def order(*names: str, times: int = 1) -> list[str]:
    """Return the names of the scenarios in the order in which they begin."""
    loaded = [scenario.load(installed("scenarios") / f"{name}.yaml") for name in names]
    planned = repeated(loaded, Options(), times)
    return [planned[number].loaded.scenario.name for number in _longest_first(planned)]


def test_what_asks_for_the_longest_wait_begins_first() -> None:
    """With a trigger a try is slow, and without an answer it takes the client's whole timeout."""
    assert order("server-down", "firewall-drop", "tiny-backlog") == ["tiny-backlog", "firewall-drop", "server-down"]


def test_those_that_ask_for_the_same_stay_in_their_order() -> None:
    assert order("wrong-port", "server-down") == ["wrong-port", "server-down"]
    assert order("server-down", "wrong-port") == ["server-down", "wrong-port"]


def test_none_comes_again_before_all_have_been() -> None:
    once = ["tiny-backlog", "server-down"]
    assert order("server-down", "tiny-backlog", times=3) == once * 3
