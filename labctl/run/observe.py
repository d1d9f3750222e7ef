"""Looking at a lab as its client does: triggers replayed, all clients at once, each held against what is expected.

Where the lab has witnesses, the kernels are looked at before and after.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from labctl.actions import Action, Configure
from labctl.errors import AgentRefused
from labctl.lab.lab import Lab
from labctl.model import Diagnosis, Evidence, Finding, Observation, Outcome, Phase, Try
from labctl.results.journal import PHASE, WAITING, Journal
from labctl.run import proof
from labctl.run.client import Client, ready
from labctl.run.diagnose import diagnosed
from labctl.run.evidence import Witnesses
from labctl.run.judge import judge, sentence
from labctl.run.triggers import Triggers
from labctl.scenario.model import DiagnosisStep, Scenario
from labctl.system.threads import aside

BETWEEN = 0.2  # seconds between two observations that wait for recovery, at most
CONTROLS_EVERY = 1.0  # seconds between two observations that only see whether it stays broken
FIRST_AGAIN = 0.01  # seconds to the second observation where the first came too early; each next waits twice as long
Rest = Callable[[], AbstractContextManager[Any]]
"""Is entered for as long as a run does nothing but wait for its control's sake."""


class Observer:
    """Observes one lab through a run's phases; `begin` starts a phase afresh."""

    def __init__(
        self, lab: Lab, scenario: Scenario, client: Client, witnesses: Witnesses, journal: Journal, rest: Rest
    ) -> None:
        self.scenario = scenario
        self.lab = lab
        self.client = client
        self.triggers = Triggers(lab, scenario.trigger, self._apply)
        self.broken_timeout = client.settings.timeout  # while the fault is in place, in seconds
        self._witnesses = witnesses
        self._journal = journal
        self._rest = rest
        self._took = 0.0  # seconds, the last observation
        self._restart(Phase.HEALTHY)

    def _restart(self, phase: Phase) -> None:
        self.phase = phase
        self.done: list[str] = []
        self.observations: list[Observation] = []
        self.diagnoses: list[Diagnosis] = []
        self._evidence: Evidence | None = None
        self._witnesses.turn_away()

    def begin(self, phase: Phase) -> None:
        """Start a phase."""
        self._restart(phase)
        self._journal.note(PHASE, phase.value)

    @property
    def held(self) -> bool:
        """Whether the last observation was as expected."""
        return bool(self.observations) and self.observations[-1].held

    @property
    def mismatch(self) -> str:
        """What in the last observation was not as expected, in a sentence."""
        return sentence(self.observations[-1].findings)

    def evidence(self) -> Evidence | None:
        """Read what the kernels saw of the last observation; None where nobody watched, or was to read it."""
        if self._evidence is None:
            self._evidence = self._witnesses.read()
            if self._evidence is not None and self.phase is Phase.FAULTED:
                tried = len(self.observations[-1].tries)
                self._evidence = proof.judged(self._evidence, self.scenario.expect, clients=tried)
        return self._evidence

    def apply(self, actions: Sequence[Action]) -> None:
        """Apply a fault or a fix."""
        for action in actions:
            self.done.append(action.typed())
            self._apply(action)
            if self.phase is Phase.FAULTED:
                self._witnesses.know(action)
            else:
                self._witnesses.forget()

    def _apply(self, action: Action) -> None:
        self.lab.apply(action)
        for step in action.steps():
            if isinstance(step, Configure):
                self.client.configure(step.changes)

    def close(self) -> None:
        """Look for the last time."""
        self._witnesses.close()

    def observe(self, *, healed: bool = False, more: bool = False) -> Observation:
        """Replay the triggers, let every client try once, and hold each against what this phase expects.

        Only a phase's last observation has evidence: where this one is as expected and `more` follow, it has none.
        """
        self.triggers.begin()
        self._await_dependencies()
        with self._witnesses.watching() as seen:
            at = self._journal.now
            tries = self._tried()
            self._took = self._journal.now - at
            observation = Observation(at, tries, self._judged(tries, healed=healed))
            if seen is not None:
                seen.wanted = not (more and observation.held)
        self._evidence = None
        if self.phase is Phase.FAULTED:
            self.broken_timeout = self.client.settings.timeout
        self.triggers.release()
        self.observations.append(observation)
        return observation

    def _judged(self, tries: Sequence[Try], *, healed: bool) -> tuple[Finding, ...]:
        expect = self.scenario.expect if self.phase.broken and not healed else None
        served = any(one.outcome is Outcome.OK for one in tries)
        return tuple(finding for one in tries for finding in judge(one, expect, served=served))

    def _await_dependencies(self) -> None:
        """Wait, as Compose does before it starts a service, until what the client depends on is healthy; or sleep."""
        if self.client.settings.pause:
            self._pause(self.client.settings.pause)
        for host, dependency in self.client.settings.depends_on.items():
            if dependency.on_health:
                with self._journal.timed(f"waiting until {host} is healthy", WAITING):
                    self.lab.host(host).await_health()

    def _tried(self) -> tuple[Try, ...]:
        """Let every client try, and what triggers do meanwhile be done."""
        if not self.triggers.any_late:
            return self._tries()
        late = self.triggers.late(len(self.client.names()) or 1, self.client.settings.timeout)
        triggered = aside("trigger", late)  # a lab that goes away ends what still waits
        tries = self._tries()
        triggered.result()
        return tries

    def observe_until(
        self, *, within: float, successes: int, healed: bool = False, hopeless: Callable[[], bool] = bool
    ) -> None:
        """Observe until as many in a row as asked are as expected; those still going at the deadline may end.

        A trigger that is refused meets a stack that is not ready yet, as a client may. Stops sooner where it is
        `hopeless`. Raises AgentRefused where a trigger still is refused at the end.
        """
        deadline = time.monotonic() + within
        row = 0
        pause = FIRST_AGAIN
        while row < successes:
            refused: AgentRefused | None = None
            try:
                row = row + 1 if self.observe(healed=healed, more=row + 1 < successes).held else 0
            except AgentRefused as error:
                row, refused = 0, error
                self.triggers.release()
            if row == 0 and (time.monotonic() > deadline or hopeless()):
                if refused is not None:
                    raise refused
                return
            if row == 0:
                self._pause(pause)
                pause = min(2 * pause, BETWEEN)

    def observe_throughout(self, seconds: float) -> None:
        """Observe for at least `seconds`, last at their end; stops where an observation is not as expected.

        What was seen just now is not looked at once more before some time has passed; where a look takes long, it has.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._took < CONTROLS_EVERY:
                with self._rest():
                    self._pause(min(CONTROLS_EVERY, left))
            if not self.observe().held:
                return

    def _pause(self, seconds: float) -> None:
        with self._journal.timed("letting time pass", WAITING):
            time.sleep(seconds)

    def _tries(self) -> tuple[Try, ...]:
        return self.client.tries(self.lab, self._journal, self.triggers.between)

    def diagnose(self) -> None:
        """Take the diagnosis steps; a judged one must hold while the fault is in place, and only then.

        What is only shown is looked at where it is shown: while the fault is in place.
        """
        faulted = self.phase is Phase.FAULTED
        self.diagnoses += self.ask([step for step in self.scenario.diagnose if step.judges or faulted])

    def ask(self, steps: Sequence[DiagnosisStep]) -> list[Diagnosis]:
        """Take diagnosis steps; a judged one is to hold while the fault is in place, and only then."""
        filled = self.client.filled
        return diagnosed(self.lab, steps, self.client.host, filled, self._journal, broken=self.phase.broken)


def prepared(
    lab: Lab, scenario: Scenario, journal: Journal, chosen: Sequence[str] = (), rest: Rest = nullcontext
) -> Observer:
    """Return the observer of a lab that stands, once its clients have said what they are and the kernels can count.

    Raises NoClient where none of the clients `chosen` can try, UsageError, and LabError where a kernel lacks a counter.
    """
    client = ready(lab, scenario.client, chosen, journal)
    witnesses = Witnesses(lab, journal, client.host)
    witnesses.demand(scenario.expect.counters)
    return Observer(lab, scenario, client, witnesses, journal, rest)
