"""Work in threads that the end of the process does not wait for.

The threads of `concurrent.futures.ThreadPoolExecutor` are joined when the interpreter exits, so one of them that waits
for an engine that hangs would keep the whole process from ending. These are daemon threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
Work = tuple[Future[Any], Callable[[], Any]]


class Workers(Executor):
    """At most so many threads, each started when work for it comes.

    Leaving the `with` block waits for all work; where it is left by an exception, nobody waits.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Call a function in one of the threads, in the order in which calls are submitted."""
        future: Future[R] = Future()
        self._queue.put((future, lambda: fn(*args, **kwargs)))
        if len(self._threads) < self._most:
            name = f"{self._name}_{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
            self._threads[-1].start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; cancel what has not begun, and wait for what has, where that is asked for."""
        while cancel_futures and not self._queue.empty():
            if (work := self._queue.get()) is not None:
                work[0].cancel()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take no more work."""
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            future, call = work
            if future.set_running_or_notify_cancel():
                _settle(future, call)


def _settle(future: Future[Any], call: Callable[[], Any]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - whoever waits for the result gets it
        future.set_exception(error)


def aside(name: str, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
    """Call a function in a thread of its own, and return what becomes of it."""
    workers = Workers(1, name)
    future = workers.submit(fn, *args, **kwargs)
    workers.shutdown(wait=False)
    return future
