"""Runs without end, on an engine of their own: none comes out otherwise than the others, and nothing grows."""

from __future__ import annotations

import gc
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from labctl.engine.connection import Connection
from labctl.lab.session import Session
from labctl.model import Result, Verdict
from labctl.results.journal import Event
from labctl.run.matrix import matrix, repeated
from labctl.run.run import Options
from support.amounts import amount
from support.faulty import on_disk, session_at
from support.spare import Spare, needed, spare

pytestmark = needed
NAMES = ("server-down", "loopback-bind", "wrong-port", "firewall-reject")
ROUNDS = 10
EACH = amount(1, 25)  # times a round, of each scenario
JOBS = 4
GROWS = 1.1  # times, from the first half of the rounds to the second
SLACK = 16 << 10  # KiB, for a heap that was not given back yet


@dataclass(frozen=True, slots=True)
class Held:
    """What is held between two rounds: sizes in KiB, and numbers."""

    memory: int
    engines_memory: int
    files: int
    threads: int
    networks: int
    containers: int
    volumes: int
    rules: int

    @classmethod
    def now(cls, engine: Spare, connection: Connection) -> Held:
        """Look at this process, and at the engine."""
        gc.collect()
        api: Any = connection.api
        return cls(
            memory=_memory("self"),
            engines_memory=_memory(f"{engine.dockerd.pid}"),
            files=len(list(Path("/proc/self/fd").iterdir())),
            threads=threading.active_count(),
            networks=len(api.networks()),
            containers=len(api.containers(all=True)),
            volumes=len(api.volumes()["Volumes"] or []),
            rules=len(_rules(engine)),
        )


def _memory(process: str) -> int:
    """Return a process's resident set in KiB (proc_pid_status(5))."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def _rules(engine: Spare) -> set[str]:
    """Return the rules that dockerd has written, in its own network namespace.

    Each once: where two networks are made at the same moment, dockerd 20.10 may write its last rule, the same for all,
    a second time.
    """
    command = ["nsenter", f"--net=/proc/{engine.dockerd.pid}/ns/net", "iptables-save"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line for line in told.splitlines() if line.startswith("-A")}


class Silent:
    """Is told everything and says nothing."""

    def begins(self, number: int) -> None:
        pass

    def hears(self, number: int, event: Event) -> None:
        pass

    def ends(self, number: int, result: Result) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Came:
    """What is kept of a run: with all that it saw, a thousand would be the growth that is looked for."""

    run: str
    scenario: str
    verdict: Verdict
    reason: str
    fingerprint: str

    @classmethod
    def of(cls, result: Result) -> Came:
        """Take it from a result."""
        return cls(result.run, result.scenario, result.verdict, result.reason, result.fingerprint)


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came of all runs, and what was held after each round."""

    results: list[Came]
    held: list[Held]


@pytest.fixture(scope="module")
def soaked(session: Session, connection: Connection, options: Options) -> Iterator[Soaked]:
    """Run everything."""
    seen = Soaked([], [])
    planned = repeated([on_disk(name) for name in NAMES], replace(options, clients=("socket",)), EACH)
    with spare(session.image, connection) as engine, session_at(engine.address, session.images) as own:
        for _ in range(ROUNDS):
            came = matrix(planned, own, jobs=JOBS, fail_fast=False, watcher=Silent())
            seen.results.extend(Came.of(one) for one in came if one is not None)
            del came
            seen.held.append(Held.now(engine, own.connection))
        yield seen


def test_every_run_passes(soaked: Soaked) -> None:
    assert len(soaked.results) == ROUNDS * EACH * len(NAMES)
    wrong = [f"{one.run}: {one.verdict}, {one.reason}" for one in soaked.results if one.verdict is not Verdict.PASSED]
    assert wrong == []


def test_each_scenario_has_one_fingerprint(soaked: Soaked) -> None:
    prints: dict[str, set[str]] = defaultdict(set)
    for one in soaked.results:
        prints[one.scenario].add(one.fingerprint)
    assert {name: len(found) for name, found in prints.items()} == dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize("what", ["files", "threads", "networks", "containers", "volumes", "rules"])
def test_nothing_is_left_behind(soaked: Soaked, what: str) -> None:
    """After each round there is as much of it as after the first; what the SDK keeps open for reuse comes and goes."""
    numbers = [getattr(one, what) for one in soaked.held]
    reused = JOBS if what in ("files", "threads") else 0
    assert max(numbers[1:]) <= numbers[0] + reused, numbers


@pytest.mark.parametrize("what", ["memory", "engines_memory"])
def test_no_memory_grows(soaked: Soaked, what: str) -> None:
    """The largest of the last rounds is held against the largest of the first ones."""
    sizes = [getattr(one, what) for one in soaked.held]
    first, last = max(sizes[: ROUNDS // 2]), max(sizes[ROUNDS // 2 :])
    assert last <= max(first * GROWS, first + SLACK), f"{sizes} KiB"
