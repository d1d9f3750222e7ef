"""The streams of one host: to its agent and its clients, and of what its services print."""

from __future__ import annotations

from labctl.engine.stream import Output, Stream
from labctl.lab.program import Program
from labctl.lab.session import Session


class Streams:
    """What is attached to a host's containers; `outputs` are those of each container that ran its service, in order."""

    def __init__(self, host: str, session: Session) -> None:
        self.outputs: list[Output] = []
        self._host = host
        self._session = session
        self._streams: list[Stream] = []

    def program(self, container: str, name: str) -> Program:
        """Attach to a program of ours; before its container starts, or its first words may be lost."""
        return Program(self._host, self._to(container, writes=True), name)

    def log(self, container: str) -> None:
        """Keep what a service prints from its first word on."""
        output = Output(container)
        self.outputs.append(output)
        self._to(container, writes=False).listen(output.add, lambda: None)

    def close(self) -> None:
        """Cut the streams: an agent ends with its own, and everything in its PID namespace with it."""
        for stream in self._streams:
            stream.close()

    def _to(self, container: str, *, writes: bool) -> Stream:
        stream = Stream(self._session.connection, container, writes=writes)
        self._streams.append(stream)
        return stream
