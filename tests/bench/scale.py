"""Many scenarios in one matrix: what one takes must not grow with their number, and neither must what labctl holds."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.ground import Ground
from bench.own import ONE, brief
from bench.pairs import Measured
from bench.throughput import run_all
from labctl.scenario.load import Loaded, load
from labctl.system.progress import Progress

FEW, MANY = 30, 300
JOBS = 4
SAMPLED = 0.2  # seconds
LOWEST_PORT = 9000
STATUS = Path("/proc/self/status")  # proc(5)
FILES = Path("/proc/self/fd")


@dataclass(slots=True)
class Held:
    """What this process held at most, and its memory at the end, in KiB; `left` are the files still open at the end."""

    memory: int = 0
    threads: int = 0
    files: int = 0
    memory_left: int = 0
    files_left: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def sampled(self) -> Iterator[None]:
        """Look again and again, until this is left."""
        looking = threading.Thread(target=self._look, daemon=True)
        looking.start()
        try:
            yield
        finally:
            self._over.set()
            looking.join()
        self.memory_left, self.files_left = _memory(), len(list(FILES.iterdir()))

    def _look(self) -> None:
        while not self._over.wait(SAMPLED):
            self.memory = max(self.memory, _memory())
            self.threads = max(self.threads, threading.active_count())
            self.files = max(self.files, len(list(FILES.iterdir())))

    def __str__(self) -> str:
        return (
            f"at most {self.memory / 1024:.0f} MiB, {self.threads} threads, {self.files} open files; "
            f"in the end {self.memory_left / 1024:.0f} MiB, {self.files_left} open files"
        )


def _memory() -> int:
    """Return the resident set, in KiB."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines["VmRSS"].split()[0])


def generated(number: int, folder: Path) -> list[Loaded]:
    """Write so many scenarios, each with a name and a port of its own, and load them."""
    folder.mkdir(exist_ok=True)
    like = brief(evidence=True).document.value
    return [load(_written(like, port, folder)) for port in range(LOWEST_PORT, LOWEST_PORT + number)]


def _written(like: Mapping[str, Any], port: int, folder: Path) -> Path:
    def recreated(host: str) -> list[dict[str, Any]]:
        until = {"listens": f"{host}:{port}"}
        return [{"recreate": "server", "environment": {"HOST": host, "PORT": str(port)}, "until": until}]

    changes = {
        "name": f"generated-{port}",
        "override": {"services": {"server": {"environment": {"PORT": str(port)}}}},
        "client": {**like["client"], "target": f"http://server:{port}/"},
        "fault": recreated("127.0.0.1"),
        "fix": recreated("0.0.0.0"),
        "traps": [],
    }
    file = folder / f"generated-{port}.yaml"
    file.write_text(json.dumps({**like, **changes}))  # JSON is YAML, too
    return file


def scale(ground: Ground, tell: Progress) -> tuple[Measured, list[str]]:
    """Run few scenarios, many, and few again; return what one took among many against one among few, and the holdings.

    Raises LabError where a run did not pass: a subnet, a name or a port that two share would show so.
    """
    took: dict[int, list[float]] = {FEW: [], MANY: []}
    notes = []
    for number in (FEW, MANY, FEW):
        chosen, held = generated(number, ground.folder / "generated"), Held()
        began = time.monotonic()
        with held.sampled():
            run_all([(one, ONE) for one in chosen], ground, JOBS)
        took[number].append((time.monotonic() - began) / number)
        notes.append(f"scale: {number} at -j {JOBS}, {took[number][-1]:.2f} s each; {held}")
        tell(notes[-1])
    few = sum(took[FEW]) / len(took[FEW])
    return Measured("scale", (f"one of {MANY}", f"one of {FEW}"), (took[MANY][0],), (few,)), notes
