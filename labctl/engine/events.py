"""How containers ended, from the engine's event stream: exit codes and out-of-memory kills are never lost."""

from __future__ import annotations

import contextlib
import threading
import time

from labctl.engine.connection import Connection
from labctl.engine.translate import translated
from labctl.errors import EngineError
from labctl.model import Exit


class Exits:
    """Listens to the ends of all containers with one label, from before the first of them starts."""

    def __init__(self, connection: Connection, label: str) -> None:
        self._changed = threading.Condition()
        self._exits: dict[str, Exit] = {}
        self._out_of_memory: set[str] = set()
        with translated("listen to the engine's events"):
            self._events = connection.api.events(
                filters={"label": [label], "type": ["container"], "event": ["die", "oom"]}, decode=True
            )
        threading.Thread(target=self._listen, name="events", daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(Exception):  # closing it from outside ends it in many ways
            for event in self._events:
                container = event["Actor"]["ID"]
                with self._changed:
                    if event["Action"] == "oom":
                        self._out_of_memory.add(container)
                    else:
                        code = int(event["Actor"]["Attributes"].get("exitCode", -1))
                        self._exits[container] = Exit(code, out_of_memory=container in self._out_of_memory)
                    self._changed.notify_all()

    def of(self, container: str) -> Exit | None:
        """Return how a container ended, or None while it runs."""
        with self._changed:
            return self._exits.get(container)

    def forget(self, container: str) -> None:
        """Forget an end, before the same container is started once more."""
        with self._changed:
            self._exits.pop(container, None)

    def await_end(self, container: str, seconds: float) -> Exit:
        """Wait until a container has ended.

        Raises EngineError when it has not within `seconds`.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            if not self._changed.wait_for(lambda: container in self._exits, max(0, deadline - time.monotonic())):
                raise EngineError(f"the engine did not report the end of a container within {seconds:g} s.")
            return self._exits[container]

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(Exception):
            self._events.close()
