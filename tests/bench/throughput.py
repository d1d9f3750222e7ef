"""The whole matrix, at several -j: runs per minute, against the floor of the same runs at the same -j.

Each -j is measured once, and the best of them as often as anything else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from bench import floor
from bench.floor import Floor
from bench.ground import BREAKAGES, Ground
from bench.own import ALL, ONE
from bench.pairs import Measured, clocked, swapped
from labctl.errors import LabError
from labctl.model import Outcome, Result, Verdict
from labctl.results.journal import Event
from labctl.run.matrix import Planned, matrix
from labctl.run.run import Options
from labctl.scenario import catalogue
from labctl.scenario.load import Loaded, load
from labctl.system.places import installed
from labctl.system.progress import Progress

JOBS = (1, 2, 4, 8)
CLIENTS = {"matrix-one": ONE, "matrix-all": ALL}
FINE = (Verdict.PASSED, Verdict.SKIPPED)

Chosen = tuple[Loaded, tuple[str, ...]]  # a scenario, and the clients that try in it; all where there are none


@dataclass(frozen=True, slots=True)
class Throughput:
    """What all runs took at one -j, and the bare Docker calls of all of them, in seconds."""

    jobs: int
    runs: int
    labctl: float
    floor: float
    longest: float  # run of labctl

    @property
    def per_minute(self) -> float:
        """How many runs of labctl a minute has room for."""
        return 60 * self.runs / self.labctl

    def __str__(self) -> str:
        bare = 60 * self.runs / self.floor
        return (
            f"-j {self.jobs}: {self.per_minute:.1f} runs a minute, the longest {self.longest:.1f} s of {self.labctl:.1f}; "
            f"the bare Docker calls of as many {bare:.1f} a minute"
        )


class Silent:
    """Is told everything and says nothing."""

    def begins(self, number: int) -> None:
        pass

    def hears(self, number: int, event: Event) -> None:
        pass

    def ends(self, number: int, result: Result) -> None:
        pass


def everything() -> list[Loaded]:
    """Return all scenarios that labctl comes with, as they are on disk, but for those that ask nothing of an engine."""
    loaded = (load(file) for file in catalogue.everything(installed("scenarios")).values())
    return [one for one in loaded if not one.stack.bare]


def who_tries(loaded: Loaded, clients: tuple[str, ...]) -> tuple[str, ...]:
    """Return these clients; where none of them sees the fault, the first library that does, by the record.

    Some do not speak what the target does, and some read no further than what arrives in spite of the fault.
    """
    known = {} if loaded.record is None else loaded.record.clients
    seeing = {name: one for name, one in known.items() if one.outcome is not Outcome.OK}
    if not clients or not seeing or not seeing.keys().isdisjoint(clients):
        return clients
    return (next(name for name, one in seeing.items() if one.exit_code is None),)


def throughput(
    key: str, ground: Ground, tell: Progress, pairs: int, jobs: Sequence[int] = JOBS
) -> tuple[Measured, list[str]]:
    """Run the matrix with one client or with all; return the ratio at its best -j, and what to say of each -j.

    There are so many `pairs` at the best one; each takes about two minutes. A pair in which something breaks, or a
    run neither passes nor is skipped, counts for nothing and is measured again, which is said; the second time that is
    let through.
    """
    chosen = [(one, who_tries(one, CLIENTS[key])) for one in everything()]

    forgiven: list[str] = []

    def pair(number: int, *, floor_begins: bool = False) -> Throughput:
        seen = forgiving(lambda: measured(number, floor_begins=floor_begins), forgiven)
        tell(f"{key}: {seen}")
        return seen

    def measured(number: int, *, floor_begins: bool) -> Throughput:
        bare = _floors(chosen, ground, number) if floor_begins else 0.0
        began = time.monotonic()
        longest = max(one.seconds for one in run_all(chosen, ground, number))
        took = time.monotonic() - began
        return Throughput(number, len(chosen), took, bare or _floors(chosen, ground, number), longest)

    seen = [pair(number) for number in jobs]
    best = fastest(seen)
    again = [best, *(pair(best.jobs, floor_begins=second) for second in islice(swapped(pairs), 1, pairs))]
    notes = [f"{key}: {one}{' (best)' if one is best else ''}" for one in seen]
    notes += [f"{key}: one pair was measured again: {why}" for why in forgiven]
    took = tuple(one.labctl for one in again), tuple(one.floor for one in again)
    return Measured(key, (f"labctl -j {best.jobs}", "floor"), *took), notes


def forgiving(measure: Callable[[], Throughput], forgiven: list[str]) -> Throughput:
    """Measure; where something breaks, measure again and put down why, once for all that share what was `forgiven`."""
    try:
        return measure()
    except BREAKAGES as error:
        if forgiven:
            raise
        forgiven.append(str(error))
        return measure()


def fastest(seen: Sequence[Throughput]) -> Throughput:
    """Return the one with the most runs a minute."""
    return max(seen, key=lambda one: one.per_minute)


def _floors(chosen: Sequence[Chosen], ground: Ground, jobs: int) -> float:
    def all_of_them() -> None:
        with ThreadPoolExecutor(jobs, thread_name_prefix="floors") as pool:
            list(pool.map(lambda one: floor.run(Floor.of(*one), ground), chosen))

    return clocked(all_of_them)()


def run_all(chosen: Sequence[Chosen], ground: Ground, jobs: int) -> list[Result]:
    """Run these scenarios as a matrix; raises LabError where a run neither passed nor was skipped."""
    planned = [Planned(one, Options(clients, ground.folder / "runs", record=False)) for one, clients in chosen]
    every = matrix(planned, ground.session, jobs=jobs, fail_fast=False, watcher=Silent())
    results = [one for one in every if one is not None]
    wrong = [one for one in results if one.verdict not in FINE]
    if wrong:
        raise LabError(
            f"at -j {jobs}, {len(wrong)} of {len(results)} runs did not pass.",
            means="\n".join(f"{one.scenario} {one.verdict}: {one.reason}" for one in wrong),
        )
    return results
