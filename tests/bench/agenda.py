"""What is compared with what, in which order; a comparison that breaks is told, and the others go on."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from bench import floor, injection, outsiders, own, scale, starts, throughput
from bench.floor import Floor
from bench.ground import BREAKAGES, Ground
from bench.own import ALL, ONE
from bench.pairs import Comparison, Contestant, Measured, measured
from bench.scoreboard import Board
from bench.targets import TARGETS
from labctl.system.progress import Progress

LONG = ("matrix-one", "matrix-all", "scale")
WITHOUT = "it takes minutes, and --quick leaves it out"


@dataclass(slots=True)
class Agenda:
    """Measures, and keeps what came of it."""

    ground: Ground
    pairs: int
    only: Sequence[str]  # keys of targets; all where empty
    tell: Progress
    quick: bool = False  # whether it only is to be seen that it works
    measured: list[Measured] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def board(self) -> Board:
        """Return what was measured so far."""
        return Board(machine(self.ground), self.measured, self.skipped, self.broken, self.notes)

    def all_of_it(self) -> None:
        """Measure everything that is wanted."""
        for comparison in (*runs(self.ground), *starts.comparisons(self.ground)):
            self._measure(comparison)
        if any(self._wanted(key) for key in TARGETS if key.startswith("rule-")):
            with injection.ways(self.ground) as into:
                for comparison in injection.comparisons(into):
                    self._measure(comparison)
        if self.quick:
            self.skipped |= dict.fromkeys(filter(self._wanted, LONG), WITHOUT)
            return
        for key in filter(self._wanted, LONG):
            self.tell(TARGETS[key].question)
            self._unless_broken(key, partial(self._long, key))

    def _wanted(self, key: str) -> bool:
        return not self.only or key in self.only

    def _measure(self, comparison: Comparison) -> None:
        key = comparison.key
        if not self._wanted(key):
            return
        self.tell(TARGETS[key].question)
        if key == "compose":
            self._unless_broken(key, partial(outsiders.fetch, self.tell))
        if why := outsiders.missing(key):
            self.skipped[key] = why
            return
        wanted = replace(comparison, closer=1) if self.quick else comparison
        self._unless_broken(key, lambda: self.measured.append(measured(wanted, self.pairs)))

    def _long(self, key: str) -> None:
        if key == "scale":
            one, notes = scale.scale(self.ground, self.tell)
        else:
            one, notes = throughput.throughput(key, self.ground, self.tell, self.pairs)
        self.measured.append(one)
        self.notes += notes

    def _unless_broken(self, key: str, work: Callable[[], None]) -> None:
        try:
            work()
        except BREAKAGES as error:
            self.broken[key] = str(error)
            self.tell(f"{key} broke: {error}")


def runs(ground: Ground) -> Iterator[Comparison]:
    """Yield what is compared of whole runs.

    One pair of them is off by a tenth, as the engine's own times are; evidence on against off is to be within a
    twentieth.
    """
    dark, witnessed = own.brief(evidence=False), own.brief(evidence=True)

    def labctl(name: str, clients: tuple[str, ...], *, evidence: bool) -> Contestant:
        loaded = witnessed if evidence else dark
        return Contestant(name, partial(own.once, loaded, ground, clients, evidence=evidence))

    one, everyone = labctl("labctl", ONE, evidence=False), labctl("labctl", ALL, evidence=True)
    for key, own_run, clients in (("one", one, ONE), ("all", everyone, ALL)):
        yield Comparison(key, own_run, Contestant("floor", partial(floor.run, Floor.of(dark, clients), ground)))
    for key, clients in (("evidence-one", ONE), ("evidence-all", ALL)):
        on, off = labctl("on", clients, evidence=True), labctl("off", clients, evidence=False)
        yield Comparison(key, on, off, warm_up=2, closer=9)
    yield Comparison("testcontainers", Contestant("testcontainers", partial(outsiders.testcontainers, ground)), one)
    yield Comparison("shell", Contestant("shell", partial(outsiders.script, ground, "docker.sh")), one)
    yield Comparison("compose", Contestant("compose", partial(outsiders.script, ground, "compose.sh")), one)


def machine(ground: Ground) -> dict[str, Any]:
    """Return what it was measured on."""
    return {
        "cores": os.cpu_count(),
        "load": list(os.getloadavg()),
        "python": platform.python_version(),
        "docker command": outsiders.docker() or "none",
        **ground.connection.versions,
    }
