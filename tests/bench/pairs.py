"""Pairs: two contestants in turn, and the ratio of what each pair took. Nothing here knows what is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

Timed = Callable[[], float]
"""Does its work once and returns the seconds that it took."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Somebody who does the work: a name for the table, and the work."""

    name: str
    once: Timed


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two contestants; what the first takes is divided by what the second takes. `key` names the target."""

    key: str
    over: Contestant
    under: Contestant
    warm_up: int = 1  # rounds that are not counted
    closer: int = 1  # times as many pairs as others have: where one pair spreads wider than the target's margin


@dataclass(frozen=True, slots=True)
class Measured:
    """What the rounds of one comparison took, in seconds, in the order in which they came."""

    key: str
    names: tuple[str, str]
    over: tuple[float, ...]
    under: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """The ratio of each pair."""
        return tuple(over / under for over, under in zip(self.over, self.under, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the ratios: one pair that the machine disturbed does not move it."""
        return median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest ratio and the largest."""
        return min(self.ratios), max(self.ratios)


def swapped(pairs: int) -> Iterator[bool]:
    """Yield for each pair whether the second begins: A B, B A, A B and so on.

    So neither always follows the other, and what drifts during the measurement falls on both.
    """
    return (number % 2 == 1 for number in range(pairs))


def measured(comparison: Comparison, pairs: int) -> Measured:
    """Let both contestants work in turn, so many pairs of a plain comparison, after a warm-up.

    Whatever one of them raises is let through.
    """
    over, under = comparison.over.once, comparison.under.once
    for _ in range(comparison.warm_up):
        over()
        under()
    took: list[tuple[float, float]] = []
    for second_begins in swapped(pairs * comparison.closer):
        if second_begins:
            of_under = under()
            took.append((over(), of_under))
        else:
            of_over = over()
            took.append((of_over, under()))
    names = comparison.over.name, comparison.under.name
    return Measured(comparison.key, names, tuple(one for one, _ in took), tuple(one for _, one in took))


def clocked(
    work: Callable[[], object],
    *,
    afterwards: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> Timed:
    """Return the work with a clock around it; what is done `afterwards` is not counted."""

    def once() -> float:
        began = clock()
        work()
        took = clock() - began
        afterwards()
        return took

    return once
