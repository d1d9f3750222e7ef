"""Results as a Markdown table, as a pull request or the summary page of a CI job shows it."""

from __future__ import annotations

import html
from collections import Counter

from labctl.model import Verdict
from labctl.report.report import Case, Report, Runs
from labctl.report.text import milliseconds, one_line

NOT_RUN = "not run"


class Kind(Report):
    """A line with the count of each verdict, then a row for each run: what did not pass comes first."""

    def render(self, runs: Runs) -> bytes:
        """Return the table."""
        ranked = sorted(runs.cases, key=lambda case: case.result is not None and case.result.verdict is Verdict.PASSED)
        counts = Counter(_verdict(case) for case in runs.cases)
        counted = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
        head = ["| scenario | verdict | time | reason |", "| --- | --- | --- | --- |"]
        ended = f"\n\nEnded early: {_cell(runs.cut_off)}" if runs.cut_off else ""
        return "\n".join([f"**{counted}**{ended}", "", *head, *map(_row, ranked), ""]).encode()


def _verdict(case: Case) -> str:
    return NOT_RUN if case.result is None else case.result.verdict.value


def _row(case: Case) -> str:
    result = case.result
    cells = [
        case.scenario,
        _verdict(case),
        milliseconds(result.seconds) if result else "",
        result.reason if result else "",
    ]
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Return text that is no markup, and stays in its cell."""
    return html.escape(one_line(text), quote=False).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
