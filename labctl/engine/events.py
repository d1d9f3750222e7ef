"""How containers ended and which are healthy, from the engine's event stream.

Exit codes and out-of-memory kills are never lost, and nobody asks again and again for what the engine tells by itself.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping

from labctl.engine.connection import Connection
from labctl.engine.translate import translated
from labctl.errors import EngineError
from labctl.model import Exit


class Events:
    """Listens to what the engine tells of all containers with one label, from before the first of them starts."""

    def __init__(self, connection: Connection, label: str) -> None:
        self._changed = threading.Condition()
        self._exits: dict[str, int] = {}
        self._out_of_memory: set[str] = set()
        self._healthy: set[str] = set()
        self._over = False
        with translated("listen to the engine's events"):
            self._events = connection.api.events(
                filters={"label": [label], "type": ["container"], "event": ["die", "oom", "health_status"]}, decode=True
            )
        threading.Thread(target=self._listen, name="events", daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(Exception):  # closing it from outside ends it in many ways
            for event in self._events:
                with self._changed:
                    self._know(event["Actor"]["ID"], event["Action"], event["Actor"]["Attributes"])
                    self._changed.notify_all()
        with self._changed:
            self._over = True
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
        """Return how a container ended, or None while it runs."""
        with self._changed:
            if container not in self._exits:
                return None
            return Exit(self._exits[container], out_of_memory=container in self._out_of_memory)  # which may come later

    def await_end(self, container: str, seconds: float) -> None:
        """Wait until a container has ended.

        Raises EngineError when it has not within `seconds`.
        """
        if not self._await(lambda: container in self._exits, seconds):
            raise EngineError(f"the engine did not report the end of a container within {seconds:g} s.")

    def await_health(self, container: str, seconds: float) -> bool:
        """Wait until a container's health check passes; tell whether it does. One that has ended never will."""
        self._await(lambda: container in self._healthy or container in self._exits, seconds)
        with self._changed:
            return container in self._healthy and container not in self._exits

    def _await(self, told: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is told, or the engine tells nothing any more."""
        with self._changed:
            self._changed.wait_for(lambda: told() or self._over, seconds)
            return told()

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(Exception):
            self._events.close()
