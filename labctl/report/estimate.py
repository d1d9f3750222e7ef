"""How long a matrix will still take, from how long its scenarios have taken before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median

from labctl.system.places import readable

Durations = Mapping[str, Sequence[float]]
"""How long runs have taken, in seconds, by scenario."""


def seconds_left(
    waiting: Sequence[str], running: Sequence[tuple[str, float]], known: Durations, jobs: int
) -> float | None:
    """Return the seconds until all runs are over, or None where nothing is known yet.

    `waiting` are the scenarios to come, `running` those that have begun and for how many seconds they have run. A
    scenario of which nothing is known is taken to be like the others. The work is shared by `jobs`, but no run ends
    sooner than it would alone.
    """
    if not any(known.values()):
        return None
    each = {name: median(seconds) for name, seconds in known.items() if seconds}
    usual = fmean(each.values())
    alone = [each.get(name, usual) for name in waiting]
    alone += [max(0.0, each.get(name, usual) - so_far) for name, so_far in running]
    return max(sum(alone) / jobs, max(alone, default=0.0))


def earlier(runs: Path) -> dict[str, list[float]]:
    """Return how long the runs that are kept in a folder took; what cannot be read is left out."""
    known: dict[str, list[float]] = {}
    for file in sorted(file for one in readable(runs) for file in one.glob("*/result.json")):
        try:
            result = json.loads(file.read_text())
            scenario, seconds = str(result["scenario"]), float(result["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        known.setdefault(scenario, []).append(seconds)
    return known
