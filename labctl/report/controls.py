"""Controls on the terminal: each arm as it ends, what is not as it should be, and which fix repairs which fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from labctl.knowledge.truths import Difference, Effect, Shown, Table
from labctl.model import Outcome, Result
from labctl.report.many import Many
from labctl.report.text import plain
from labctl.run.controls import Arm, Kind, effect

MARKS = {Effect.MENDED: "●", Effect.SAME: "·", Effect.OTHER: "~", Effect.IMPOSSIBLE: "x"}
OWN, UNKNOWN = "■", " "
LEGEND = (
    "■ its own fix   ● repaired   · the same failure   ~ another failure   x cannot be applied   (blank: not known)"
)


class Arms(Many):
    """Is told what happens to the arms, and prints."""

    def __init__(self, console: Console, arms: Sequence[Arm], jobs: int) -> None:
        super().__init__(console, [arm.name for arm in arms], jobs, {})
        self._arms = arms

    def ends(self, number: int, result: Result) -> None:
        """Print what an arm showed."""
        arm = self._arms[number]
        line = Text.assemble(self._counted(number, result), plain(arm.name), ": ", *_told(arm, result))
        self._console.print(line, soft_wrap=True)
        if arm.kind is Kind.TRAP and effect(arm, result) is Effect.MENDED:
            for warning in _warned(arm):
                self._console.print(Text(f"    {plain(warning)}", style="dim"), soft_wrap=True)


def _warned(arm: Arm) -> Iterator[str]:
    """Yield why a remedy that works is none, and what to do instead."""
    [harm] = [trap.harm for trap in arm.of.scenario.traps if trap.remedy == arm.by]
    yield f"unsafe: {' '.join(harm.split())}"
    yield f"better: {'; '.join(action.typed() for action in arm.of.scenario.fix)}"


def _told(arm: Arm, result: Result) -> tuple[str | tuple[str, str], ...]:
    if arm.kind is Kind.QUESTIONS and arm.answers and result.kept:
        held = sum(arm.answers.values())
        return (f"{len(arm.answers)} steps, {held} show it",)
    seen = effect(arm, result)
    if seen is None:
        return (("inconclusive", "yellow"), f", {plain(result.reason)}")
    if arm.kind is Kind.NO_FAULT:
        return ("not reproduced",) if seen is Effect.MENDED else ((f"{seen.value}", "red"),)
    return (seen.value,)


def wrong(console: Console, sentences: Sequence[str]) -> None:
    """Print what is not as it should be."""
    for sentence in sentences:
        console.print(Text.assemble(("  failed        ", "red"), plain(sentence)), soft_wrap=True)


def crossed(console: Console, table: Table, groups: dict[Outcome, list[str]]) -> None:
    """Print, for the scenarios of each outcome, which fix repairs which fault."""
    for outcome, names in groups.items():
        if len(names) > 1:
            console.print(Text(f"\n{outcome.value}: which fix repairs which fault", style="bold"))
            for line in _rows(table, names):
                console.print(Text(line), soft_wrap=True)
    console.print(Text(f"\n{LEGEND}", style="dim"), soft_wrap=True)


def _rows(table: Table, names: Sequence[str]) -> list[str]:
    """Return the lines of one table; a column stands for the fix of the scenario with its number."""
    numbers = [str(number) for number in range(1, len(names) + 1)]
    wide, first = len(numbers[-1]), max(map(len, names))
    heading = " ".join(f"{number:>{wide}}" for number in numbers)
    lines = [f"{'':{wide + first + 4}}{heading}"]
    for number, name in zip(numbers, names, strict=True):
        fixes = table.scenarios.get(name, Shown()).fixes
        marks = [OWN if other == name else MARKS[fixes[other]] if other in fixes else UNKNOWN for other in names]
        lines.append(f"  {number:>{wide}} {name:<{first}} " + " ".join(f"{mark:>{wide}}" for mark in marks))
    return lines


def sentence(one: Difference) -> str:
    """Say in a sentence in what an arm is not as its table has it."""
    now, was = _value(one.now), _value(one.was)
    if one.column == "answers":
        return f"{one.scenario}, asked {one.key}: {now}; the table has {was}"
    if one.column == "without_fault":
        return f"{one.scenario} without its fault: {now}; the table has {was}"
    by = f"the fix of {one.key}" if one.column == "fixes" else f"the trap {one.key!r}"
    return f"{one.scenario} with {by}: {now}; the table has {was}"


def _value(value: Effect | bool | None) -> str:
    if value is None:
        return "nothing of it"
    return value.value if isinstance(value, Effect) else "it holds" if value else "it does not hold"
