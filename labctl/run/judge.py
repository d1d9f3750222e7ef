"""Judging: what a client saw against what is expected of it, what a diagnosis showed against what it should show."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

from labctl.language.fields import matches
from labctl.model import Finding, Outcome, Try
from labctl.results.reproducible import AT_ONCE
from labctl.scenario.expect import Expect
from labctl.scenario.model import DiagnosisStep

MOST_SAID = 100  # characters of a client's message, where a sentence quotes it
MOST_NAMED = 3  # clients, or things seen, where a sentence lists them


def judge(one: Try, expect: Expect | None, *, served: bool = False) -> Iterator[Finding]:
    """Compare one client's try with what is expected of it; None expects success.

    Details that a client does not report (a stage, or an errno that its own timer or a command line hides) are not
    judged. A finding is `busy` where the client was late only because the machine lacked a processor. That is assumed,
    too, where other clients were `served` and the client's timer ran out while it waited for a processor.
    """

    def finding(claim: str, held: bool, seen: str, said: str = "") -> Finding:
        return Finding(one.client, claim, held, seen, said)

    outcome = Outcome.OK if expect is None else expect.clients.get(one.client, expect.outcome)
    said = textwrap.shorten(one.says, MOST_SAID, placeholder=" …")
    came = finding(outcome.value, one.outcome is outcome, f"got {one.outcome}", said)
    yield came if came.held else replace(came, busy=served and outcome is Outcome.OK and _ran_out_of_time(one))
    if expect is None or one.client in expect.clients:
        return
    told_by_library = one.exit_code is None
    if expect.errno is not None and (told_by_library or one.errno is not None):
        yield finding(expect.errno, one.errno == expect.errno, f"got {one.errno or 'no errno'}")
    if expect.stage is not None and one.stage is not None:
        yield finding(f"failure at {expect.stage}", one.stage is expect.stage, f"failed at {one.stage}")
    if expect.within is not None:
        claim = f"failure within {expect.within:g} s"
        late = finding(claim, one.seconds <= expect.within, f"took {one.seconds:.3f} s")
        yield late if late.held else replace(late, busy=one.least_seconds <= expect.within)
    if expect.after is not None:
        claim = f"failure no sooner than {expect.after:g} s"
        yield finding(claim, one.seconds >= expect.after, f"took {one.seconds:.3f} s")


def _ran_out_of_time(one: Try) -> bool:
    """Tell whether a client's timer ran out, and of its time the client had less than what comes at once takes."""
    return one.outcome is Outcome.TIMED_OUT and one.least_seconds < one.seconds * AT_ONCE


def sentence(findings: Sequence[Finding]) -> str:
    """Return the findings that did not hold as a sentence; clients of which the same was expected stand together."""
    everyone = dict.fromkeys(finding.about for finding in findings)
    wrong: dict[str, list[Finding]] = {}
    for finding in findings:
        if not finding.held:
            wrong.setdefault(finding.claim, []).append(finding)
    return "; ".join(_clause(claim, of_claim, len(everyone)) for claim, of_claim in wrong.items())


def _clause(claim: str, findings: Sequence[Finding], everyone: int) -> str:
    if len(findings) == 1:
        [one] = findings
        return f"{one.about} {one.seen}, expected {claim}" + (f" ({one.said})" if one.said else "")
    who = f"all {everyone} clients" if len(findings) == everyone else _listed([one.about for one in findings], "and")
    seen = list(dict.fromkeys(one.seen for one in findings))
    verb = f"{seen[0].split()[0]} "  # got refused or timed-out
    return f"{who} {_listed([seen[0], *(one.removeprefix(verb) for one in seen[1:])], 'or')}, expected {claim}"


def _listed(names: Sequence[str], word: str) -> str:
    """Write a list as in a sentence: a, b and c; or a, b, c and 8 more."""
    if len(names) > MOST_NAMED + 1:
        names = [*names[:MOST_NAMED], f"{len(names) - MOST_NAMED} more"]
    return f" {word} ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def unmet(step: DiagnosisStep, output: str, code: int | None) -> list[str]:
    """Return in what a diagnosis step did not show what it should."""
    reasons = []
    if step.shows is not None and not matches(step.shows, output):
        reasons.append(f"it does not show {step.shows}")
    if step.lacks is not None and matches(step.lacks, output):
        reasons.append(f"it shows {step.lacks}")
    if step.exits is not None and code != step.exits:
        reasons.append(f"it exits with {code}, not {step.exits}")
    return reasons
