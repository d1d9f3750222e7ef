"""Scenarios that ran more than once: how often each passed, in how many ways, and in what two ways differ."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from labctl.model import Outcome, Phase, Result, Try, Verdict
from labctl.report.repeats import alike, by_scenario, repeats
from labctl.results.fingerprint import fingerprint
from support.handmade import OK, REFUSED, phase, result

RESET = replace(REFUSED, outcome=Outcome.RESET)
LONG = (
    "requests.exceptions.ConnectionError: HTTPConnectionPool(host='server', port=8080): Max retries exceeded with url"
)


def run(scenario: str, *tries: Try, verdict: Verdict = Verdict.PASSED, number: int = 1) -> Result:
    """Return a run in which the clients saw this, with its fingerprint."""
    made = result(verdict, scenario, phase(Phase.HEALTHY, OK), phase(Phase.FAULTED, *(tries or (REFUSED,))))
    return replace(made, fingerprint=fingerprint(made), folder=f".labctl/runs/{number}-{scenario}")


def told(results: Sequence[Result], width: int = 80) -> list[str]:
    """Return the lines that are printed on a page so wide."""
    page = io.StringIO()
    repeats(Console(file=page, width=width, highlight=False, force_terminal=False), results)
    return page.getvalue().splitlines()


STEADY = [run("server-down", number=number) for number in range(10)]
FLAKY = [
    *(run("wrong-port", number=number) for number in range(7)),
    *(run("wrong-port", RESET, verdict=Verdict.FAILED, number=7 + number) for number in range(2)),
    run("wrong-port", replace(REFUSED, says=LONG), number=9),
]
APART = [
    "  wrong-port is not the same in every run:",
    "    verdict: 'passed' in the one, 'failed' in the other",
    "    the one    .labctl/runs/0-wrong-port",
    "    the other  .labctl/runs/7-wrong-port",
]


def test_a_scenario_that_ran_once_is_not_counted() -> None:
    assert told([run("server-down"), run("wrong-port")]) == []
    assert told([]) == []


def test_each_scenario_has_its_row_and_what_differs_its_line() -> None:
    """What is compared is the most frequent way with the next."""
    assert told([*STEADY, *FLAKY]) == [
        "  runs  passed  fingerprints  flake rate  scenario",
        "    10      10             1       0.0 %  server-down",
        "    10       8             3      20.0 %  wrong-port",
        *APART,
    ]


def test_where_a_table_has_no_room_each_scenario_has_a_sentence() -> None:
    assert told([*STEADY, *FLAKY], 40) == [
        "  server-down: 10 of 10 passed, 1 fingerprint, flake rate 0.0 %",
        "  wrong-port: 8 of 10 passed, 3 fingerprints, flake rate 20.0 %",
        *APART,
    ]


def test_a_name_is_never_cut_off() -> None:
    name = "x" * 90
    assert told([run(name), run(name)]) == [f"  {name}: 2 of 2 passed, 1 fingerprint, flake rate 0.0 %"]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_what_differs_is_said_in_one_line_that_steers_no_terminal(width: int) -> None:
    runs = [run("a", replace(REFUSED, says="no\n\x1b[2J")), run("a", replace(REFUSED, says=f"{LONG}\n\u202e"))]
    *_, line, _, _ = told(runs, width)
    assert line.startswith("    phases.faulted.clients.requests.says: ")
    assert r"'no\n\x1b[2J' in the one, " in line
    assert line.endswith(" in the other")


def test_runs_that_differ_and_came_to_one_verdict_are_no_flakes() -> None:
    """Nothing flakes then, and yet nothing can be told: the runs are not alike."""
    lines = told([run("a"), run("a", replace(REFUSED, says=LONG)), run("a")])
    assert lines[1] == "     3       3             2       0.0 %  a"
    assert lines[2] == "  a is not the same in every run:"


@pytest.mark.parametrize(("failed", "rate"), [(1, "33.3 %"), (2, "33.3 %"), (3, "0.0 %")])
def test_a_flake_is_a_run_that_came_to_another_verdict_than_most(failed: int, rate: str) -> None:
    verdicts = [Verdict.FAILED] * failed + [Verdict.PASSED] * (3 - failed)
    assert rate in told([run("a", verdict=verdict) for verdict in verdicts])[1]


def test_what_is_not_steady_is_seen_by_its_colour() -> None:
    page = io.StringIO()
    repeats(Console(file=page, width=80, force_terminal=True, color_system="standard"), [*STEADY, *FLAKY])
    coloured = [line for line in page.getvalue().splitlines() if "\x1b[33m" in line]
    assert [line.split()[-1].removesuffix("\x1b[0m") for line in coloured] == ["wrong-port", "run:"]


def test_runs_are_alike_where_those_of_each_scenario_have_one_fingerprint() -> None:
    assert alike([*STEADY, run("wrong-port"), run("wrong-port")])
    assert alike([])
    assert not alike([*STEADY, run("wrong-port"), run("wrong-port", RESET)])


def test_the_runs_of_each_scenario_keep_their_order() -> None:
    runs = [run("b", number=1), run("a", number=2), run("b", number=3)]
    assert by_scenario(runs) == {"b": [runs[0], runs[2]], "a": [runs[1]]}
