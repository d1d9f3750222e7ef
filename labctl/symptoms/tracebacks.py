"""Python's tracebacks, as text: one after the other as they are chained, each with its frames.

A traceback may lack its beginning or its end, be indented, or have a logger's prefix before each line: where its lines
begin is seen from its header and its frames, which stand two columns further in.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from labctl.symptoms.reading import Line

MOST_FRAMES = 200  # of one traceback, the innermost; Python itself repeats no frame more than three times
MOST_LINKS = 50  # exceptions of one chain
PATIENCE = 40  # lines without a frame, or without a connector, after which nothing more belongs to a traceback
HEADER = re.compile(r"Traceback \(most recent call last\):|Exception Group Traceback \(most recent call last\):")
FRAME = re.compile(r"  File \"([^\"]{1,1000})\", line \d{1,9}(?:, in ([^\s(]{1,200}))?")
CONNECTOR = re.compile(
    r"During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:"
)
MEMBER = re.compile(r"^\s*\+(?:-\+)?-{3,}")  # between the members of an exception group, and after the last
TYPE = r"(?:[A-Za-z_]\w{0,100}\.){0,12}[A-Za-z_]\w{0,100}"
RAISED = re.compile(rf"({TYPE})(?:: (.*)|:?$)")
CLASS = re.compile(r"(?:^|\.)_?[A-Z]\w{0,100}[a-z]\w{0,100}$")  # unlike `INFO:` of a line in between
LOWER_CASE = ("socket.gaierror", "socket.herror", "socket.timeout", "socket.error", "select.error")
DIGIT = re.compile(r"\d")


@dataclass(slots=True)
class Raised:
    """One traceback of a chain: its frames, outermost first, and the exception that it ends with."""

    frames: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=MOST_FRAMES))  # file and function
    headed: bool = False  # its beginning is there
    type: str = ""
    message: str = ""
    line: Line | None = None  # where the exception stands


@dataclass(slots=True)
class Chain:
    """Tracebacks that belong together, in the order of the text: the innermost first."""

    raised: list[Raised]
    prefix: str = ""  # what stands before each line of the traceback that is being read
    connected: bool = False  # the last line said that another one follows
    waited: int = 0

    def takes(self, line: Line, *, hinted: bool) -> bool:
        """Read one more line; False where it does not belong to these tracebacks."""
        self.waited += 1
        if self.waited > PATIENCE or MEMBER.match(line.text):
            return False
        if self.raised[-1].line is None:
            return self._within(line)
        return self._after(line, hinted=hinted)

    def _within(self, line: Line) -> bool:
        current = self.raised[-1]
        if HEADER.search(line.text):
            return False
        if frame := FRAME.search(line.text):
            self.framed(line, frame)
            return True
        if CONNECTOR.search(line.text):
            return False
        self._ended(line, current)
        return True

    def _ended(self, line: Line, current: Raised) -> None:
        """Note the exception, where this line is one that begins where the traceback does."""
        width = len(self.prefix)
        if _shape(line.text[:width]) != _shape(self.prefix):
            return
        found = RAISED.match(line.text, width)
        if found and (CLASS.search(found[1]) or found[1] in LOWER_CASE):
            current.type, current.message, current.line = found[1], (found[2] or "").strip(), line
            self.waited = 0

    def _after(self, line: Line, *, hinted: bool) -> bool:
        if CONNECTOR.search(line.text):
            self.connected, self.waited = True, 0
            return True
        begins = HEADER.search(line.text)
        frame = FRAME.search(line.text)
        if self.connected and (begins or frame) and len(self.raised) < MOST_LINKS:
            self.connected = False
            self.raised.append(Raised(headed=begins is not None))
            self.begun(line, begins, frame)
            return True
        return not (begins or frame or hinted) or line.indented

    def begun(self, line: Line, begins: re.Match[str] | None, frame: re.Match[str] | None) -> None:
        """Note where a traceback's lines begin."""
        self.waited = 0
        if begins:
            self.prefix = line.text[: begins.start()]
        elif frame:
            self.framed(line, frame)

    def framed(self, line: Line, frame: re.Match[str]) -> None:
        """Note a frame."""
        self.prefix = line.text[: frame.start()]
        self.raised[-1].frames.append((frame[1], frame[2] or ""))
        self.waited = 0


def chain(line: Line) -> Chain | None:
    """Return a new chain of tracebacks, where a line begins one, or stands within one that lacks its beginning."""
    begins, frame = HEADER.search(line.text), FRAME.search(line.text)
    if not begins and not frame:
        return None
    found = Chain([Raised(headed=begins is not None)])
    found.begun(line, begins, frame)
    return found


def lone(line: Line, name: str, message: str) -> Chain:
    """Return a chain of which only an exception's own line is known, so far."""
    return Chain([Raised(type=name, message=message, line=line)])


def _shape(prefix: str) -> str:
    """Return a prefix without its numbers: what a logger puts before one line and the next."""
    return DIGIT.sub("0", prefix)
