"""Looking at a lab as its client does: triggers replayed, all clients at once, each held against what is expected.

Where the lab has witnesses, the kernels are looked at before and after.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from errno import errorcode
from typing import Any

from labctl.actions import Action, Configure
from labctl.clients import Target, broken_plugins
from labctl.clients.outcomes import BY_ERRNO, errno_in
from labctl.errors import AgentRefused, NoClient, UsageError
from labctl.lab.lab import Lab
from labctl.lab.pod import SANDBOX_STARTS
from labctl.language.fields import Command, argv, typed
from labctl.language.placeholders import filled, of_target
from labctl.model import Diagnosis, Evidence, Finding, Observation, Outcome, Phase, Try
from labctl.results.journal import LEFT_OUT, NOTE, PHASE, WAITING, Journal
from labctl.run import proof
from labctl.run.diagnose import diagnosed
from labctl.run.evidence import Seen, Witnesses
from labctl.run.judge import judge, sentence
from labctl.run.tries import tried
from labctl.run.triggers import Triggers
from labctl.scenario.model import DiagnosisStep, Scenario
from labctl.stack.client_settings import ClientSettings
from labctl.system.threads import aside

BETWEEN = 0.2  # seconds between two observations that wait for recovery, at most
CONTROLS_EVERY = 1.0  # seconds between two observations that only see whether it stays broken
FIRST_AGAIN = 0.01  # seconds to the second observation where the first came too early; each next waits twice as long
Rest = Callable[[], AbstractContextManager[Any]]
"""Is entered for as long as a run does nothing but wait for its control's sake."""
COMMAND = "run"  # the name of the client that is the scenario's own command


