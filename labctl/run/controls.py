"""Controls: runs beside a scenario's own that show that the fault is the cause and the fix the cure.

Each arm is the scenario with one thing changed. Without its fault it must not fail, which tests the instrument. With
the fix of another scenario in place of its own it shows whether its fix is necessary and specific. With a trap in place
of its fix it shows that the trap works. And while it is broken, the diagnosis steps of all scenarios are taken, which
shows what tells it from the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from hashlib import sha256
from typing import Any

from labctl.errors import Mistakes
from labctl.knowledge.truths import Effect, Shown, Table
from labctl.model import Observation, Outcome, Phase, Result, Verdict
from labctl.run.matrix import Planned
from labctl.run.observe import Observer
from labctl.run.run import Options
from labctl.scenario.load import Loaded
from labctl.scenario.questions import question
from labctl.system.places import CONTROLS

DRAWN = 3  # wrong fixes of each scenario, where not all are asked for


class Kind(StrEnum):
    """What an arm changes."""

    NO_FAULT = "without its fault"
    OTHER_FIX = "with the fix of"
    TRAP = "with the trap"
    QUESTIONS = "asked by every diagnosis"


@dataclass(frozen=True, slots=True)
class Arm:
    """One run that is to be, `of` a scenario; `by` is whose fix, or which trap."""

    of: Loaded
    kind: Kind
    planned: Planned
    by: str = ""
    answers: dict[str, bool] = field(default_factory=dict)  # by the question, once it has run

    @property
    def scenario(self) -> str:
        """The scenario's name."""
        return self.of.scenario.name

    @property
    def name(self) -> str:
        """What is run, in words."""
        return " ".join(filter(None, (f"{self.scenario} {self.kind}", self.by)))


@dataclass(frozen=True, slots=True)
class Choice:
    """Which arms are run: how many wrong fixes of each scenario (None: all), drawn by a seed; one share of several."""

    drawn: int | None = DRAWN
    seed: int = 0
    share: int = 1
    shares: int = 1

    @property
    def whole(self) -> bool:
        """Whether every arm is run."""
        return self.drawn is None and self.shares == 1

    def takes(self, arm: Arm) -> bool:
        """Tell whether an arm belongs to the share that is run."""
        return _drawn(arm.name, 0) % self.shares == self.share - 1

    def draw(self, arms: Sequence[Arm]) -> list[Arm]:
        """Return some of the arms with a wrong fix, another selection with another seed."""
        chosen = sorted(arms, key=lambda arm: _drawn(arm.name, self.seed))[: self.drawn]
        return [arm for arm in arms if arm in chosen]


def _drawn(name: str, seed: int) -> int:
    return int.from_bytes(sha256(f"{seed} {name}".encode()).digest()[:8])


def arms(
    scenarios: Sequence[Loaded], catalogue: Sequence[Loaded], options: Options, choice: Choice = Choice()
) -> list[Arm]:
    """Return the arms of some scenarios; fixes and diagnosis steps come from the whole catalogue."""
    options = replace(options, runs=CONTROLS, record=False, until=Phase.FIXED)
    planned = (arm for one in scenarios for arm in _of(one, catalogue, options, choice))
    return [arm for arm in planned if choice.takes(arm)]


def _of(one: Loaded, catalogue: Sequence[Loaded], options: Options, choice: Choice) -> Iterator[Arm]:
    briefly = replace(options, until=Phase.FAULTED)
    yield Arm(one, Kind.NO_FAULT, Planned(one.changed(fault=[]), briefly))
    yield from (
        Arm(one, Kind.TRAP, Planned(one.changed(fix=trap["do"]), options), trap["remedy"])
        for trap in one.document.value.get("traps", ())
    )
    yield from choice.draw(
        [
            Arm(one, Kind.OTHER_FIX, Planned(changed, options), other.scenario.name)
            for other in rivals(one, catalogue)
            if (changed := _fitting(one, fix=other.document.value["fix"]))
        ]
    )
    yield from _questions(one, catalogue, briefly)


def rivals(one: Loaded, catalogue: Iterable[Loaded]) -> Iterator[Loaded]:
    """Yield the other scenarios whose clients come to the same."""
    for other in catalogue:
        if other.scenario.name != one.scenario.name and other.scenario.expect.outcome is one.scenario.expect.outcome:
            yield other


def _fitting(one: Loaded, **written: object) -> Loaded | None:
    """Return the scenario with these changes; None where they speak of what its stack does not have."""
    try:
        return one.changed(**written)
    except Mistakes:
        return None


def _questions(one: Loaded, catalogue: Sequence[Loaded], options: Options) -> Iterator[Arm]:
    """Yield the arm that takes every diagnosis step of the catalogue that fits the scenario's stack, if any does."""
    asked: dict[str, object] = {}
    for other in [one, *catalogue]:
        for written, step in zip(other.document.value.get("diagnose", ()), other.scenario.diagnose, strict=True):
            if step.judges and not step.lab_only and _fitting(one, diagnose=[written]):
                asked.setdefault(question(step, one.scenario.client.host), written)
    if asked:
        arm = Arm(one, Kind.QUESTIONS, Planned(one, options))
        visit = partial(_ask, one.changed(diagnose=list(asked.values())), list(asked), arm.answers)
        yield replace(arm, planned=Planned(one, replace(options, visit=visit)))


def _ask(asked: Loaded, questions: Sequence[str], answers: dict[str, bool], observer: Observer, _: Verdict) -> None:
    if observer.phase is Phase.FAULTED:
        steps = asked.filled(observer.lab.values).diagnose
        answers |= {to: one.held for to, one in zip(questions, observer.ask(steps), strict=True)}


def effect(arm: Arm, result: Result) -> Effect | None:
    """Return what an arm showed; None where the run did not come as far, or its evidence is not on disk."""
    if not result.kept:
        return None
    seen = {phase.phase: phase.observations for phase in result.phases}
    if arm.kind is Kind.NO_FAULT:
        return _compared(seen.get(Phase.FAULTED, ()), None)
    if Phase.FIXED not in seen:
        return None
    if not seen[Phase.FIXED]:
        return Effect.IMPOSSIBLE if result.verdict is Verdict.FAILED else None
    return _compared(seen[Phase.FIXED], seen[Phase.FAULTED][-1])


def _compared(observations: Sequence[Observation], broken: Observation | None) -> Effect | None:
    """Compare what was seen last with the failure: as it was seen, or else as it is expected."""
    if not observations:
        return None
    last = observations[-1]
    if all(one.outcome is Outcome.OK for one in last.tries):
        return Effect.MENDED
    same = last.held if broken is None else _outcomes(last) == _outcomes(broken)
    return Effect.SAME if same else Effect.OTHER


def _outcomes(observation: Observation) -> dict[str, Outcome]:
    return {one.client: one.outcome for one in observation.tries}


def table(arms: Iterable[tuple[Arm, Effect | None]]) -> Table:
    """Return the table of what some arms have shown."""
    scenarios: dict[str, dict[str, Any]] = {}
    for arm, seen in arms:
        row = scenarios.setdefault(arm.scenario, {"fixes": {}, "traps": {}, "answers": {}})
        if arm.kind is Kind.QUESTIONS:
            row["answers"] |= arm.answers
        elif arm.kind is Kind.NO_FAULT:
            row["without_fault"] = seen
        elif seen is not None:
            row["fixes" if arm.kind is Kind.OTHER_FIX else "traps"][arm.by] = seen
    return Table(scenarios={name: Shown(**row) for name, row in scenarios.items()})
