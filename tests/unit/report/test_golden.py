"""Each report as it is printed, in 80 columns, compared with the file that is kept of it: see support/golden.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from labctl.knowledge.tree import groups
from labctl.knowledge.truths import Effect, Shown, Table
from labctl.knowledge.why import why
from labctl.model import Diagnosis, Outcome, Phase, Result, Verdict
from labctl.report import controls, lookalikes, many, repeats, terminal
from labctl.report import why as why_report
from labctl.report.kinds.junit import Kind as JUnit
from labctl.report.kinds.markdown import Kind as Markdown
from labctl.report.report import Case, Runs
from labctl.results.fingerprint import fingerprint
from labctl.symptoms import symptoms
from support.bundles import captured, evident
from support.golden import FOLDER, golden
from support.handmade import OK, REFUSED, phase, result
from support.known import entries

STEP = Diagnosis("ss -ltn", "server", "LISTEN\n", judged=True, held=False, by="shows LISTEN", reason="it exits with 1")
BROKEN = evident(
    result(
        Verdict.FAILED,
        "wrong",
        phase(Phase.HEALTHY, OK),
        phase(Phase.FAULTED, OK, wrong="requests refused", done=("docker compose stop server",), diagnoses=(STEP,)),
        reason="the fault is in place, but requests got ok, expected refused",
        advice="Either the expectation is wrong, or the fault does not do what the scenario says.",
    ),
    *captured(2.0),
)
PASSED = result(Verdict.PASSED, "server-down", phase(Phase.HEALTHY, OK), phase(Phase.FAULTED, REFUSED))
STUCK = result(Verdict.INCONCLUSIVE, "stuck", reason="timed out after 10 s waiting for server until something listens")
RUNS = Runs([Case(one.scenario, "not-running", "pair", one) for one in (PASSED, BROKEN, STUCK)], "")


def printed(show: Callable[[Console], None]) -> str:
    page = StringIO()
    show(Console(file=page, width=80, color_system=None, force_terminal=False, highlight=False))
    return page.getvalue()


def numbered(number: int, one: Result) -> Result:
    return replace(one, fingerprint=fingerprint(one), folder=f".labctl/runs/{number}")


def asked(text: str) -> str:
    answers = [why(symptom, entries()) for symptom in symptoms(text)]
    return printed(lambda console: why_report.why(console, answers))


REPORTS: dict[str, Callable[[], str]] = {
    "run.txt": lambda: terminal.as_text(BROKEN, 80),
    "verdict.txt": lambda: printed(lambda console: terminal.verdict(console, STUCK)),
    "matrix.txt": lambda: printed(
        lambda console: many.summary(console, [PASSED, BROKEN, STUCK], seconds=65.0, unrun=["late"], cut_off=True)
    ),
    "repeats.txt": lambda: printed(
        lambda console: repeats.repeats(
            console, [numbered(0, PASSED), numbered(1, replace(PASSED, verdict=Verdict.FAILED, reason="because"))]
        )
    ),
    "why.txt": lambda: asked("ConnectionResetError: [Errno 104] Connection reset by peer"),
    "why-unknown.txt": lambda: asked("curl: (28) Resolving timed out after 5000 milliseconds"),
    "lookalikes.txt": lambda: printed(
        lambda console: lookalikes.lookalikes(console, groups(entries(), "curl")[:2], entries())
    ),
    "controls.txt": lambda: printed(
        lambda console: controls.crossed(
            console,
            Table(scenarios={"a": Shown(fixes={"b": Effect.MENDED}), "b": Shown(fixes={"a": Effect.SAME})}),
            {Outcome.REFUSED: ["a", "b"]},
        )
    ),
    "junit.xml": lambda: JUnit().render(RUNS).decode(),
    "report.md": lambda: Markdown().render(RUNS).decode(),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_as_it_is_kept(name: str) -> None:
    text = REPORTS[name]()
    assert text.strip()
    assert text == golden(name, text)


def test_nothing_is_kept_that_no_report_prints() -> None:
    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(REPORTS)
