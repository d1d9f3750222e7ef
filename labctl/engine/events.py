"""How containers ended and which are healthy, from the engine's event stream.

Exit codes and out-of-memory kills are never lost, and nobody asks again and again for what the engine tells by itself.
A stream that breaks is opened again, from the last event on, and what has changed meanwhile is asked for. Where that
cannot be done, everything that is asked here raises the reason: nothing is known any more of what runs.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from labctl.engine.connection import Connection, closed
from labctl.engine.feed import Feed
from labctl.engine.translate import translated
from labctl.errors import EngineError, EngineUnavailable, NotThere
from labctl.model import Exit

AGAIN_WITHIN = 3.0  # seconds in which a stream that broke must be open again
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5  # seconds between two tries
ACTIONS = ("die", "oom", "health_status")
ENDED = ("exited", "dead")  # what the engine calls the state of a container that has run


class Events:
    """Listens to what the engine tells of all containers with one label, from before the first of them starts."""

    def __init__(self, connection: Connection, label: str) -> None:
        self._connection = connection
        self._label = label
        self._changed = threading.Condition()
        self._exits: dict[str, int] = {}
        self._out_of_memory: set[str] = set()
        self._healthy: set[str] = set()
        self._closed = False
        self._listens = True  # but for the moment in which a stream that broke is opened again
        self._broken: EngineError | None = None
        self._last = ""  # when the last event was, as the engine has it
        self._feed = self._opened()
        threading.Thread(target=self._listen, name="events", daemon=True).start()

    def _opened(self) -> Feed:
        filters = {"label": [self._label], "type": ["container"], "event": list(ACTIONS)}
        since = {"since": self._last} if self._last else {}
        return Feed(
            self._connection, "listen to the engine's events", "/events", {"filters": json.dumps(filters), **since}
        )

    def _listen(self) -> None:
        """Take events until this is closed, or until the stream can be opened no more."""
        while not self._closed and self._broken is None:
            why = self._take()
            if not self._closed:
                self._open_again(why)
        self._feed.close()

    def _take(self) -> str:
        """Take the events of one stream, and return why it ended."""
        try:
            for event in self._feed:
                with self._changed:
                    self._know(event["Actor"]["ID"], event["Action"], event["Actor"]["Attributes"])
                    self._last = _moment(event)
                    self._changed.notify_all()
        except EngineError as error:
            return error.what
        except (KeyError, TypeError, ValueError, AttributeError):
            return "it held something that is not an event."
        finally:
            self._feed.close()
        return "it ended."

    def _open_again(self, why: str) -> None:
        """Open the stream once more, and ask for what has changed meanwhile."""
        self._listens = False
        pauses = _pauses()
        deadline = time.monotonic() + AGAIN_WITHIN
        while not self._closed:
            try:
                self._demand_socket()
                self._feed = self._opened()
                self._catch_up()
            except EngineError as error:
                if time.monotonic() > deadline:
                    self._break(why, error)
                    return
                time.sleep(next(pauses))
            else:
                self._know_again()
                return

    def _demand_socket(self) -> None:
        """See that somebody listens at the engine's socket: where nobody does, the SDK leaves one of its own open."""
        path = self._connection.candidate.socket
        if path is not None and (why := closed(path)):
            raise EngineUnavailable(f"could not connect to {path}: {why}.")

    def _know_again(self) -> None:
        with self._changed:
            self._listens = True
            self._changed.notify_all()

    def _break(self, why: str, error: EngineError) -> None:
        with self._changed:
            self._broken = EngineUnavailable(
                f"the engine's event stream broke and could not be opened again: {error.what}",
                means=f"labctl no longer knows which containers run. At first: {why}",
                todo="See `labctl engine status`; then run again.",
            )
            self._changed.notify_all()

    def _catch_up(self) -> None:
        """Ask how the containers are that may have changed while nobody listened."""
        with translated("list containers"):
            there = self._connection.api.containers(all=True, filters={"label": [self._label]})
        for one in there:
            with contextlib.suppress(NotThere), translated("look at a container"):
                self._learn(one["Id"], self._connection.api.inspect_container(one["Id"])["State"])

    def _learn(self, container: str, state: Mapping[str, Any]) -> None:
        """Take from a container's state what its events would have told."""
        with self._changed:
            if state["Status"] in ENDED:
                self._exits.setdefault(container, int(state["ExitCode"]))
            if state.get("OOMKilled"):
                self._out_of_memory.add(container)
            healthy = (state.get("Health") or {}).get("Status") == "healthy"
            (self._healthy.add if healthy else self._healthy.discard)(container)
            self._changed.notify_all()

    def _know(self, container: str, action: str, attributes: Mapping[str, str]) -> None:
        kind, _, status = action.partition(": ")
        if kind == "oom":
            self._out_of_memory.add(container)
        elif kind == "health_status":
            (self._healthy.add if status == "healthy" else self._healthy.discard)(container)
        else:
            self._exits[container] = int(attributes.get("exitCode", -1))

    def exit_of(self, container: str) -> Exit | None:
        """Return how a container ended, or None while it runs; waits while a stream that broke is opened again.

        Raises EngineUnavailable where the event stream broke for good, unless the container's end came before.
        """
        with self._changed:
            self._changed.wait_for(lambda: container in self._exits or self._listens or self._broken or self._closed)
            if container not in self._exits:
                self._demand_whole()
                return None
            return Exit(self._exits[container], out_of_memory=container in self._out_of_memory)  # which may come later

    def await_end(self, container: str, seconds: float) -> None:
        """Wait until a container has ended.

        Raises EngineError when it has not within `seconds`, and EngineUnavailable where the event stream broke.
        """
        if not self._await(lambda: container in self._exits, seconds):
            raise EngineError(f"the engine did not report the end of a container within {seconds:g} s.")

    def await_health(self, container: str, seconds: float) -> bool:
        """Wait until a container's health check passes; tell whether it does. One that has ended never will.

        Raises EngineUnavailable where the event stream broke.
        """
        self._await(lambda: container in self._healthy or container in self._exits, seconds)
        with self._changed:
            return container in self._healthy and container not in self._exits

    def _await(self, told: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is told, or the engine tells nothing any more."""
        with self._changed:
            self._changed.wait_for(lambda: told() or self._broken or self._closed, seconds)
            if told():
                return True
            self._demand_whole()
            return False

    def _demand_whole(self) -> None:
        if self._broken is not None:
            raise self._broken

    def close(self) -> None:
        """Stop listening."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._feed.cut()


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)


def _moment(event: Mapping[str, Any]) -> str:
    """Return when an event was, as the engine takes it for `since`: seconds and nanoseconds."""
    seconds, nanoseconds = divmod(int(event["timeNano"]), 1_000_000_000)
    return f"{seconds}.{nanoseconds:09d}"
