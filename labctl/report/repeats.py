"""Scenarios that ran more than once: whether each run was the same, and in what it was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from labctl.fingerprint import difference, reproducible
from labctl.model import Result, Verdict
from labctl.report.text import plain


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
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("  runs", "passed", "fingerprints", "flake rate"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("scenario", overflow="fold")
    for name, runs in scenarios.items():
        passed = sum(one.verdict is Verdict.PASSED for one in runs)
        ways = len({one.fingerprint for one in runs})
        flakes = len(runs) - Counter(one.verdict for one in runs).most_common(1)[0][1]
        style = "" if ways == 1 and passed in (0, len(runs)) else "yellow"
        table.add_row(str(len(runs)), str(passed), str(ways), f"{100 * flakes / len(runs):.1f} %", name, style=style)
    console.print(table)
    for name, runs in scenarios.items():
        _apart(console, name, runs)


def _apart(console: Console, name: str, runs: Sequence[Result]) -> None:
    """Print in what the two most frequent kinds of a scenario's runs differ, if there are two."""
    ways = [way for way, _ in Counter(one.fingerprint for one in runs).most_common(2)]
    if len(ways) == 1:
        return
    one, other = (next(run for run in runs if run.fingerprint == way) for way in ways)
    console.print(Text(f"  {name} is not the same in every run: {plain(difference(*map(reproducible, (one, other))))}"))
    for run in (one, other):
        console.print(Text(f"    {run.folder}", style="dim"), soft_wrap=True)
