"""Many runs at once; while the lab of one is taken down, the next begins."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed, wait
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from threading import Event as Flag
from threading import Semaphore
from typing import Protocol

from labctl.engine.labels import SESSION
from labctl.engine.sweep import sweep
from labctl.errors import EngineUnavailable, LabctlError
from labctl.lab.session import Session
from labctl.model import WRONG, Outcome, Result
from labctl.results.journal import ENGINE_LOST, REMOVING, UNKEPT, Event
from labctl.run.run import Options, run
from labctl.scenario.load import Loaded
from labctl.system.threads import Workers

COMMAND = 2.0  # seconds: what firewalld takes, and longer than most
IN_VAIN = 2  # runs that the engine does not answer, after all those that were under way when it fell silent
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

    @property
    def asks(self) -> float:
        """How many seconds the scenario asks for, as far as it tells.

        A failure may take `within`, with a trigger a try may be slow, and a command that its author wrote may start a
        daemon.
        """
        scenario = self.loaded.scenario
        slow = scenario.trigger or scenario.expect.outcome is Outcome.TIMED_OUT
        commands = sum(action.kind == "run" for action in (*scenario.fault, *scenario.fix))
        waits = scenario.recover.within + (scenario.expect.within or 0)
        return waits + (2 * scenario.client.timeout if slow else 0) + commands * COMMAND


class _Silence:
    """How many of the runs that were told of last ended since the engine did not answer."""

    def __init__(self, jobs: int, over: Flag) -> None:
        self._most = jobs + IN_VAIN
        self._over = over
        self._lost: set[int] = set()
        self._in_a_row = 0

    def hears(self, number: int, event: Event) -> None:
        """Take one event of a run's journal, in the run's own thread."""
        if event.kind == ENGINE_LOST:
            self._lost.add(number)
        if event.kind == UNKEPT:  # the next run could not write what it sees either
            self._over.set()

    def ends(self, number: int) -> None:
        """Take note that a run's end has been told; raise EngineUnavailable where the silence has lasted too long."""
        self._in_a_row = self._in_a_row + 1 if number in self._lost else 0
        if self._in_a_row >= self._most:
            raise EngineUnavailable(
                f"the engine has not answered in {self._in_a_row} runs, one after the other.",
                means="It has ended or hangs, so the remaining runs are not started.",
                todo="`labctl engine status` shows it; start it again, and then what is left.",
            )


def repeated(loaded: Sequence[Loaded], options: Options, times: int = 1) -> list[Planned]:
    """Return the runs of scenarios, each as often as asked, all of them before any comes again."""
    return [Planned(one, options) for _ in range(times) for one in loaded]


def matrix(
    planned: Sequence[Planned], session: Session, *, jobs: int, fail_fast: bool, watcher: Watcher
) -> list[Result | None]:
    """Run everything that is planned, `jobs` at a time; return the results in its order.

    Labs that are only being taken down are not counted, nor are those in which nothing is done but wait, unless one job
    is asked for; all together are never more than twice `jobs`. With `fail_fast` each run ends before the next begins,
    and none begins after one has failed or was inconclusive. None begins after one could not write what it saw. Those
    that did not begin are None. Whatever ends the
    matrix early, no run of it goes on when this is left.

    Raises EngineUnavailable where the engine has fallen silent for good: each run would wait for it in vain.
    """
    over = Flag()
    places = Semaphore(jobs)
    silence = _Silence(jobs, over)

    @contextmanager
    def rest() -> Iterator[None]:
        places.release()
        try:
            yield
        finally:
            places.acquire()

    def one(number: int) -> Result | None:
        places.acquire()
        with ExitStack() as place:
            place.callback(places.release)
            if over.is_set():
                return None

            def hear(event: Event) -> None:
                watcher.hears(number, event)
                silence.hears(number, event)
                if event.kind == REMOVING and not fail_fast:
                    place.close()

            watcher.begins(number)
            options = planned[number].options
            own = replace(options, listeners=(*options.listeners, hear), rest=resting)
            result = run(planned[number].loaded, session, own)
            if fail_fast and result.verdict in WRONG:
                over.set()
            return result

    resting = nullcontext if fail_fast or jobs == 1 else rest
    pool = Workers(2 * jobs, "run")
    order = _longest_first(planned) if jobs > 1 else range(len(planned))
    futures = {pool.submit(one, number): number for number in order}
    try:
        for future in as_completed(futures):
            result = future.result()
            if result is not None:
                watcher.ends(futures[future], result)
                silence.ends(futures[future])
    except BaseException:
        over.set()
        pool.shutdown(wait=False, cancel_futures=True)
        _settle(futures, session)
        raise
    pool.shutdown()
    ended = {number: future.result() for future, number in futures.items()}
    return [ended[number] for number in range(len(planned))]


def _longest_first(planned: Sequence[Planned]) -> Sequence[int]:
    """Return the numbers of the runs in the order in which they begin: of each scenario one, the longest first.

    Otherwise the longest may begin last, and everybody waits for it alone.
    """
    begun: Counter[str] = Counter()
    keys = []
    for one in planned:
        name = one.loaded.scenario.name
        keys.append((begun[name], -one.asks))
        begun[name] += 1
    return sorted(range(len(planned)), key=keys.__getitem__)


def _settle(futures: Iterable[Future[Result | None]], session: Session) -> None:
    """Remove what the runs hold until the last has ended: one that is cut off may be about to make something more."""
    deadline = time.monotonic() + SETTLED_WITHIN
    begun = [future for future in futures if not future.cancelled()]  # `wait` takes no cancelled one for done
    while wait(begun, timeout=0.1).not_done and time.monotonic() < deadline:
        with suppress(LabctlError):  # the session's own end says what is left; without an engine it is nothing
            sweep(session.containers, f"{SESSION}={session.id}")
