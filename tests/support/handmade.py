"""Results of runs that never ran, for tests of what is made of results."""

from __future__ import annotations

from labctl.model import Diagnosis, Finding, Link, Observation, Outcome, Phase, PhaseResult, Result, Stage, Try, Verdict

REFUSED = Try(
    client="requests",
    version="requests 2.34.2",
    outcome=Outcome.REFUSED,
    stage=Stage.CONNECT,
    seconds=0.005,
    errno="ECONNREFUSED",
    errno_number=111,
    chain=(Link("ConnectionRefusedError", "[Errno 111] Connection refused", ""),),
    says="requests.exceptions.ConnectionError: refused",
)
OK = Try("requests", "requests 2.34.2", Outcome.OK, None, 0.01)


def phase(
    name: Phase, *tries: Try, wrong: str = "", diagnoses: tuple[Diagnosis, ...] = (), done: tuple[str, ...] = ()
) -> PhaseResult:
    """Return a phase in which clients saw something; `wrong` is a claim about one of them that did not hold."""
    client, _, claim = wrong.partition(" ")
    findings = (Finding(client, claim, held=False, seen="was not so"),) if wrong else ()
    return PhaseResult(name, 1.0, 1.5, done, (Observation(1.1, tries, findings),), diagnoses)


def result(
    verdict: Verdict = Verdict.PASSED,
    scenario: str = "server-down",
    *phases: PhaseResult,
    reason: str = "because",
    advice: str = "",
    seconds: float = 2.0,
) -> Result:
    """Return what a run came to."""
    return Result(
        run=f"20260101-000000-1-{scenario}",
        scenario=scenario,
        title="The server is not running",
        cause="not-running",
        verdict=verdict,
        reason=reason,
        advice=advice,
        seconds=seconds,
        phases=phases or (phase(Phase.HEALTHY, OK), phase(Phase.FAULTED, REFUSED)),
        versions={"labctl": "0.1.0", "image": "labctl:1", "engine": "20.10", "kernel": "6.1", "requests": "requests 2"},
        folder=f".labctl/runs/20260101-000000-1-{scenario}",
    )
