"""What a text tells of one error."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from labctl.model import Outcome, Stage

LONGEST_QUOTE = 400  # characters
VARYING = re.compile(r"0x[0-9a-f]{1,16}|\b\d{1,9}(?:\.\d{1,9})? ?(?:ms|milliseconds|s|seconds)\b")
"""Objects' addresses and times, within the message of an exception."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """One error, as a text tells of it."""

    line: int  # where it stands, from 1; of a traceback, the line with its outermost exception
    quoted: str  # that line, without control characters and colour codes, at most LONGEST_QUOTE characters
    program: str  # whose wording it is, for people: "requests", "curl", "Node.js", "the kernel's wording"
    client: str | None = None  # labctl's client of that name, None where none of labctl's words it so
    outcome: Outcome | None = None  # None where the text does not tell, like all that follow
    stage: Stage | None = None
    errno: str | None = None  # "ECONNREFUSED"
    code: str | None = (
        None  # who answered gave it: HTTP's "503", getaddrinfo's "EAI_AGAIN", OpenSSL's "CERT_HAS_EXPIRED"
    )
    chain: tuple[tuple[str, str], ...] = ()  # type and message of the exceptions, outermost first, that the text has
    host: str | None = None  # the target
    port: int | None = None
    seconds: float | None = None  # how long it took
    times: int = 1  # how often the same stands in the text, apart from place, times and local ports

    @property
    def kind(self) -> Symptom:
        """The symptom without what varies from one occurrence to the next: equal for the same error."""
        chain = tuple((name, VARYING.sub("*", message)) for name, message in self.chain)
        return replace(self, line=0, quoted="", seconds=None, chain=chain, times=1)
