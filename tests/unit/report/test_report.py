"""What a person reads of a run and of many: on a terminal, in a file, in a log."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from rich.console import Console

from labctl.model import Diagnosis, Phase, Result, Verdict
from labctl.report.many import Many, clock_time, summary
from labctl.report.terminal import MOST_LINES, MOST_REASON, as_text
from labctl.results.journal import PHASE, REMOVING, Event
from labctl.system.waiting import poll
from support.handmade import OK, REFUSED, phase, result

LISTENERS = Diagnosis("ss -ltn", "server", "LISTEN\n" * (MOST_LINES + 3), judged=True, held=True, by="shows LISTEN")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")


def page() -> tuple[Console, StringIO]:
    """Return a console that is no terminal, and what is printed on it."""
    printed = StringIO()
    return Console(file=printed, highlight=False, width=80, force_terminal=False), printed


def test_the_plain_report_tells_the_whole_run() -> None:
    ran = result(
        Verdict.FAILED,
        "server-down",
        phase(Phase.HEALTHY, OK),
        phase(Phase.FAULTED, REFUSED, done=("docker compose stop server",), diagnoses=(LISTENERS,)),
        phase(Phase.FIXED, REFUSED, wrong="requests ok"),
        reason="the fix does not repair it",
        advice="Look again.",
    )
    assert as_text(ran).splitlines() == [
        "server-down: The server is not running",
        "",
        "healthy: the stack as it should be  500 ms",
        "  requests     ok, after 10 ms",
        "",
        "faulted: the fault is in place  500 ms",
        "  $ docker compose stop server",
        "  requests     refused at connect, ECONNREFUSED (111), after 5 ms",
        "    requests.exceptions.ConnectionError: refused",
        "  what shows the cause, on server (shows LISTEN):",
        "  $ ss -ltn",
        *["    LISTEN"] * MOST_LINES,
        "    … 3 more lines in result.json",
        "",
        "fixed: the documented fix is applied  500 ms",
        "  requests     refused at connect, ECONNREFUSED (111), after 5 ms",
        "    requests.exceptions.ConnectionError: refused",
        "    expected ok",
        "",
        "failed server-down in 2.00 s: the fix does not repair it",
        "  Look again.",
        "  all of it: .labctl/runs/20260101-000000-1-server-down/result.json",
    ]


def test_the_plain_report_is_plain_whatever_the_lab_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    nasty = "\x1b[2J\x07\r"
    step = Diagnosis(nasty, "server", nasty, judged=True, held=False, by="x", reason=nasty)
    ran = result(
        Verdict.FAILED,
        "x",
        phase(Phase.FAULTED, REFUSED, wrong=f"requests {nasty}", done=(nasty,), diagnoses=(step,)),
        reason=nasty,
        advice=nasty,
    )
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", as_text(ran))


def test_where_there_is_no_terminal_each_result_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where colours are asked for, nothing moves."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    printed = StringIO()
    many = Many(Console(file=printed, highlight=False, color_system=None), ["a"] * 10, 2, {})
    with many.shown():
        many.begins(3)
        many.hears(3, Event(0.1, PHASE, "healthy"))
        many.ends(3, result(scenario="a"))
        many.begins(4)
        many.ends(4, result(Verdict.SKIPPED, "a", reason="no netem"))
    assert printed.getvalue() == "[ 1/10] passed a in 2.00 s: because\n[ 2/10] skipped a in 2.00 s: no netem\n"


def test_what_did_not_pass_shows_the_phase_that_decided() -> None:
    console, printed = page()
    many = Many(console, ["a"], 2, {})
    many.begins(0)
    wrong = phase(Phase.FAULTED, OK, wrong="requests refused")
    many.ends(0, result(Verdict.FAILED, "a", phase(Phase.HEALTHY, OK), wrong, reason="x " * MOST_REASON))
    shown = printed.getvalue()
    assert "\n  faulted: the fault is in place" in shown
    assert "\n    requests     ok, after 10 ms\n      expected refused\n" in shown
    assert "healthy:" not in shown
    assert "all of it: .labctl/runs/20260101-000000-1-a/result.json" in shown
    assert shown.partition("\n")[0].endswith(" …")


def summed_up(results: list[Result], **options: object) -> list[str]:
    """Return the lines of a summary."""
    console, printed = page()
    summary(console, results, **{"seconds": 65.2, "unrun": (), **options})  # type: ignore[arg-type]
    return printed.getvalue().strip().splitlines()


def test_the_summary_repeats_what_did_not_pass_failed_ones_first() -> None:
    results = [
        result(scenario="a"),
        result(Verdict.INCONCLUSIVE, "b", reason="the engine is gone"),
        result(Verdict.FAILED, "c", reason="not so"),
        result(Verdict.SKIPPED, "d"),
    ]
    assert summed_up(results, unrun=["e", "f"]) == [
        "failed: 1 passed, 1 failed, 1 inconclusive, 1 skipped, in 1 min 5 s",
        "  failed        c: not so",
        "                .labctl/runs/20260101-000000-1-c",
        "  inconclusive  b: the engine is gone",
        "                .labctl/runs/20260101-000000-1-b",
        "  not run       e, f",
    ]


def test_the_summary_counts_what_ran_more_than_once() -> None:
    results = [result(scenario="a"), result(Verdict.FAILED, "b"), result(scenario="a"), result(scenario="b")]
    results += [result(Verdict.SKIPPED, "c")] * 2
    assert [line.rstrip() for line in summed_up(results)[1:5]] == [
        "  runs  passed  fingerprints  flake rate  scenario",
        "     2       2             1       0.0 %  a",
        "     2       1             1      50.0 %  b",
        "     2       0             1       0.0 %  c",
    ]


def test_the_summary_of_a_matrix_that_was_cut_off_says_so() -> None:
    assert summed_up([result(scenario="a")], unrun=["b"], cut_off=True) == [
        "interrupted: 1 passed, in 1 min 5 s",
        "  not finished  b",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3725, "62 min 5 s")]
)
def test_a_rough_time_is_written_as_people_say_it(seconds: float, shown: str) -> None:
    assert clock_time(seconds) == shown


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Console, Callable[[], str]]]:
    """Return a console on a real pseudo-terminal, and a function that tells what has arrived on it."""
    monkeypatch.setenv("TERM", "xterm-256color")
    ours, theirs = os.openpty()
    arrived: list[bytes] = []

    def read() -> None:
        try:
            while chunk := os.read(ours, 65536):
                arrived.append(chunk)
        except OSError:  # the other end is closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(theirs, "w") as file:
        yield Console(file=file, highlight=False, width=100), lambda: b"".join(arrived).decode()
    reader.join()
    os.close(ours)


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_shows_what_goes_on_and_how_long_it_will_take(
    terminal: tuple[Console, Callable[[], str]], monkeypatch: pytest.MonkeyPatch, no_color: str
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    file, arrived = terminal[0].file, terminal[1]
    many = Many(Console(file=file, highlight=False, width=100), ["first", "second"], 1, {"second": [30.0]})
    with many.shown():
        many.begins(0)
        many.hears(0, Event(0.1, PHASE, Phase.UNFIXED))
        poll(lambda: "about 1 min 0 s left" in arrived(), 5, "an estimate")
        many.hears(0, Event(0.1, REMOVING, "the lab"))
        poll(lambda: "taking the stack down" in arrived(), 5, "what goes on")
        many.ends(0, result(scenario="first"))
        poll(lambda: "1 of 2 are over: 1 passed; about 30 s left" in arrived(), 5, "what is over")
    assert "waiting, to see whether it heals by itself" in arrived()
    assert bool(COLOUR.search(arrived())) is not bool(no_color)
