"""Scenarios that ran more than once: whether each run was the same, and in what it was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from labctl.model import Result, Verdict
from labctl.report.columns import columns
from labctl.report.text import plain
from labctl.results.fingerprint import difference, reproducible

HEADINGS = ("runs", "passed", "fingerprints", "flake rate", "scenario")


def by_scenario(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Return the runs of each scenario, in the order in which they began to be planned."""
    runs: dict[str, list[Result]] = {}
    for result in results:
        runs.setdefault(result.scenario, []).append(result)
    return runs


def alike(results: Sequence[Result]) -> bool:
    """Tell whether all runs of each scenario have one fingerprint."""
    return all(len({one.fingerprint for one in runs}) == 1 for runs in by_scenario(results).values())


def repeats(console: Console, results: Sequence[Result]) -> None:
    """Print how often each scenario ran and passed, and in how many ways; nothing where each ran once.

    The flake rate is the share of a scenario's runs that came to another verdict than most of them.
    """
    scenarios = by_scenario(results)
    if all(len(runs) == 1 for runs in scenarios.values()):
        return
    told = {name: _Told.of(runs) for name, runs in scenarios.items()}
    heading, *lines = _table(told)
    if max(map(len, [heading, *lines])) <= console.width:
        console.print(Text(heading, style="bold"), soft_wrap=True)
    else:
        lines = [f"  {name}: {one.in_words()}" for name, one in told.items()]
    for line, one in zip(lines, told.values(), strict=True):
        console.print(Text(line, style="" if one.steady else "yellow"), soft_wrap=True)
    for name, runs in scenarios.items():
        _apart(console, name, runs)


@dataclass(frozen=True, slots=True)
class _Told:
    """How often a scenario ran and passed, and in how many ways."""

    runs: int
    passed: int
    ways: int
    flakes: int  # runs that came to another verdict than most

    @classmethod
    def of(cls, runs: Sequence[Result]) -> _Told:
        verdicts = Counter(one.verdict for one in runs)
        flakes = len(runs) - max(verdicts.values())
        return cls(len(runs), verdicts[Verdict.PASSED], len({one.fingerprint for one in runs}), flakes)

    @property
    def steady(self) -> bool:
        return self.ways == 1 and self.passed in (0, self.runs)

    @property
    def rate(self) -> str:
        return f"{100 * self.flakes / self.runs:.1f} %"

    def in_words(self) -> str:
        """Write it where a table has no room."""
        ways = f"{self.ways} fingerprint{'s' * (self.ways != 1)}"
        return f"{self.passed} of {self.runs} passed, {ways}, flake rate {self.rate}"


def _table(told: Mapping[str, _Told]) -> list[str]:
    """Return the lines of a table, its heading first; what has a name comes last, so that nothing is cut off."""
    rows = [(str(one.runs), str(one.passed), str(one.ways), one.rate, name) for name, one in told.items()]
    return [f"  {line}" for line in columns([HEADINGS, *rows], right=range(len(HEADINGS) - 1))]


def _apart(console: Console, name: str, runs: Sequence[Result]) -> None:
    """Print in what the two most frequent kinds of a scenario's runs differ, if there are two."""
    ways = [way for way, _ in Counter(one.fingerprint for one in runs).most_common(2)]
    if len(ways) == 1:
        return
    one, other = (next(run for run in runs if run.fingerprint == way) for way in ways)
    apart = difference(*map(reproducible, (one, other)))
    console.print(Text(f"  {name} is not the same in every run:", style="yellow"), soft_wrap=True)
    console.print(Text(f"    {plain(apart)}"), soft_wrap=True)
    for which, run in (("the one", one), ("the other", other)):
        console.print(Text(f"    {which:<9}  {run.folder}", style="dim"), soft_wrap=True)