class Observer:
    """Observes one lab through a run's phases; `begin` starts a phase afresh."""

    def __init__(
        self, lab: Lab, scenario: Scenario, journal: Journal, chosen: Sequence[str] = (), rest: Rest = nullcontext
    ) -> None:
        self.scenario = scenario
        self.lab = lab
        self.triggers = Triggers(lab, scenario.trigger, self._apply)
        self._journal = journal
        self._settings: ClientSettings = scenario.client
        self.broken_timeout = self._timeout  # while the fault is in place
        self._took = 0.0  # seconds, the last observation
        self._chosen = chosen
        self._rest = rest
        self._known: Mapping[str, Any] = {}
        if scenario.client.run is not None and chosen:
            raise NoClient(f"{', '.join(chosen)} cannot take the place of the command that the scenario runs.")
        if scenario.client.run is None:
            said = lab.clients(scenario.client.host).ready(SANDBOX_STARTS)
            self._known = said["clients"]
            for name, why in broken_plugins.items():
                journal.note(NOTE, f"the client {name} is left out: {why}")
            self._leave_out(said["broken"])
            if not self._names():
                raise NoClient(f"none of the clients {', '.join(chosen)} can reach {scenario.client.target}.")
        self._witnesses = Witnesses(lab, journal, scenario.client.host)
        self._witnesses.demand(scenario.expect.counters)
        self.versions = {name: str(self._known[name]["version"]) for name in self._names()}
        self.begin(Phase.HEALTHY, quietly=True)

    def _leave_out(self, broken: Mapping[str, str]) -> None:
        """Note the clients that cannot be used; raises UsageError where one of them was asked for."""
        for name, why in broken.items():
            if name in self._chosen:
                todo = "`labctl clients` lists those that can."
                raise UsageError(f"the client {name} cannot be used: {why}", todo=todo)
            self._journal.note(LEFT_OUT, f"the client {name} is left out: {why}")

    def begin(self, phase: Phase, *, quietly: bool = False) -> None:
        """Start a phase."""
        self.phase = phase
        self.done: list[str] = []
        self.observations: list[Observation] = []
        self.diagnoses: list[Diagnosis] = []
        self._seen: Seen | None = None
        self._evidence: Evidence | None = None
        if not quietly:
            self._journal.note(PHASE, phase.value)

    @property
    def held(self) -> bool:
        """Whether the last observation was as expected."""
        return bool(self.observations) and self.observations[-1].held

    @property
    def mismatch(self) -> str:
        """What in the last observation was not as expected, in a sentence."""
        return sentence(self.observations[-1].findings)

    @property
    def evidence(self) -> Evidence | None:
        """What the kernels saw of the last observation; None where nobody watched, or was to read it."""
        if self._evidence is None and self._seen is not None and self._seen.wanted:
            read = self._witnesses.evidence(self._seen)
            if self.phase is Phase.FAULTED:
                tried = len(self.observations[-1].tries)
                read = proof.judged(read, self.scenario.expect, clients=tried)
            self._evidence = read
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
                self._settings = self._settings.model_copy(update=step.changes)

    @property
    def _timeout(self) -> float:
        """How long the client waits now, in seconds."""
        return self._settings.timeout

    def close(self) -> None:
        """Look for the last time."""
        self._witnesses.close()

    @property
    def target(self) -> str | None:
        """What the client tries to reach now; None where it runs a command instead."""
        return self._settings.target

    def filled(self, command: Command) -> Command:
        """Return a diagnosis command with the client's target in it, as it is now."""
        return command if self.target is None else filled(command, of_target(self.target))

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
        self._seen, self._evidence = seen, None
        if self.phase is Phase.FAULTED:
            self.broken_timeout = self._timeout
        self.triggers.release()
        self.observations.append(observation)
        return observation

    def _judged(self, tries: Sequence[Try], *, healed: bool) -> tuple[Finding, ...]:
        expect = self.scenario.expect if self.phase.broken and not healed else None
        served = any(one.outcome is Outcome.OK for one in tries)
        return tuple(finding for one in tries for finding in judge(one, expect, served=served))

    def _await_dependencies(self) -> None:
        """Wait, as Compose does before it starts a service, until what the client depends on is healthy; or sleep."""
        if self._settings.pause:
            self._pause(self._settings.pause)
        for host, dependency in self._settings.depends_on.items():
            if dependency.on_health:
                with self._journal.timed(f"waiting until {host} is healthy", WAITING):
                    self.lab.pod(host).await_health()

    def _tried(self) -> tuple[Try, ...]:
        """Let every client try, and what triggers do meanwhile be done."""
        if not self.triggers.any_late:
            return self._tries()
        late = self.triggers.late(len(self._names()) or 1, self._timeout)
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

    def _names(self) -> list[str]:
        """Return the clients that try; none where a command is run in their place."""
        if self.target is None:
            return []
        scheme = Target.parse(self.target).scheme
        return [
            name
            for name, client in self._known.items()
            if scheme in client["schemes"]
            and (client["asks_again"] or self._settings.again is None)
            and (not self._chosen or name in self._chosen)
        ]

    def _tries(self) -> tuple[Try, ...]:
        with self._journal.timed("trying to connect", WAITING):
            if self.scenario.client.run is not None:
                return (self._command(),)
            program = self.lab.clients(self.scenario.client.host)
            return tuple(tried(program, self._names(), self._settings, self.triggers.between))

    def _command(self) -> Try:
        command = self.scenario.client.run or ""
        timeout = self._timeout
        ran = self.lab.execute(self.scenario.client.host, argv(command), timeout, self._settings.environment)
        number = errno_in(ran.output) if ran.exit_code else None
        outcome = _came_to(ran.exit_code, number)
        lines = ran.output.strip().splitlines()
        return Try(
            client=COMMAND,
            version=typed(command),
            outcome=outcome,
            stage=None,
            seconds=ran.seconds,
            errno=errorcode[number] if number else None,
            errno_number=number,
            says=lines[-1] if lines else "",
            details=ran.output,
            exit_code=ran.exit_code,
        )

    def diagnose(self) -> None:
        """Take the diagnosis steps; a judged one must hold while the fault is in place, and only then.

        What is only shown is looked at where it is shown: while the fault is in place.
        """
        faulted = self.phase is Phase.FAULTED
        self.diagnoses += self.ask([step for step in self.scenario.diagnose if step.judges or faulted])

    def ask(self, steps: Sequence[DiagnosisStep]) -> list[Diagnosis]:
        """Take diagnosis steps; a judged one is to hold while the fault is in place, and only then."""
        client = self.scenario.client.host
        return diagnosed(self.lab, steps, client, self.filled, self._journal, broken=self.phase.broken)


def _came_to(code: int | None, number: int | None) -> Outcome:
    """Return what a command's end means: its exit code, and the errno whose wording it printed."""
    if code is None:
        return Outcome.TIMED_OUT
    return Outcome.OK if code == 0 else Outcome(BY_ERRNO.get(number or 0, "protocol-error"))
