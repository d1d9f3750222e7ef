"""What one host's kernel saw of a run: a capture that goes on, and looks at its counters and sockets.

What is captured is on disk, as a pcap file, before anybody reads it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from labctl.errors import AgentRefused, NotWritten
from labctl.kernel import counters, packets, sockets
from labctl.kernel.pcap import SNAP, Captured, header
from labctl.lab.program import ANSWERS, Program

MOST_PACKETS = 20_000
LONGEST = 900.0  # seconds
Keep = Callable[[bytes], NotWritten | None]
BUFFER = 8 << 20  # bytes between two looks: some thousands of packets


def prepare() -> None:
    """Load the libraries that read what is seen; importing them takes some tenths of a second."""
    sockets.read("")
    packets.connections([Captured("", header())], {}, "", 0, 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a capture takes: packets, seconds, bytes of each, bytes between two looks; all interfaces, or one."""

    packets: int = MOST_PACKETS
    seconds: float = LONGEST
    snap: int = SNAP  # a packet's headers, and the beginning of what it carries
    buffer: int = BUFFER
    interface: str | None = None


@dataclass(frozen=True, slots=True)
class Glance:
    """One look: when, in seconds since 1970 and by a clock that cannot be set, and what the host's kernel said."""

    at: float
    ran: float
    tables: Sequence[str] = field(repr=False)  # of counters, as proc(5) has them
    sockets: str | None = field(repr=False)  # as sock_diag(7) tells of them

    @property
    def counters(self) -> dict[str, int]:
        """Every counter by its whole name; read only when it is asked for, since most looks are never read."""
        return counters.read(self.tables)


class Witness:
    """What one host saw; it outlives the host's sandbox, which a reboot makes anew."""

    def __init__(self, host: str, keep: Keep, limits: Limits) -> None:
        """Watch a host; `keep` writes what is captured to the end of a file, see `Journal.append`."""
        self.host = host
        self._keep = keep
        self._limits = limits
        self._pcap = bytearray(header())
        self._written = 0  # bytes that `keep` has been given
        self._unkept: NotWritten | None = None
        self._refused = ""
        self._over = ""
        self._lost: list[int] = []  # packets, of each capture: a reboot ends one and begins another

    @property
    def captured(self) -> Captured:
        """Everything captured so far."""
        return Captured(self.host, bytes(self._pcap))

    @property
    def flaw(self) -> str:
        """Why the capture cannot be trusted, or nothing."""
        if self._refused:
            return f"the capture on {self.host} was refused: {self._refused}"
        if self._over:
            return f"the capture on {self.host} ended too early: {self._over}"
        if sum(self._lost):
            return f"the capture on {self.host} lost {sum(self._lost)} packets"
        if self._unkept:
            return f"the capture on {self.host} is not all on disk"  # the run's reason says why
        return ""

    def begin(self, agent: Program) -> None:
        """Begin to capture, on a host's new sandbox."""
        self._lost.append(0)
        limits = {name: getattr(self._limits, name) for name in Limits.__slots__}
        try:
            agent.ask("capture", ANSWERS, limits=limits)
        except AgentRefused as error:
            self._refused = error.why

    def look(self, agent: Program, *, at_sockets: bool = False, last: bool = False) -> Glance:
        """Look at packets and counters, and at sockets, which takes the kernel longer than all else together.

        The last look ends the capture. Raises AgentLost and the like.
        """
        return self.looking(agent, at_sockets=at_sockets, last=last)()

    def looking(self, agent: Program, *, at_sockets: bool = False, last: bool = False) -> Callable[[], Glance]:
        """Begin to look; return what waits for what is seen, see `look`."""
        asked = agent.asked("look", question=sockets.question() if at_sockets else None, last=last)
        return partial(self._seen, asked)

    def _seen(self, asked: Callable[[float], Any]) -> Glance:
        told = asked(ANSWERS)
        if told["captured"] is not None:
            self._take(told["captured"])
        return Glance(told["at"], told["ran"], told["counters"], told["sockets"])

    def _take(self, captured: Mapping[str, Any]) -> None:
        self._pcap += base64.b64decode(captured["records"])
        self._over = self._over or captured["over"]
        self._lost[-1] = captured["dropped"]
        self._unkept = self._keep(bytes(self._pcap[self._written :]))
        self._written = len(self._pcap)
