"""What happens in a run, in order, on disk as it happens; progress and reports listen to it."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from labctl.errors import NotWritten
from labctl.model import PhaseResult, Result, Verdict
from labctl.results.fingerprint import fingerprint
from labctl.system import files
from labctl.system.places import instead_of, writable
from labctl.system.progress import tell_once

NAME, RESULT = "journal.jsonl", "result.json"
ELSEWHERE = "Runs are kept below the folder that labctl is called in; where that is read-only, below LABCTL_STATE."
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
UNKEPT = "unkept"  # not all of the run is on disk, so it will be inconclusive
NOTE = "note"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a journal: when it began and how long it took in seconds, what kind it is, what happened."""

    at: float
    kind: str
    text: str
    seconds: float = 0.0
    details: Mapping[str, PhaseResult] = field(default_factory=dict)


Listener = Callable[[Event], None]


class Journal:
    """The events of one run, each on disk before the next begins, and all files of the run beside them.

    What cannot be written is never raised, since the lab has to be removed all the same: `unkept` is the first of it. A
    file that grows ends there, so that it has no gap.
    """

    def __init__(self, folder: Path, listeners: tuple[Listener, ...] = ()) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.unkept: NotWritten | None = None
        self._cut: dict[str, NotWritten] = {}  # files that grew, and what ended that
        self._listeners = listeners
        self._lock = threading.Lock()
        self._over = False
        self._told = False  # that something is not kept
        self._began = time.monotonic()
        self._attempt(partial(files.make_folder, folder, ELSEWHERE, new=True))
        self.append(NAME, b"")

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def note(
        self, kind: str, text: str, *, at: float | None = None, seconds: float = 0.0, **details: PhaseResult
    ) -> None:
        """Write one event."""
        event = Event(self.now if at is None else at, kind, text, seconds, details)
        line = json.dumps(asdict(event), default=str) + "\n"
        with self._lock:
            self.events.append(event)
            if not self._over:
                self.append(NAME, line.encode())
        for listener in self._listeners:
            listener(event)
        self._tell_unkept()

    @contextmanager
    def timed(self, text: str, kind: str) -> Iterator[None]:
        """Write an event once what it encloses is over, also when that raises."""
        began = self.now
        try:
            yield
        finally:
            self.note(kind, text, at=began, seconds=self.now - began)

    def save(self, name: str, content: bytes) -> bool:
        """Write a file of the run, whole or not at all; tell whether it is there."""
        file = self.folder / name
        if file.parent != self.folder and self._attempt(partial(files.make_folder, file.parent, ELSEWHERE)):
            return False
        return self._attempt(partial(files.write, file, content, ELSEWHERE)) is None

    def append(self, name: str, content: bytes) -> NotWritten | None:
        """Write a piece to the end of a file of the run; return why the file has ended, if it has."""
        if name not in self._cut:
            error = self._attempt(partial(files.append, self.folder / name, content, ELSEWHERE))
            if error is None:
                return None
            self._cut[name] = error
        return self._cut[name]

    def demand_kept(self) -> None:
        """Raise NotWritten where something of the run could not be written: evidence is on disk before it is judged."""
        if self.unkept is not None:
            raise self.unkept

    def conclude(self, result: Result) -> Result:
        """Write result.json and close; return the result, which is inconclusive where not all of it is on disk."""
        with self._lock:
            self._over = True
        judged = self._judged(result)
        text = json.dumps(asdict(judged), indent=2, default=str) + "\n"
        if self.save(RESULT, text.encode()):
            return judged
        self._tell_unkept()
        return replace(self._judged(result), folder="")

    def _judged(self, result: Result) -> Result:
        """Return a result as what is on disk bears it out."""
        unkept = self.unkept
        if unkept is None:
            return result
        left = f"The rest of this run is in {self.folder}." if self.folder.is_dir() else ""
        seen = (
            "" if result.verdict is Verdict.INCONCLUSIVE else f"Apart from that, it {result.verdict}: {result.reason}."
        )
        advice = "\n".join(part for part in (unkept.means, unkept.todo, left, seen) if part)
        told = replace(result, verdict=Verdict.INCONCLUSIVE, reason=unkept.what, advice=advice, kept=False)
        return replace(told, fingerprint=fingerprint(told))

    def _tell_unkept(self) -> None:
        """Let the listeners hear, once, that not everything is on disk."""
        if self.unkept is not None and not self._told:
            self._told = True
            self.note(UNKEPT, self.unkept.what)

    def _attempt(self, write: Callable[[], None]) -> NotWritten | None:
        """Write; where that fails, remember the first such error and return this one."""
        try:
            write()
        except NotWritten as error:
            self.unkept = self.unkept or error
            return error
        return None


def new_folder(runs: Path, scenario: str, *, since: float) -> Path:
    """Return a folder for one more run, removing the oldest beyond the last KEPT that were there before `since`.

    So those of one matrix stay until the next, however many they are. `since` is in seconds since 1970. Where the usual
    folder of the runs cannot be written, it is one in the state folder, which standard error is told once.
    """
    runs = _usable(runs)
    with suppress(OSError):  # there is none yet, or it cannot be read
        kept = sorted(old for old in runs.iterdir() if STAMPED.fullmatch(old.name))  # what else is there is not ours
        for old in kept[: -KEPT + 1]:
            with suppress(OSError):  # another run, perhaps another labctl, makes room here too
                if old.stat().st_mtime < since:
                    files.discard(old)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return runs / f"{stamp}-{time.time_ns() % 1_000_000_000:09d}-{scenario}"


def _usable(runs: Path) -> Path:
    """Return the folder of the runs, or the one in its place where it can never be written; a full disk is told."""
    other = instead_of(runs)
    if other is None or writable(runs) or not writable(other):
        return runs
    tell_once(f"{runs} cannot be written here, so the runs are kept in {other}")
    return other
