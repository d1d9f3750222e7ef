"""Look-alikes: scenarios that a client cannot tell apart, and the diagnosis steps that can.

What a client sees is taken from the records; what a step shows in the lab of another scenario, from the table of what
the controls have shown. A step that asks a host which a scenario lacks does not hold there: nobody is there to show it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from labctl.knowledge.entries import Entry
from labctl.model import Outcome, Stage
from labctl.results.record import Recorded
from labctl.results.reproducible import TimeClass


class Appearance(NamedTuple):
    """What a program can tell of an error without reading its message."""

    outcome: Outcome
    stage: Stage | None
    errno: str | None
    types: tuple[str, ...]  # of the exceptions, the outermost first
    exit_code: int | None
    time: TimeClass


@dataclass(frozen=True, slots=True)
class Group:
    """Scenarios that look alike to a client."""

    client: str
    appearance: Appearance
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fork:
    """A diagnosis step, and what is left of a group where it holds and where it does not."""

    question: str
    holds: Tree
    fails: Tree


Tree = Fork | tuple[str, ...]
"""Steps to be taken one after the other; where no step separates any more, the names of what is left."""


@dataclass(frozen=True, slots=True)
class Told:
    """A group, and the steps that tell what is in it apart."""

    group: Group
    apart: Tree


def appearance(seen: Recorded) -> Appearance:
    """Return what a program can tell of a recorded error."""
    types = tuple(link.type for link in seen.chain)
    return Appearance(seen.outcome, seen.stage, seen.errno, types, seen.exit_code, seen.time)


def groups(entries: Iterable[Entry], client: str) -> list[Group]:
    """Return the scenarios by what a client sees of them, the largest group first; without those that it survives."""
    found: dict[Appearance, list[str]] = {}
    for entry in entries:
        seen = entry.recorded.get(client)
        if seen is not None and seen.outcome is not Outcome.OK:
            found.setdefault(appearance(seen), []).append(entry.name)
    alike = [Group(client, looks, tuple(sorted(names))) for looks, names in found.items()]
    return sorted(alike, key=lambda group: (-len(group.names), group.names))


def separating(names: Collection[str], entries: Sequence[Entry]) -> str | None:
    """Return the question that splits some scenarios most evenly; None where every answer is the same for all.

    Of several that do, one that more of them were asked, then one that belongs to one of them, then the shortest.
    """
    among = [entry for entry in entries if entry.name in names]

    def worth(question: str) -> tuple[int, int, bool, int]:
        held = sum(entry.shown.answers.get(question, False) for entry in among)
        asked = sum(question in entry.shown.answers for entry in among)
        own = any(question in entry.steps for entry in among)
        return min(held, len(among) - held), asked, own, -len(question)

    questions = sorted({question for entry in among for question in entry.shown.answers})
    best = max(questions, key=worth, default=None)
    return best if best is not None and worth(best)[0] else None


def tree(names: Collection[str], entries: Sequence[Entry]) -> Tree:
    """Return the steps that tell some scenarios apart, the one first that splits them most evenly."""
    question = separating(names, entries)
    if question is None:
        return tuple(sorted(names))
    held = {entry.name for entry in entries if entry.name in names and entry.shown.answers.get(question)}
    return Fork(question, tree(held, entries), tree(set(names) - held, entries))
