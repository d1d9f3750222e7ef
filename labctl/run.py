"""One execution of a scenario: observe, break, observe, wait, fix, observe, judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from labctl import __version__
from labctl.abilities import ABILITIES, TRIES, missing
from labctl.deploy import deployed
from labctl.errors import AgentLost, LabctlError, LabError, NoClient
from labctl.journal import NOTE, PHASE_ENDED, Journal, Listener, new_folder
from labctl.lab import Lab
from labctl.model import Outcome, Phase, PhaseResult, Result, Verdict
from labctl.observe import Observer
from labctl.places import RUNS
from labctl.scenario import Loaded
from labctl.session import Session

HEALTHY_WITHIN = 20.0  # seconds for a freshly deployed stack to serve its client
HEALED = "A failure that heals by itself proves no fix. If it should, say so: `expect.heals: {within: …}`."
Visit = Callable[[Observer, Verdict], None]


class Ended(Exception):  # no error: the phase that decides
    """The run is over: with this verdict, for this reason."""

    def __init__(self, verdict: Verdict, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: which clients (all where empty), where to keep the runs, who listens, how far to go, who looks in.

    `visit` is called with the lab as it stands at the end, before it is removed.
    """

    clients: tuple[str, ...] = ()
    runs: Path = RUNS
    listeners: tuple[Listener, ...] = ()
    until: Phase = Phase.FIXED  # the last phase that is run
    visit: Visit | None = None


def run(loaded: Loaded, session: Session, options: Options = Options()) -> Result:
    """Run a scenario once and return what it came to; nothing of it is left.

    Raises Interrupted and KeyboardInterrupt; every other breakage of the lab is an inconclusive result.
    """
    scenario = loaded.scenario
    journal = Journal(new_folder(options.runs, scenario.name, since=session.began), options.listeners)
    phases: list[PhaseResult] = []
    versions: dict[str, str] = {}
    services: dict[str, object] = {}
    try:
        with deployed(loaded.stack, scenario.name, scenario.client.host, session, journal) as lab:
            try:
                observer = Observer(lab, loaded.filled(lab.values), journal, options.clients)
                versions |= observer.versions
                _demand(lab, loaded, session)
                for phase in _phases(observer, phases, journal):
                    if phase is options.until:
                        break
                end = Ended(Verdict.PASSED, _as_claimed(options.until))
            except NoClient as error:
                end = Ended(Verdict.SKIPPED, error.what, error.todo)
            except Ended as ended:
                end = _attributed(ended, lab)
            finally:
                services |= _services(lab)
            if options.visit is not None:
                options.visit(observer, end.verdict)
    except LabctlError as error:
        if error.exit_code != LabError.exit_code:
            raise
        end = Ended(Verdict.INCONCLUSIVE, error.what, "\n".join(part for part in (error.means, error.todo) if part))
    result = Result(
        run=journal.folder.name,
        scenario=scenario.name,
        title=scenario.title,
        cause=scenario.cause,
        verdict=end.verdict,
        reason=end.reason,
        advice=end.advice,
        seconds=journal.now,
        phases=tuple(phases),
        versions={"labctl": __version__, "image": session.image, **session.connection.versions, **versions},
        services=services,
        folder=str(journal.folder),
    )
    journal.note(NOTE, f"verdict: {end.verdict}")
    journal.conclude(result)
    return result


def _attributed(ended: Ended, lab: Lab) -> Ended:
    """Return how a run ended, with what may be to blame besides its scenario.

    Raises AgentLost or DeadlineExceeded where it was the lab that broke: then nothing is said of the scenario.
    """
    if ended.verdict is not Verdict.FAILED:
        return ended
    lab.demand_whole()
    return Ended(ended.verdict, ended.reason, "\n".join(part for part in (ended.advice, lab.last_words()) if part))


def _as_claimed(until: Phase) -> str:
    if until is Phase.FIXED:
        return "broken as claimed, and mended by the fix"
    return f"as claimed up to the {until} phase, where it was to end"


def _demand(lab: Lab, loaded: Loaded, session: Session) -> None:
    """Skip a scenario whose abilities this machine does not have."""
    for ability in loaded.scenario.requires:
        host = loaded.stack.host_with(ABILITIES[ability].tools) or loaded.scenario.client.host
        why = missing(ability, partial(lab.tool, host, seconds=TRIES), local=session.connection.local)
        if why:
            raise Ended(Verdict.SKIPPED, f"it requires {ability!r}, which is not there: {why}")


