"""What must be the same in every run of a scenario, its fingerprint, and where two runs differ."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.model import (
    Connection,
    Diagnosis,
    Evidence,
    Finding,
    Link,
    Look,
    Observation,
    Outcome,
    Packet,
    Phase,
    PhaseResult,
    Result,
    Verdict,
)
from labctl.results.fingerprint import difference, fingerprint, reproducible
from support.handmade import OK, REFUSED, phase, result

SERVER = "198.19.3.3"
SAID = replace(REFUSED, chain=(Link("OSError", f"no way to {SERVER}", ""),), says=f"OSError: no way to {SERVER}")


def connection(port: int, *packets: tuple[str, str, str], again: int = 1) -> Connection:
    """Return a connection in which each packet was sent so many times."""
    sent = tuple(Packet(0.1 * n, *packet[:2], n > 0, packet[2]) for packet in packets for n in range(again))
    return Connection("client", port, "server", 8080, sent)


REFUSAL = (("client", "SYN", "server"), ("server", "RST", "client"))
DROPPED = (("client", "SYN", "server"),)


def evidence(*connections: Connection, held: bool = True, flaws: tuple[str, ...] = ()) -> Evidence:
    findings = (Finding("server", f"should not hear of {SERVER}", held, "heard 3 times"),)
    hosts = {"server": Look({"TcpOutRsts": 3})}
    return Evidence(connections=connections, hosts=hosts, rules={"rule": 4}, findings=findings, flaws=flaws)


def observed(name: Phase, *observations: Observation) -> PhaseResult:
    diagnosis = Diagnosis(f"nc -zv {SERVER} 8080", "client", "after 3 ms", judged=True, held=name.broken)
    return replace(phase(name, OK, diagnoses=(diagnosis,)), observations=observations)


def ran(*seen: Evidence, **changes: Any) -> Result:
    """Return a run of three phases; the last look of the faulted one had these pieces of evidence."""
    faulted = [Observation(1.2, (SAID,), (), one) for one in seen or (evidence(connection(40001, *REFUSAL)),)]
    made = result(
        Verdict.PASSED,
        "server-down",
        observed(Phase.HEALTHY, Observation(0.1, (OK,), ())),
        observed(Phase.FAULTED, Observation(1.1, (OK,), ()), *faulted),
        PhaseResult(Phase.UNFIXED, 3.0, 4.0),
    )
    return replace(made, **{"names": {"address.server": SERVER}, "timeout": 2.0, **changes})


def test_what_is_reproducible_is_what_each_phase_came_to_without_what_varies() -> None:
    [link] = [{"type": "OSError", "message": "no way to ${address.server}", "link": ""}]
    assert reproducible(ran()) == {
        "scenario": "server-down",
        "verdict": "passed",
        "phases": {
            "healthy": {
                "clients": {"requests": "ok"},
                "packets": {},
                "diagnoses": [["nc -zv ${address.server} 8080", True, False]],
                "evidence": {"findings": [], "flawed": False},
            },
            "faulted": {
                "clients": {
                    "requests": {
                        "outcome": "refused",
                        "stage": "connect",
                        "errno": "ECONNREFUSED",
                        "errno_number": 111,
                        "exit_code": None,
                        "chain": [link],
                        "says": "OSError: no way to ${address.server}",
                    }
                },
                "packets": {"server:8080": [[["client", "SYN", "server"], ["server", "RST", "client"]]]},
                "diagnoses": [["nc -zv ${address.server} 8080", True, True]],
                "evidence": {
                    "findings": [["server", "should not hear of ${address.server}", True]],
                    "flawed": False,
                },
            },
            "unfixed": {
                "clients": {},
                "packets": {},
                "diagnoses": [],
                "evidence": {"findings": [], "flawed": False},
            },
        },
    }


def test_it_is_fit_for_json() -> None:
    assert json.loads(json.dumps(reproducible(ran()))) == reproducible(ran())


def test_a_fingerprint_is_a_sha_256() -> None:
    assert re.fullmatch("sha256:[0-9a-f]{64}", fingerprint(ran()))


def moved(made: Result) -> Result:
    """Return the same run in another lab: other addresses, ports, times and versions."""
    elsewhere = replace(SAID, version="requests 3", seconds=0.4, details="other")
    elsewhere = replace(
        elsewhere, chain=(Link("OSError", "no way to 198.19.9.9", ""),), says="OSError: no way to 198.19.9.9"
    )
    again = evidence(connection(50001, *REFUSAL, again=3), connection(50002, *REFUSAL))
    found = tuple(replace(one, claim="should not hear of 198.19.9.9", seen="never") for one in again.findings)
    seen = Observation(7.0, (elsewhere,), (), replace(again, findings=found, hosts={}, rules={}))
    phases = [
        replace(
            one, diagnoses=tuple(replace(step, command="nc -zv 198.19.9.9 8080", output="") for step in one.diagnoses)
        )
        for one in made.phases
    ]
    phases[1] = replace(phases[1], observations=(seen,), ended=9.0)
    return replace(
        made, run="other", phases=tuple(phases), names={"address.server": "198.19.9.9"}, seconds=99.0, versions={}
    )


def test_another_run_of_the_same_has_the_same_fingerprint() -> None:
    assert difference(reproducible(ran()), reproducible(moved(ran()))) == ""
    assert fingerprint(ran()) == fingerprint(moved(ran()))


def test_the_order_in_which_connections_went_does_not_count() -> None:
    one, other = connection(40001, *REFUSAL), connection(40002, *DROPPED)
    assert fingerprint(ran(evidence(one, other))) == fingerprint(ran(evidence(other, one, one)))


def test_how_a_server_closed_after_it_had_spoken_does_not_count() -> None:
    """Whether the client's bytes were read before the kernel closed is a race; nobody's, where it said nothing."""
    opened = (("client", "SYN", "server"), ("server", "SYN-ACK", "client"))
    data, fin, rst = (("server", kind, "client") for kind in ("data", "FIN", "RST"))
    closed, reset = connection(40001, *opened, data, fin), connection(40001, *opened, data, rst)
    assert difference(reproducible(ran(evidence(closed))), reproducible(ran(evidence(reset)))) == ""
    silent, cut = connection(40001, *opened, fin), connection(40001, *opened, rst)
    assert fingerprint(ran(evidence(silent))) != fingerprint(ran(evidence(cut)))


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (ran(verdict=Verdict.FAILED), "verdict: 'passed' in the one, 'failed' in the other"),
        (
            ran(evidence(connection(40001, *DROPPED))),
            "phases.faulted.packets.server:8080.0.1: ['server', 'RST', 'client'] in the one, nothing in the other",
        ),
        (
            ran(evidence(connection(40001, *REFUSAL), held=False)),
            "phases.faulted.evidence.findings.0.2: True in the one, False in the other",
        ),
        (
            ran(evidence(connection(40001, *REFUSAL), flaws=("a packet was lost",))),
            "phases.faulted.evidence.flawed: False in the one, True in the other",
        ),
        (
            ran(names={}),
            "phases.healthy.diagnoses.0.0: 'nc -zv ${address.server} 8080' in the one, 'nc -zv <address> 8080' in the other",
        ),
    ],
)
def test_the_first_difference_between_two_runs_is_told_in_a_line(other: Result, told: str) -> None:
    assert difference(reproducible(ran()), reproducible(other)) == told
    assert fingerprint(ran()) != fingerprint(other)


def test_a_client_that_stands_there_twice_is_told_with_both() -> None:
    """No run has that, but a result that somebody has changed may: nothing of it is passed over."""
    forged = replace(SAID, outcome=Outcome.TIMED_OUT)
    made, *others = (
        result(Verdict.PASSED, "server-down", phase(Phase.FAULTED, *tries))
        for tries in ([SAID], [forged, SAID], [SAID, forged], [SAID, SAID])
    )
    assert len({fingerprint(one) for one in (made, *others)}) == 4
    told = difference(reproducible(made), reproducible(others[0]))
    assert told.startswith("phases.faulted.clients.requests: {'outcome': 'refused'")


def test_a_client_that_came_to_something_else_in_a_healthy_phase_differs() -> None:
    made = ran()
    worse = observed(Phase.HEALTHY, Observation(0.1, (replace(OK, outcome=Outcome.RESET),), ()))
    told = difference(reproducible(made), reproducible(replace(made, phases=(worse, *made.phases[1:]))))
    assert told == "phases.healthy.clients.requests: 'ok' in the one, 'reset' in the other"


def test_a_long_value_is_shown_where_it_differs_and_without_line_ends() -> None:
    told = difference({"says": "x" * 500 + "\nold"}, {"says": "x" * 500 + "\nnew"})
    assert told == f"says: '…{'x' * 23}\\nold' in the one, '…{'x' * 23}\\nnew' in the other"


def test_a_phase_that_only_one_of_them_has_differs() -> None:
    short = replace(ran(), phases=ran().phases[:1])
    assert difference(reproducible(ran()), reproducible(short)).startswith("phases.faulted: {'clients': ")
    assert difference(reproducible(short), reproducible(ran())).startswith("phases.faulted: nothing in the one, {")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(min_size=1), JSON, max_size=4)


@given(OBJECTS, OBJECTS)
def test_a_difference_is_told_where_there_is_one_and_only_there(one: dict[str, Any], other: dict[str, Any]) -> None:
    canonical = [json.dumps(value, sort_keys=True) for value in (one, other)]
    told = difference(one, other)
    assert bool(told) == (canonical[0] != canonical[1])
    assert difference(one, one) == ""


@given(st.text(st.characters()))
def test_any_text_of_a_client_has_a_fingerprint(said: str) -> None:
    made = result(Verdict.PASSED, "server-down", phase(Phase.FAULTED, replace(REFUSED, says=said)))
    assert fingerprint(made) == fingerprint(made)
