"""make bench: pairs in turn, their ratios, the table, and what a missed target comes to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.pairs import Comparison, Contestant, Measured, Timed, clocked, measured, swapped
from bench.scoreboard import Board, as_json, table
from bench.targets import TARGETS, Target
from bench.throughput import Throughput, fastest, forgiving
from labctl.errors import Interrupted, LabError

ONE = Measured("one", ("labctl", "floor"), (1.1, 1.3, 9.0), (1.0, 1.0, 1.0))


def told(name: str, order: list[str], seconds: Iterator[float]) -> Timed:
    """Return work that notes who did it, and takes what it is told."""

    def once() -> float:
        order.append(name)
        return next(seconds)

    return once


def compared(pairs: int, warm_up: int = 1, closer: int = 1) -> tuple[Measured, str]:
    """Measure two contestants; the first takes 20, 21, … seconds, the second 10, 11, and so on."""
    order: list[str] = []
    over = Contestant("A", told("A", order, iter(range(20, 200))))
    under = Contestant("B", told("B", order, iter(range(10, 200))))
    return measured(Comparison("one", over, under, warm_up, closer), pairs), "".join(order)


def test_two_take_turns_and_the_order_is_swapped_each_time() -> None:
    assert compared(4)[1] == "AB" + "AB" + "BA" + "AB" + "BA"


def test_what_the_warm_up_takes_counts_for_nothing() -> None:
    seen, order = compared(2, warm_up=3)
    assert len(order) == 10
    assert (seen.over, seen.under) == ((23, 24), (13, 14))


def test_what_is_asked_closer_has_as_many_more_pairs_and_no_longer_warm_up() -> None:
    seen, order = compared(2, closer=3)
    assert len(seen.ratios) == 6
    assert order == "AB" + "ABBA" * 3


@given(st.integers(1, 50))
def test_each_begins_as_often_as_the_other_give_or_take_one(pairs: int) -> None:
    second = sum(swapped(pairs))
    assert 0 <= pairs - 2 * second <= 1


def test_a_ratio_is_of_a_pair_and_never_across_pairs() -> None:
    assert compared(2)[0].ratios == (21 / 11, 22 / 12)


def test_one_pair_that_was_disturbed_moves_the_largest_and_not_the_median() -> None:
    assert ONE.ratio == pytest.approx(1.3)
    assert list(ONE.spread) == pytest.approx([1.1, 9.0])


@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)), min_size=1))
def test_the_median_lies_within_the_spread(took: list[tuple[float, float]]) -> None:
    over, under = zip(*took, strict=True)
    one = Measured("one", ("a", "b"), over, under)
    assert one.spread[0] <= one.ratio <= one.spread[1]


def test_an_error_of_a_contestant_is_let_through() -> None:
    def breaks() -> float:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        measured(Comparison("one", Contestant("a", breaks), Contestant("b", lambda: 1.0)), 1)


def test_work_is_timed_from_its_beginning_to_its_end() -> None:
    now = iter((10.0, 12.5))
    assert clocked(lambda: None, clock=lambda: next(now))() == 2.5


def test_what_is_done_afterwards_is_not_timed() -> None:
    now = [10.0]

    def passes(seconds: float) -> None:
        now[0] += seconds

    once = clocked(lambda: passes(2.5), afterwards=lambda: passes(40.0), clock=lambda: now[0])
    assert (once(), now[0]) == (2.5, 52.5)


def test_a_bound_itself_is_within_it() -> None:
    assert Target("", most=1.2).met_by(1.2)
    assert not Target("", most=1.2).met_by(1.21)
    assert Target("", least=15).met_by(15)
    assert not Target("", least=15).met_by(14.9)


def test_what_has_no_bound_is_never_missed() -> None:
    assert Target("").met_by(1e9)
    assert Board({}, [Measured("rule-sdk", ("a", "b"), (1.0,), (9.0,))]).missed == []


def test_the_table_says_ratio_spread_target_and_whether_it_is_met() -> None:
    missed, met = table(Board({}, [ONE, Measured("shell", ("shell", "labctl"), (2.0,), (1.0,))])).splitlines()[2:]
    assert missed.split("  ")[0] == TARGETS["one"].question
    assert all(
        part in missed for part in ("1.30", "1.10 to 9.00  3 ", "≤ 1.2", "MISSED", "labctl 1.300 s, floor 1.000 s")
    )
    assert all(part in met for part in ("2.00", "≥ 1.4", "met"))
    assert "MISSED" not in met


def test_the_table_says_what_was_skipped_or_broke_and_why() -> None:
    shown = table(Board({}, [], {"compose": "not installed"}, {"shell": "exit 1"}, ["a note"]))
    assert f"skipped: {TARGETS['compose'].question}: not installed" in shown
    assert f"broken: {TARGETS['shell'].question}: exit 1" in shown
    assert shown.endswith("a note")


def test_only_what_was_measured_can_be_missed() -> None:
    assert Board({}, [ONE], {"compose": "not installed"}).missed == ["one"]


def test_the_json_has_every_round() -> None:
    [one] = json.loads(json.dumps(as_json(Board({"cores": 2}, [ONE]))))["comparisons"]
    assert one["seconds"] == {"labctl": [1.1, 1.3, 9.0], "floor": [1.0, 1.0, 1.0]}
    assert (one["met"], one["target"]) == (False, {"most": 1.2, "least": None})
    assert one["ratio"] == pytest.approx(1.3)


def test_the_best_j_is_the_one_with_the_most_runs_a_minute() -> None:
    slow, quick = Throughput(1, 19, 60, 30, 9), Throughput(4, 19, 30, 20, 9)
    assert fastest([slow, quick]) is quick
    assert quick.per_minute == 38


def did_not_pass() -> Throughput:
    raise LabError("1 of 19 runs did not pass.")


def test_a_pair_with_a_run_that_did_not_pass_is_measured_again_and_that_is_said() -> None:
    fine = Throughput(4, 19, 30, 20, 9)
    rounds = iter([did_not_pass, lambda: fine, lambda: fine])

    def measure() -> Throughput:
        once: Callable[[], Throughput] = next(rounds)
        return once()

    forgiven: list[str] = []
    assert [forgiving(measure, forgiven) for _ in range(2)] == [fine, fine]
    assert forgiven == ["1 of 19 runs did not pass."]


def test_a_second_pair_with_such_a_run_breaks_the_comparison() -> None:
    forgiven = ["a run before"]
    with pytest.raises(LabError, match="1 of 19"):
        forgiving(did_not_pass, forgiven)
    assert forgiven == ["a run before"]


@pytest.mark.parametrize("error", [Interrupted("SIGTERM"), KeyboardInterrupt()], ids=["SIGTERM", "SIGINT"])
def test_who_is_told_to_stop_does_not_measure_again(error: BaseException) -> None:
    times = []

    def stops() -> Throughput:
        times.append(1)
        raise error

    with pytest.raises(type(error)):
        forgiving(stops, [])
    assert len(times) == 1
