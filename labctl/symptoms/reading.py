"""A text, line by line, however it was pasted: without colours and control characters, and with each line's source.

A text is read in blocks, so that what is held besides it does not grow with it. A block in which nothing hints at an
error is counted and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import re2

from labctl.symptoms.symptom import LONGEST_QUOTE

BLOCK = 1 << 16  # characters; a longer line makes a longer block
LONGEST = 4000  # characters of one line that are read, those around the first hint
BEFORE = 1000  # characters of them before it
ESCAPED = "\\n"  # a line feed in a line of JSON, as loggers write a traceback
LINE_END = re.compile(r"[\r\n]")
ESCAPES = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\r\n]{0,4096}(?:\x07|\x1b\\)|[@-Z\\^_])")
"""Colours and other escape sequences of terminals, ECMA-48; OSC ends with BEL or ST."""
STREAM = re.compile(r"(?:\[pod/[^\]\s]{1,200}\]|[A-Za-z0-9][\w.-]{0,100} +\|)(?: |$)")
"""What `kubectl logs --prefix` and `docker compose logs` put before each line."""
STAMP = re.compile(r"\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\]?(?: |$)")
"""When a line was written, where it says so first."""
HINT = re2.compile(
    r"(?i)connection ?refused|actively refused"
    r"|timed? ?out|deadline exceeded|unreachable|no route to host|reset by peer|connection reset|broken pipe"
    r"|traceback \(most|file \"[^\"\n]+\", line|of the above exception|cause of the following|errno|os error|winerror"
    r"|\be[a-z]{2,5}(?:refused|timedout|unreach|reset|aborted|notavail|access|file|bufs|pipe|notfound)\b|eai_again"
    r"|name or service not known|name resolution|nodename nor servname|no such host|not resolve|getaddrinfo|unknownhost"
    r"|no address associated|server misbehaving|name does not resolve|lookup failure|unknown host|translate host"
    r"|socket hang up|connection aborted|forcibly closed|connection abort|assign requested address|und_err_"
    r"|connection attempts? failed|the connection to the server|connection to \S{1,255} refused|delayed connect error"
    r"|can.t connect|lost connection to|to resolve host|bad address| upstream\b"
    r"|connect call failed|cannot connect|couldn.t connect"
    r"|unable to connect|fail\w* to connect"
    r"|disconnected|closed connection|closed the connection|connection (?:was )?closed|empty reply|fetch failed"
    r"|ssl|tls|certificate|: (?:unexpected )?eof\b|connect\w*(?:error|exception)|noroutetohost"
    r"|socketexception|too many open files"
    r"|curl: \(|connect\(?\)?.{0,100}(?:permission denied|not permitted|invalid argument)|operation now in progress"
    r"|nc: connect to|cannot connect to host|<urlopen error|connectionpool\(|clientpayloaderror|idle connection"
    r"|end of file from server|failed to respond|received no bytes|not be resolved"
    r"|(?:^|[^\" ]|[^\"] )50[234] (?:bad gateway|service |gateway |server error)|50[234], message|too many 50[234]"
    r"|(?:error|code|success):? '?50[234]"
    r"|docker (?:daemon|api)\b|supported api version"
    r"|pg_hba\.conf|too many clients|connection slots are|protected mode|number of clients reached"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text."""

    number: int  # from 1
    text: str  # without its stream and time, at most LONGEST characters
    stream: str  # the container's or pod's prefix, "" where it has none
    quoted: str

    @property
    def indented(self) -> bool:
        """Whether it begins with a blank, or is empty."""
        return not self.text or self.text[0] == " "


def lines(text: str) -> Iterator[tuple[Line, bool]]:
    """Yield a text's lines, each with whether it hints at an error; of a block without any hint, none at all.

    A line ends where Python's text files end it: at a line feed, a carriage return, or both.
    """
    number = 1
    for block in _blocks(text):
        hints = [found.start() for found in HINT.finditer(block)]
        if hints:
            yield from _of_block(block, number, hints)
        number += block.count("\n")


def _blocks(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        found = LINE_END.search(text, min(start + BLOCK, len(text)))
        end = found.end() if found else len(text)
        end += text.startswith("\r\n", end - 1)
        yield _readable(text[start:end])
        start = end


def _readable(block: str) -> str:
    """Return a block without escape sequences, NULs and halves of characters, each line ended by a line feed."""
    block = block.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if "\x1b" in block:
        block = ESCAPES.sub("", block)
    return block.encode("utf-8", "replace").decode()


def _of_block(block: str, number: int, hints: list[int]) -> Iterator[tuple[Line, bool]]:
    start, hint = 0, 0
    for whole in block.split("\n"):
        for raw in (parts := whole.split(ESCAPED)):
            end = start + len(raw)
            while hint < len(hints) and hints[hint] < start:
                hint += 1
            hinted = hint < len(hints) and hints[hint] < end
            about = hints[hint] - start if hinted else 0
            yield _line(raw.replace('\\"', '"') if len(parts) > 1 else raw, number, about), hinted
            start = end + len(ESCAPED)
        start += len("\n") - len(ESCAPED)
        number += 1


def _line(raw: str, number: int, about: int) -> Line:
    cut = max(0, min(about - BEFORE, len(raw) - LONGEST))
    text = printable(raw[cut : cut + LONGEST]).rstrip()
    found = STREAM.match(text)
    stream = found[0].rstrip() if found else ""
    quote = max(0, min(about - cut - LONGEST_QUOTE // 2, len(text) - LONGEST_QUOTE))
    said = text[found.end() :] if found else text
    stamped = STAMP.match(said)
    return Line(number, said[stamped.end() :] if stamped else said, stream, text[quote : quote + LONGEST_QUOTE])


def printable(text: str) -> str:
    """Return text without control and formatting characters, each kind of blank as a space."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)
