"""In which order a matrix begins its runs."""

from __future__ import annotations

from pathlib import Path

from labctl.lab.session import ready
from labctl.model import Result, Verdict
from labctl.results.journal import REMOVING, Event
from labctl.run.matrix import _longest_first, matrix, repeated
from labctl.run.run import Options
from labctl.scenario.load import load
from labctl.system.places import installed


def order(*names: str, times: int = 1) -> list[str]:
    """Return the names of the scenarios in the order in which they begin."""
    loaded = [load(installed("scenarios") / f"{name}.yaml") for name in names]
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


class Watched:
    """Notes when runs begin, and when their labs are taken down."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def begins(self, number: int) -> None:
        self.seen.append(("begins", number))

    def hears(self, number: int, event: Event) -> None:
        if event.kind == REMOVING:
            self.seen.append((REMOVING, number))

    def ends(self, number: int, result: Result) -> None:
        assert result.verdict is Verdict.PASSED, (number, result.reason)


def seen(tmp_path: Path, jobs: int, *, fail_fast: bool = False) -> list[str]:
    """Run three scenarios that need no engine; return what came when, but not of which run."""
    loaded = [load(installed("scenarios") / "engine-not-running.yaml")] * 3
    watched = Watched()
    with ready(loaded, signals=False) as session:
        planned = repeated(loaded, Options(runs=tmp_path))
        matrix(planned, session, jobs=jobs, fail_fast=fail_fast, watcher=watched)
    return [kind for kind, _ in watched.seen]


def test_while_runs_only_wait_others_begin(tmp_path: Path) -> None:
    assert seen(tmp_path, 2)[:3] == ["begins"] * 3


def test_one_at_a_time_is_one_at_a_time(tmp_path: Path) -> None:
    assert seen(tmp_path, 1) == ["begins", REMOVING] * 3
    assert seen(tmp_path, 2, fail_fast=True)[:3] == ["begins", "begins", REMOVING]
