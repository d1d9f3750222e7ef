"""Many runs at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Event as Flag
from typing import Protocol

from labctl.errors import LabctlError
from labctl.journal import Event, Listener
from labctl.model import WRONG, Result
from labctl.run import Options, run
from labctl.scenario import Loaded
from labctl.session import Session
from labctl.sweep import SESSION, sweep

SETTLED_WITHIN = 20.0  # seconds for the runs that were cut off to end


class Watcher(Protocol):
    """Is told what happens to each run, by its number; `begins` and `hears` are called in the runs' own threads."""

    def begins(self, number: int) -> None:
        """Take note that a run begins."""

    def hears(self, number: int, event: Event) -> None:
        """Take one event of a run's journal."""

    def ends(self, number: int, result: Result) -> None:
        """Take what a run came to."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A run that is to be."""

    loaded: Loaded
    options: Options


def repeated(loaded: Sequence[Loaded], options: Options, times: int = 1) -> list[Planned]:
    """Return the runs of scenarios, each as often as asked, all of them before any comes again."""
    return [Planned(one, options) for _ in range(times) for one in loaded]


def matrix(
    planned: Sequence[Planned], session: Session, *, jobs: int, fail_fast: bool, watcher: Watcher
) -> list[Result | None]:
    """Run everything that is planned, `jobs` at a time; return the results in its order.

    With `fail_fast` no run begins after one has failed or was inconclusive; those that did not begin are None.
    Whatever ends the matrix early, no run of it goes on when this is left.
    """
    over = Flag()

    def one(number: int) -> Result | None:
        if over.is_set():
            return None
        watcher.begins(number)
        heard: Listener = partial(watcher.hears, number)
        options = planned[number].options
        result = run(planned[number].loaded, session, replace(options, listeners=(*options.listeners, heard)))
        if fail_fast and result.verdict in WRONG:
            over.set()
        return result

    pool = ThreadPoolExecutor(jobs, thread_name_prefix="run")
    futures = {pool.submit(one, number): number for number in range(len(planned))}
    try:
        for future in as_completed(futures):
            result = future.result()
            if result is not None:
                watcher.ends(futures[future], result)
    except BaseException:
        over.set()
        pool.shutdown(wait=False, cancel_futures=True)
        _settle(futures, session)
        raise
    pool.shutdown()
    return [future.result() for future in futures]


def _settle(futures: Iterable[Future[Result | None]], session: Session) -> None:
    """Remove what the runs hold until the last has ended: one that is cut off may be about to make something more."""
    deadline = time.monotonic() + SETTLED_WITHIN
    begun = [future for future in futures if not future.cancelled()]  # `wait` takes no cancelled one for done
    while wait(begun, timeout=0.1).not_done and time.monotonic() < deadline:
        with suppress(LabctlError):  # the session's own end says what is left
            sweep(session.containers, f"{SESSION}={session.id}")
