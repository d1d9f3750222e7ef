"""Judging one try against what is expected of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.model import Finding, Outcome, Stage, Try
from labctl.run.judge import judge, sentence
from labctl.scenario.expect import Expect

REFUSED = Try("socket", "1", Outcome.REFUSED, Stage.CONNECT, 0.01, "ECONNREFUSED", 111)
TIMED_OUT = Try("socket", "1", Outcome.TIMED_OUT, Stage.CONNECT, 2.0)
OK = Try("socket", "1", Outcome.OK, None, 0.01)
COMMAND = Try("curl", "1", Outcome.REFUSED, None, 0.01, exit_code=7, says="curl: (7)")


def expect(**written: Any) -> Expect:
    return Expect.model_validate(written)


def wrong(one: Try, expected: Expect | None) -> list[str]:
    """Return what is held against a try."""
    return [
        f"{finding.about} {finding.seen}, expected {finding.claim}"
        for finding in judge(one, expected)
        if not finding.held
    ]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (OK, None),
        (REFUSED, expect(outcome="refused")),
        (REFUSED, expect(outcome="refused", errno="ECONNREFUSED", stage="connect", within="1s")),
        (TIMED_OUT, expect(outcome="timed-out", stage="connect", after="1.9s", within="3s")),
        (OK, expect(outcome="refused", errno="ECONNREFUSED", clients={"socket": "ok"})),
        (COMMAND, expect(outcome="refused", errno="ECONNREFUSED", stage="connect")),
    ],
)
def test_what_is_as_expected_holds(one: Try, expected: Expect | None) -> None:
    assert wrong(one, expected) == []


@pytest.mark.parametrize(
    ("one", "expected", "told"),
    [
        (REFUSED, None, "socket got refused, expected ok"),
        (OK, expect(outcome="refused"), "socket got ok, expected refused"),
        (REFUSED, expect(outcome="refused", errno="ECONNRESET"), "socket got ECONNREFUSED, expected ECONNRESET"),
        (TIMED_OUT, expect(outcome="timed-out", errno="ETIMEDOUT"), "socket got no errno, expected ETIMEDOUT"),
        (REFUSED, expect(outcome="refused", stage="receive"), "socket failed at connect, expected failure at receive"),
        (TIMED_OUT, expect(outcome="timed-out", within="1s"), "socket took 2.000 s, expected failure within 1 s"),
        (REFUSED, expect(outcome="refused", after="1s"), "socket took 0.010 s, expected failure no sooner than 1 s"),
        (REFUSED, expect(outcome="refused", clients={"socket": "ok"}), "socket got refused, expected ok"),
    ],
)
def test_what_is_otherwise_is_told_in_a_sentence(one: Try, expected: Expect | None, told: str) -> None:
    assert wrong(one, expected) == [told]


def test_everything_that_is_wrong_is_told() -> None:
    assert len(wrong(REFUSED, expect(outcome="reset", errno="ECONNRESET", stage="receive", after="1s"))) == 4


def test_what_a_command_hides_is_not_held_against_it_but_what_it_tells_is() -> None:
    told = Try("curl", "1", Outcome.REFUSED, Stage.CONNECT, 0.01, "ECONNREFUSED", 111, exit_code=7)
    assert wrong(COMMAND, expect(outcome="refused", errno="ECONNRESET")) == []
    assert wrong(told, expect(outcome="refused", errno="ECONNRESET")) != []


def test_what_one_client_said_is_in_the_sentence() -> None:
    assert sentence(list(judge(COMMAND, None))) == "curl got refused, expected ok (curl: (7))"


def test_clients_of_whom_the_same_is_wrong_are_named_together() -> None:
    tries = [replace(REFUSED, client=name) for name in "abcde"] + [replace(TIMED_OUT, client="f")]
    findings = [finding for one in tries for finding in judge(one, None)]
    assert sentence(findings) == "all 6 clients got refused or timed-out, expected ok"
    well = [*findings, *judge(replace(OK, client="g"), None)]
    assert sentence(well) == "a, b, c and 3 more got refused or timed-out, expected ok"
    assert sentence(list(judge(OK, None))) == ""


@pytest.mark.parametrize(("seconds", "starved", "busy"), [(2.5, 1.6, True), (2.5, 1.4, False), (0.9, 0.9, False)])
def test_who_is_late_without_a_processor_is_told_from_who_is_late(seconds: float, starved: float, busy: bool) -> None:
    late = replace(REFUSED, seconds=seconds, starved=starved)
    assert [one.busy for one in judge(late, expect(outcome="refused", within="1s"))] == [False, busy]


@given(st.lists(st.builds(Finding, st.sampled_from("abcdef"), st.sampled_from(["x", "y"]), st.booleans(), st.text())))
def test_every_claim_that_did_not_hold_is_in_the_sentence_once(findings: list[Finding]) -> None:
    told = sentence([replace(finding, claim=f"<{finding.claim}>", seen="saw") for finding in findings])
    for claim in ("x", "y"):
        wrong = any(finding.claim == claim and not finding.held for finding in findings)
        assert told.count(f"<{claim}>") == wrong


@pytest.mark.parametrize(
    ("outcome", "starved", "busy"), [("timed-out", 1.1, True), ("timed-out", 0.5, False), ("reset", 1.1, False)]
)
def test_whose_timer_ran_out_while_it_had_no_processor_is_told_from_whose_did_otherwise(
    outcome: str, starved: float, busy: bool
) -> None:
    """Also where all should be well: the fix mends it, but not a machine that is too busy for its clients."""
    seen = replace(REFUSED, outcome=Outcome(outcome), errno=None, errno_number=None, seconds=1.2, starved=starved)
    [found] = judge(seen, None, served=True)
    assert (found.held, found.busy) == (False, busy)
    [alone] = judge(seen, None)
    assert not alone.busy, "where nobody is served, the fix may be what is wrong"
