"""The four phases of a run, in order; the first that does not pass decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType

from labctl.clients import Target
from labctl.errors import AgentLost, EngineSilent, EngineUnavailable, LabctlError
from labctl.kernel.pcap import SYN_ACK
from labctl.model import Connection, Outcome, Phase, PhaseResult, Verdict
from labctl.results.journal import PHASE_ENDED, Journal
from labctl.run import proof
from labctl.run.judge import sentence
from labctl.run.observe import Observer

HEALTHY_WITHIN = 20.0  # seconds for a freshly deployed stack to serve its client
TOO_BUSY = (
    "Processes waited for a processor nearly all the time. Run it again when the machine is less busy, or with "
    "fewer runs at once (-j)."
)
HEALED = "A fix of a failure that heals by itself proves nothing. If it is meant to heal: `expect.heals: {within: …}`."


class Ended(Exception):  # no error: the phase that decides
    """The run is over: with this verdict, for this reason."""

    def __init__(self, verdict: Verdict, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason
        self.advice = advice


def phases(observer: Observer, results: list[PhaseResult], journal: Journal) -> Iterator[Phase]:
    """Run the phases, each when it is asked for; what happened in them is in `results`, however they end.

    Raises Ended where one does not pass.
    """
    scenario = observer.scenario

    with _Phase(Phase.HEALTHY, results, journal, observer) as healthy:
        healthy.observe_until(within=HEALTHY_WITHIN, successes=1, hopeless=healthy.lab.lost_a_service)
        if not healthy.held:
            raise Ended(
                Verdict.INCONCLUSIVE, f"the stack was not healthy: {healthy.mismatch}", healthy.lab.last_words()
            )
        _demand_sight(healthy)
        healthy.diagnose()
    yield Phase.HEALTHY

    with _Phase(Phase.FAULTED, results, journal, observer) as faulted:
        faulted.apply(scenario.fault)
        faulted.observe()
        _demand_moved(faulted)
        if not faulted.held:
            _demand_processors(faulted)
            raise Ended(
                Verdict.FAILED,
                f"the fault is in place, but {faulted.mismatch}",
                "Either the expectation is wrong, or the fault does not do what the scenario says.",
            )
        _demand_proof(faulted)
        faulted.diagnose()
    yield Phase.FAULTED

    with _Phase(Phase.UNFIXED, results, journal, observer) as unfixed:
        if scenario.expect.heals:
            unfixed.observe_until(within=scenario.expect.heals.within, successes=1, healed=True)
            if not unfixed.held:
                raise Ended(Verdict.FAILED, f"the failure did not heal by itself: {unfixed.mismatch}")
        else:
            unfixed.observe_throughout(scenario.recover.within)
            if not unfixed.held:
                _demand_processors(unfixed)
                healed = any(one.outcome is Outcome.OK for one in unfixed.observations[-1].tries)
                raise Ended(
                    Verdict.FAILED,
                    f"nothing was changed, but after waiting {unfixed.mismatch}",
                    HEALED if healed else "",
                )
            unfixed.diagnose()
    yield Phase.UNFIXED

    with _Phase(Phase.FIXED, results, journal, observer) as fixed:
        try:
            fixed.apply(scenario.fix)
        except (AgentLost, EngineUnavailable, EngineSilent):  # the lab broke, which says nothing about the fix
            raise
        except LabctlError as error:
            raise Ended(Verdict.FAILED, f"the fix could not be applied: {error.what}", error.means) from error
        fixed.observe_until(within=scenario.recover.within, successes=scenario.recover.successes)
        if not fixed.held:
            _demand_processors(fixed)
            raise Ended(Verdict.FAILED, f"the fix does not repair it: {fixed.mismatch}")
        fixed.diagnose()
    yield Phase.FIXED


def _demand_sight(healthy: Observer) -> None:
    """See that the captures show what is known to have happened: the clients got through."""
    evidence = healthy.evidence()
    if (
        evidence is None
        or evidence.flaws
        or healthy.client.target is None
        or Target.parse(healthy.client.target).on_loopback
    ):
        return
    answered = [one for one in evidence.connections if any(packet.kind == SYN_ACK for packet in one.packets)]
    if not answered:
        host = healthy.client.host
        raise Ended(
            Verdict.INCONCLUSIVE,
            f"the capture on {host} shows no packet of the clients, although every client got an answer",
            "It captures on the wrong interface, or the packets take a way past every host of the lab.",
        )
    if not any(_seen_at_both_ends(one) for one in answered):
        raise Ended(
            Verdict.INCONCLUSIVE,
            f"no packet was captured both where it was sent and where it arrived: {answered[0].server} and "
            f"{answered[0].client} do not both capture",
            "One of them captures on the wrong interface.",
        )


def _seen_at_both_ends(connection: Connection) -> bool:
    """Tell whether each end saw a packet of the other; who only hears of what it sent itself is blind."""
    came = {(packet.by, packet.reached) for packet in connection.packets}
    return {(connection.client, connection.server), (connection.server, connection.client)} <= came


def _demand_moved(faulted: Observer) -> None:
    """See that the fault moved what it should have moved; otherwise it proves nothing, whatever the clients saw."""
    evidence = faulted.evidence()
    if evidence is None:
        return
    _demand_trust(faulted)
    unmoved = proof.unmoved(evidence, faulted.scenario.expect)
    if unmoved:
        saw = f"The clients: {faulted.mismatch}." if not faulted.held else "The clients got what was expected."
        raise Ended(
            Verdict.INCONCLUSIVE,
            f"no evidence that the fault is in place: {'; '.join(unmoved)}",
            f"{saw} Either the fault does not do what the scenario says, or `expect` names the wrong counters.",
        )


def _demand_proof(faulted: Observer) -> None:
    """See that the evidence is as the scenario claims."""
    evidence = faulted.evidence()
    if evidence is not None and not all(one.held for one in evidence.findings):
        raise Ended(
            Verdict.FAILED,
            f"the clients got what was expected, but the evidence differs: {sentence(evidence.findings)}",
            "Either the expectation is wrong, or the fault is another than the scenario says.",
        )


def _demand_processors(observer: Observer) -> None:
    """Say nothing of clients that were late alone, where the machine may have made them late."""
    wrong = [one for one in observer.observations[-1].findings if not one.held]
    if all(one.busy for one in wrong):
        raise Ended(Verdict.INCONCLUSIVE, f"the machine was too busy: {observer.mismatch}", TOO_BUSY)


def _demand_trust(observer: Observer) -> None:
    """Raise Ended where the captures cannot be trusted."""
    evidence = observer.evidence()
    flaws = evidence.flaws if evidence else ()
    if flaws:
        raise Ended(
            Verdict.INCONCLUSIVE,
            "; ".join(flaws),
            "A packet that is missing may not have been captured.",
        )


class _Phase:
    """One phase: what happens in it is kept, however it ends; a diagnosis that tells wrongly decides the verdict."""

    def __init__(self, phase: Phase, results: list[PhaseResult], journal: Journal, observer: Observer) -> None:
        self._results, self._journal, self._observer, self._phase = results, journal, observer, phase

    def __enter__(self) -> Observer:
        self._began = self._journal.now
        self._observer.begin(self._phase)
        return self._observer

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        observer = self._observer
        observations = observer.observations
        if observations:
            observations = [*observations[:-1], replace(observations[-1], evidence=observer.evidence())]
        result = PhaseResult(
            self._phase,
            self._began,
            self._journal.now,
            done=tuple(observer.done),
            observations=tuple(observations),
            diagnoses=tuple(observer.diagnoses),
        )
        self._results.append(result)
        self._journal.note(PHASE_ENDED, self._phase.value, result=result)  # saved before it is judged
        if error is not None:
            return
        _demand_trust(observer)
        wrong = next((step for step in observer.diagnoses if step.judged and not step.held), None)
        if wrong is not None:
            raise Ended(
                Verdict.FAILED,
                f"diagnosis `{wrong.command}` did not match in the {self._phase} phase: {wrong.reason}",
                "A diagnosis must match while the fault is in place, and only then.",
            )
