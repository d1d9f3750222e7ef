"""Node.js: an error's line, and the frames and the dump of its fields that follow."""

from __future__ import annotations

import re

import re2

from labctl.model import Outcome, Stage
from labctl.symptoms import codes, words
from labctl.symptoms.episode import Episode
from labctl.symptoms.reading import Line
from labctl.symptoms.symptom import Symptom

ERROR = re.compile(
    r"(?:^|[\s\[({'\"])(?:\[cause\]: )?((?:\w{0,40})Error)(?: \[(E[A-Z_]{3,20})\])?: "
    r"(?=(?:connect|read|write|send|getaddrinfo) E|socket hang up"
    r"|fetch failed|Connect Timeout Error|AggregateError|timeout of)"
)
AGGREGATE = re.compile(r"\bAggregateError \[(E[A-Z_]{3,20})\]")
SYSCALL = re.compile(rf"\b(connect|read|write|send) (E[A-Z]{{4,14}})(?: (?P<host>{words.HOST}):(?P<port>\d{{1,5}}))?")
LOOKUP = re.compile(rf"\bgetaddrinfo (ENOTFOUND|EAI_[A-Z]{{3,10}})(?: (?P<host>{words.HOST}))?")
UNDICI = {
    "UND_ERR_CONNECT_TIMEOUT": (Outcome.TIMED_OUT, Stage.CONNECT),
    "UND_ERR_HEADERS_TIMEOUT": (Outcome.TIMED_OUT, Stage.RECEIVE),
    "UND_ERR_BODY_TIMEOUT": (Outcome.TIMED_OUT, Stage.RECEIVE),
    "UND_ERR_SOCKET": (Outcome.CLOSED, Stage.RECEIVE),
}
GATE = re2.compile(r"Error: |AggregateError \[|UND_ERR_")
UNDICI_CODE = re.compile("|".join(UNDICI))
CODE = re.compile(r"^\s*(?:\[?code\]?|errno): '(E[A-Z_]{4,16})'")
FIELD = re.compile(r"^\s*(address|host|hostname|port): '?([^\s',]{1,255})'?,?$")
STAGES = {"connect": Stage.CONNECT, "read": Stage.RECEIVE, "write": Stage.SEND, "send": Stage.SEND}
MOST_LINES = 400  # of one error's dump


def recognise(line: Line) -> Episode | None:
    """Begin an error of Node.js, undici or axios."""
    if not GATE.search(line.text):
        return None
    if ERROR.search(line.text) or AGGREGATE.search(line.text) or UNDICI_CODE.search(line.text):
        return _Node(line)
    return None


class _Node:
    """An error of Node.js, as far as it was read."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.read = 0
        self.said = line.text
        self.code: str | None = None
        self.outcome: Outcome | None = None
        self.stage: Stage | None = None
        self.place = words.Place()
        self.chain: list[tuple[str, str]] = []
        self._read(line)

    def takes(self, line: Line, *, hinted: bool) -> bool:  # noqa: ARG002 - the protocol's
        self.read += 1
        belongs = line.indented or line.text.startswith(("}", "]", "Emitted 'error' event"))
        if not belongs or self.read > MOST_LINES:
            return False
        self._read(line)
        return True

    def _read(self, line: Line) -> None:
        if found := ERROR.search(line.text):
            self.chain.append((found[1], line.text[found.end() :].removesuffix(" {")))
        self._syscall(line.text)
        self._fields(line.text)

    def _syscall(self, text: str) -> None:
        if found := SYSCALL.search(text):
            self.code = found[2]
            self.stage = STAGES[found[1]]
            if found["host"]:
                self.place = words.place(found["host"], found["port"])
        elif found := LOOKUP.search(text):
            self.said = text
            self.outcome, self.stage = Outcome.NAME_ERROR, Stage.RESOLVE
            self.place = words.place(found["host"], None)
        elif found := UNDICI_CODE.search(text):
            self.outcome, self.stage = UNDICI[found[0]]
        elif "socket hang up" in text and self.outcome is None:
            self.outcome = Outcome.CLOSED

    def _fields(self, text: str) -> None:
        if found := (AGGREGATE.search(text) or CODE.match(text)):
            self.code = self.code or found[1]
        elif found := FIELD.match(text):
            host, port = (None, found[2]) if found[1] == "port" else (found[2], None)
            known = words.place(host, port)
            self.place = words.Place(self.place.host or known.host, self.place.port or known.port)

    def symptom(self) -> Symptom | None:
        errno = self.code if self.code in words.NAMES else None
        outcome = words.outcome_of(errno) or self.outcome
        stage = self.stage or words.stage_of(errno)
        if outcome is None and stage is None and not self.chain:
            return None
        return Symptom(
            line=self.line.number,
            quoted=self.line.quoted,
            program="Node.js",
            outcome=outcome,
            stage=stage,
            errno=errno,
            code=codes.code_of(outcome, self.said),
            chain=tuple(self.chain),
            host=self.place.host,
            port=self.place.port,
        )
