"""An answer of the engine that goes on: JSON values, a line each, until it is cut.

The SDK's own generators wait without end for the first value, and end without the reason.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from labctl.engine.connection import Connection
from labctl.engine.stream import plain_socket
from labctl.engine.translate import refusal, translated

CONNECT = 10.0  # seconds to connect, and until the answer begins


class Feed:
    """One request, and the values of its answer as they come; raises EngineError as `translated` does."""

    def __init__(self, connection: Connection, doing: str, path: str, parameters: Mapping[str, Any]) -> None:
        self._doing = doing
        api = connection.api
        url = f"{api.base_url}/v{api.api_version}{path}"
        with translated(doing):
            self._answer = api.get(url, params=dict(parameters), stream=True, timeout=(CONNECT, None))
            if not self._answer.ok:
                raise refusal(doing, self._answer.text, self._answer.status_code)

    def __iter__(self) -> Iterator[Any]:
        with translated(self._doing):
            for line in self._answer.iter_lines():
                if line:
                    yield json.loads(line)

    def cut(self) -> None:
        """End the answer from any thread; who iterates over it sees its end, and closes it."""
        with suppress(OSError, AttributeError):  # it has ended already
            raw: Any = self._answer.raw
            plain_socket(raw._fp.fp.raw).shutdown(socket.SHUT_RDWR)  # noqa: SLF001 - as the SDK cancels its own

    def close(self) -> None:
        """Let go of the connection; by who iterates over it."""
        with suppress(OSError, ValueError):
            self._answer.raw.close()
            self._answer.close()
