"""The stream between labctl and a program inside a host: one JSON value a line, requests in, replies out."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Lines:
    """The program's side of the stream.

    Taking hold of it moves the real standard streams away: a child that prints would otherwise write into the
    replies. Children find /dev/null as their input and standard error as their output.
    """

    def __init__(self) -> None:
        self._input = os.fdopen(os.dup(0), "rb")
        self._output = os.dup(1)
        os.set_inheritable(self._output, False)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it lives as long as the process
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """Return the descriptor that requests come in on, for a selector."""
        return self._input.fileno()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for line in self._input:
            yield json.loads(line)

    def reply(self, request: int | None, **answer: Any) -> None:
        """Send one reply; a lock keeps replies of overlapping requests apart."""
        line = json.dumps({"id": request, **answer}).encode() + b"\n"
        with self._lock:
            while line:
                line = line[os.write(self._output, line) :]
