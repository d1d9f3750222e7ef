"""What clients really print leads `labctl why` to what was really broken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from labctl.knowledge.why import why
from labctl.lab.session import Session
from labctl.model import Outcome, Phase, Result, Verdict
from labctl.run.run import Options, run
from labctl.symptoms import symptoms
from support.known import entries, scenarios

BROKEN = ("firewall-drop", "firewall-reject", "loopback-bind", "tiny-backlog-abort", "unassigned-address", "wrong-port")
LOGGED = "2026-11-23 10:00:00,123 ERROR [worker-1] app.client: "
AT_ONCE = 3


@pytest.fixture(scope="module")
def results(session: Session, options: Options) -> dict[str, Result]:
    """Run them up to where they are broken, with every client."""
    briefly = replace(options, until=Phase.FAULTED)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(BROKEN, pool.map(lambda name: run(scenarios()[name], session, briefly), BROKEN), strict=True))


@pytest.mark.parametrize("name", BROKEN)
def test_every_clients_whole_output_leads_to_the_cause(name: str, results: dict[str, Result]) -> None:
    """Also where each of its lines has a logger's prefix."""
    assert results[name].verdict is Verdict.PASSED
    tries = results[name].phases[-1].observations[-1].tries
    failed = [one for one in tries if one.outcome is not Outcome.OK and one.details.strip()]
    assert failed
    for one in failed:
        for text in (one.details, "\n".join(LOGGED + line for line in one.details.splitlines())):
            answers = [why(symptom, entries()) for symptom in symptoms(text)]
            causes = {cause.scenario for answer in answers for cause in answer.causes}
            assert name in causes, f"{one.client}: {text}"
