"""What happens in a run, in order, on disk as it happens; progress and reports listen to it."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from labctl.model import Result

KEPT = 50  # runs
STAMPED = re.compile(r"\d{8}-\d{6}-\d+-(.+)")  # a run's folder, see `new_folder`: it ends in its scenario's name
DOCKER = "docker"  # the engine is at work
WAITING = "waiting"  # the scenario asks for it
LABCTL = "labctl"  # everything else
PHASE = "phase"
PHASE_ENDED = "phase ended"  # details: its PhaseResult
REMOVING = "removing"  # all that is left to do is to take the lab down
ENGINE_LOST = "engine lost"  # it does not answer, so the run ends, or its lab stays
LEFT_OUT = "left out"  # a client of another package that cannot be used
NOTE = "note"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a journal: when it began and how long it took in seconds, what kind it is, what happened."""

    at: float
    kind: str
    text: str
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]


class Journal:
    """The events of one run; each is on disk before the next begins."""

    def __init__(self, folder: Path, listeners: tuple[Listener, ...] = ()) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.events: list[Event] = []
        self._listeners = listeners
        self._file = (folder / "journal.jsonl").open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._began = time.monotonic()

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def note(self, kind: str, text: str, *, at: float | None = None, seconds: float = 0.0, **details: Any) -> None:
        """Write one event."""
        event = Event(self.now if at is None else at, kind, text, seconds, details)
        with self._lock:
            self.events.append(event)
            if not self._file.closed:
                self._file.write(json.dumps(asdict(event), default=str) + "\n")
                self._file.flush()
        for listener in self._listeners:
            listener(event)

    @contextmanager
    def timed(self, text: str, kind: str) -> Iterator[None]:
        """Write an event once what it encloses is over, also when that raises."""
        began = self.now
        try:
            yield
        finally:
            self.note(kind, text, at=began, seconds=self.now - began)

    def conclude(self, result: Result) -> None:
        """Write result.json and close."""
        (self.folder / "result.json").write_text(json.dumps(asdict(result), indent=2, default=str) + "\n")
        with self._lock:
            self._file.close()


def new_folder(runs: Path, scenario: str, *, since: float) -> Path:
    """Return a folder for one more run, removing the oldest beyond the last KEPT that were there before `since`.

    So those of one matrix stay until the next, however many they are. `since` is in seconds since 1970.
    """
    runs.mkdir(parents=True, exist_ok=True)
    kept = sorted(old for old in runs.iterdir() if STAMPED.fullmatch(old.name))  # what else is there is not ours
    for old in kept[: -KEPT + 1]:
        with suppress(OSError):  # another run, perhaps another labctl, makes room here too
            if old.stat().st_mtime < since:
                shutil.rmtree(old, ignore_errors=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return runs / f"{stamp}-{time.time_ns() % 1_000_000_000:09d}-{scenario}"