def _phases(observer: Observer, phases: list[PhaseResult], journal: Journal) -> Iterator[Phase]:
    """Run the phases in order, each when it is asked for; the first that does not pass decides."""
    scenario = observer.scenario

    with _phase(Phase.HEALTHY, phases, journal, observer) as healthy:
        healthy.observe_until(within=HEALTHY_WITHIN, successes=1, hopeless=healthy.lab.lost_a_service)
        if not healthy.held:
            raise Ended(
                Verdict.INCONCLUSIVE, f"the stack was not healthy: {healthy.mismatch}", healthy.lab.last_words()
            )
        healthy.diagnose()
    yield Phase.HEALTHY

    with _phase(Phase.FAULTED, phases, journal, observer) as faulted:
        faulted.apply(scenario.fault)
        faulted.observe()
        if not faulted.held:
            raise Ended(
                Verdict.FAILED,
                f"the fault is in place, but {faulted.mismatch}",
                "Either the expectation is wrong, or the fault does not do what the scenario says.",
            )
        faulted.diagnose()
    yield Phase.FAULTED

    with _phase(Phase.UNFIXED, phases, journal, observer) as unfixed:
        if scenario.expect.heals:
            unfixed.observe_until(within=scenario.expect.heals.within, successes=1, healed=True)
            if not unfixed.held:
                raise Ended(Verdict.FAILED, f"it should have healed by itself, but {unfixed.mismatch}")
        else:
            unfixed.observe_throughout(scenario.recover.within)
            if not unfixed.held:
                healed = any(one.outcome is Outcome.OK for one in unfixed.observations[-1].tries)
                raise Ended(
                    Verdict.FAILED,
                    f"nothing was done but to wait, and yet {unfixed.mismatch}",
                    HEALED if healed else "",
                )
            unfixed.diagnose()
    yield Phase.UNFIXED

    with _phase(Phase.FIXED, phases, journal, observer) as fixed:
        try:
            fixed.apply(scenario.fix)
        except AgentLost:
            raise
        except LabctlError as error:
            raise Ended(Verdict.FAILED, f"the fix cannot be applied: {error.what}", error.means) from error
        fixed.observe_until(within=scenario.recover.within, successes=scenario.recover.successes)
        if not fixed.held:
            raise Ended(Verdict.FAILED, f"the fix does not mend it: {fixed.mismatch}")
        fixed.diagnose()
    yield Phase.FIXED


class _phase:  # noqa: N801 - reads as a statement
    """One phase: what happens in it is kept, however it ends; a diagnosis that tells wrongly decides the verdict."""

    def __init__(self, phase: Phase, phases: list[PhaseResult], journal: Journal, observer: Observer) -> None:
        self._phases, self._journal, self._observer, self._phase = phases, journal, observer, phase

    def __enter__(self) -> Observer:
        self._began = self._journal.now
        self._observer.begin(self._phase)
        return self._observer

    def __exit__(self, kind: object, error: BaseException | None, at: object) -> None:
        observer = self._observer
        result = PhaseResult(
            self._phase,
            self._began,
            self._journal.now,
            done=tuple(observer.done),
            observations=tuple(observer.observations),
            diagnoses=tuple(observer.diagnoses),
        )
        self._phases.append(result)
        self._journal.note(PHASE_ENDED, self._phase.value, result=result)  # saved before it is judged
        wrong = next((step for step in observer.diagnoses if step.judged and not step.held), None)
        if error is None and wrong is not None:
            raise Ended(
                Verdict.FAILED,
                f"the diagnosis `{wrong.command}` does not tell the {self._phase} phase: {wrong.reason}",
                "It must hold while the fault is in place, and not before or after.",
            )


def _services(lab: Lab) -> dict[str, object]:
    """Return each service's outputs and exits, of every container that ran it."""
    return {
        name: [{"log": output.text, "exit": lab.exit_of(output.container)} for output in pod.outputs]
        for name, pod in lab.pods.items()
        if pod.outputs
    }


def worst(results: Sequence[Result]) -> Verdict:
    """Return what many runs came to."""
    return Verdict.overall(result.verdict for result in results)
