"""Runs that never ran, and the records of them."""

from __future__ import annotations

from dataclasses import replace

from labctl.model import Link, Observation, Outcome, Phase, Result, Stage, Try, Verdict
from labctl.results import record
from labctl.results.record import Record
from support.handmade import OK, REFUSED, phase, result

CHAIN = (
    Link("requests.exceptions.ConnectionError", "no way to 198.19.3.3", ""),
    Link("urllib3.exceptions.NewConnectionError", "<HTTPConnection at 0x7f18fe341e90>: refused", "context"),
    Link("ConnectionRefusedError", "[Errno 111] Connection refused", "cause"),
)
TOLD = replace(REFUSED, chain=CHAIN, says="requests.exceptions.ConnectionError: no way to 198.19.3.3")
CURL = Try("curl", "curl 7.88.1", Outcome.TIMED_OUT, Stage.CONNECT, 2.01, says="curl: (28) after 2001 ms", exit_code=28)


def ran(*tries: Try) -> Result:
    """Return a run in which the clients saw this first, and another thing later, while the fault was in place."""
    faulted = phase(Phase.FAULTED, *tries)
    later = Observation(1.3, (replace(REFUSED, outcome=Outcome.RESET),), ())
    both = replace(faulted, observations=(*faulted.observations, later))
    made = result(Verdict.PASSED, "server-down", phase(Phase.HEALTHY, OK), both)
    return replace(made, names={"address.server": "198.19.3.3"}, timeout=2.0)


def seen(*tries: Try) -> Record:
    """Return the record of such a run."""
    return record.of(ran(*tries))
