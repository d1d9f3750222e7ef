"""labctl's own runs: a scenario with everything left out that only waits, or that only the scenario asks for."""

from __future__ import annotations

import time

from bench.ground import Ground
from labctl.errors import LabError
from labctl.lab.witness import Limits
from labctl.model import Verdict
from labctl.run.run import Options, run
from labctl.scenario.load import Loaded, load
from labctl.system.places import installed

SCENARIO = "loopback-bind"
ONE = ("socket",)
ALL: tuple[str, ...] = ()
BRIEF = {"diagnose": [], "recover": {"within": "10ms", "successes": 1}}
WITNESSED = ("packets", "counters")  # what of `expect` only the kernels can tell


def whole() -> Loaded:
    """Return the scenario as it is on disk."""
    return load(installed("scenarios") / f"{SCENARIO}.yaml", recorded=False)


def brief(*, evidence: bool) -> Loaded:
    """Return the scenario without diagnosis and waiting; without evidence it asks for none."""
    loaded = whole()
    written = loaded.document.value["expect"]
    expect = {key: value for key, value in written.items() if evidence or key not in WITNESSED}
    return loaded.changed(**BRIEF, expect=expect)


def once(loaded: Loaded, ground: Ground, clients: tuple[str, ...], *, evidence: bool) -> float:
    """Run it and return the seconds that it took.

    Raises LabError where it did not pass: then what it took means nothing.
    """
    options = Options(clients, ground.folder / "runs", captures=Limits() if evidence else None, record=False)
    began = time.monotonic()
    result = run(loaded, ground.session, options)
    took = time.monotonic() - began
    if result.verdict is not Verdict.PASSED:
        raise LabError(f"a run of {SCENARIO} {result.verdict}: {result.reason}", todo=result.advice)
    return took
