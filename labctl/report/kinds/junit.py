"""Results as JUnit XML, which every CI system reads.

passed is a plain test case, failed a failure, inconclusive an error, skipped skipped. All text goes through
`report.text.plain`, which leaves no character that XML 1.0 (section 2.2) forbids.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite

from labctl.model import Verdict
from labctl.report.facts import properties
from labctl.report.report import Case, Report, Runs
from labctl.report.terminal import as_text
from labctl.report.text import plain

NOT_RUN = "the matrix ended before this had run"
KINDS: dict[Verdict, Callable[..., Failure | Error | Skipped]] = {
    Verdict.FAILED: Failure,
    Verdict.INCONCLUSIVE: Error,
    Verdict.SKIPPED: Skipped,
}


class Kind(Report):
    """One suite, in which each run is a case; what has not run is skipped, or an error where it was cut off."""

    def render(self, runs: Runs) -> bytes:
        """Return the document."""
        suite = TestSuite("labctl")
        for case, name in zip(runs.cases, _names(runs.cases), strict=True):
            suite.add_testcase(_case(case, name, runs.cut_off))
        document = JUnitXml("labctl")
        document.add_testsuite(suite)
        text = io.BytesIO()
        document.write(text, pretty=True)
        return text.getvalue()


def _names(cases: Sequence[Case]) -> list[str]:
    """Name each case after its scenario, with its number where that ran several times: readers drop what is double."""
    all_names = [case.scenario for case in cases]
    names = []
    for position, name in enumerate(all_names):
        times, number = all_names.count(name), all_names[: position + 1].count(name)
        names.append(name if times == 1 else f"{name} ({number} of {times})")
    return names


def _case(case: Case, name: str, cut_off: str) -> TestCase:
    result = case.result
    written = TestCase(name, case.cause, 0.0 if result is None else round(result.seconds, 3))
    if result is None:
        written.result = Error(plain(f"{NOT_RUN}: {cut_off}")) if cut_off else Skipped(NOT_RUN)
        return written
    listed = Properties()
    for key, value in properties(result, case.stack):
        listed.add_property(Property(key, value))
    written.append(listed)
    if result.verdict in KINDS:
        told = KINDS[result.verdict](plain(result.reason), result.verdict.value)
        if result.verdict is not Verdict.SKIPPED:
            told.text = as_text(result)
        written.result = told
    return written
