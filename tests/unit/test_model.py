"""The vocabulary's own laws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.model import Observation, Outcome, Phase, Stage, Try, Verdict

VERDICTS = st.sampled_from(Verdict)


@given(VERDICTS, VERDICTS, VERDICTS)
def test_verdicts_combine_associatively(a: Verdict, b: Verdict, c: Verdict) -> None:
    left = Verdict.overall([Verdict.overall([a, b]), c])
    right = Verdict.overall([a, Verdict.overall([b, c])])
    assert left == right == Verdict.overall([a, b, c])


@given(VERDICTS, VERDICTS)
def test_verdicts_combine_in_any_order(a: Verdict, b: Verdict) -> None:
    assert Verdict.overall([a, b]) == Verdict.overall([b, a])


@given(st.lists(VERDICTS, min_size=1))
def test_saying_a_verdict_twice_changes_nothing(verdicts: list[Verdict]) -> None:
    overall = Verdict.overall(verdicts)
    assert Verdict.overall(verdicts + verdicts) == overall
    assert Verdict.overall([overall, overall]) == overall


@given(st.lists(VERDICTS))
def test_only_what_passed_exits_with_0(verdicts: list[Verdict]) -> None:
    overall = Verdict.overall(verdicts)
    bad = {Verdict.FAILED, Verdict.INCONCLUSIVE}.intersection(verdicts)
    assert (overall.exit_code == 0) == (not bad and Verdict.PASSED in verdicts)


@pytest.mark.parametrize(
    ("verdict", "code"),
    [(Verdict.PASSED, 0), (Verdict.FAILED, 1), (Verdict.INCONCLUSIVE, 3), (Verdict.SKIPPED, 3)],
)
def test_exit_codes(verdict: Verdict, code: int) -> None:
    assert verdict.exit_code == code


def test_nothing_ran_is_no_success() -> None:
    assert Verdict.overall([]) == Verdict.SKIPPED


def test_the_fault_is_in_place_in_the_middle_phases() -> None:
    assert [phase.broken for phase in Phase] == [False, True, True, False]


REPORT: Mapping[str, Any] = {
    "client": "socket",
    "version": "Python 3.11",
    "outcome": "refused",
    "stage": "connect",
    "seconds": 0.25,
    "errno": "ECONNREFUSED",
    "errno_number": 111,
    "chain": [{"type": "ConnectionRefusedError", "message": "[Errno 111] Connection refused", "link": ""}],
}


def test_a_clients_report_is_read_into_a_try() -> None:
    read = Try.parse(REPORT)
    assert (read.outcome, read.stage, read.errno) == (Outcome.REFUSED, Stage.CONNECT, "ECONNREFUSED")
    assert read.chain[0].type == "ConnectionRefusedError"


@pytest.mark.parametrize("missing", ["client", "version", "outcome", "seconds"])
def test_a_report_that_lacks_something_is_no_try(missing: str) -> None:
    with pytest.raises(KeyError):
        Try.parse({key: value for key, value in REPORT.items() if key != missing})


@pytest.mark.parametrize("wrong", [{"outcome": "exploded"}, {"stage": "elsewhere"}, {"seconds": "soon"}])
def test_a_report_with_a_word_that_nobody_knows_is_no_try(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        Try.parse({**REPORT, **wrong})


def test_an_observation_holds_when_all_its_findings_do() -> None:
    assert Observation(0, (), ()).held
