"""Python: tracebacks, their last lines alone, and what loggers make of an exception.

What an exception means is labctl.clients.outcomes' to say; here it is asked about text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

import re2

from labctl.clients.outcomes import BY_WORDS
from labctl.model import Outcome, Stage
from labctl.symptoms import codes, frames, tracebacks, types, words
from labctl.symptoms.episode import Episode, Single
from labctl.symptoms.reading import Line
from labctl.symptoms.symptom import Symptom
from labctl.symptoms.tracebacks import Chain, Raised

CLASS = re.compile(r"(?:^OS|\.[A-Z]\w{0,100}?)(?:Error|Exception|Timeout|Failure|Refused)$")
TIMEOUTS = ("timed out", "The read operation timed out", "The handshake operation timed out")
CALLED = "Connect call failed ("  # asyncio's words, after the errno
GATE = re2.compile(
    r"Error|Exception|[Tt]imeout|Disconnected|Incomplete|BadStatus|Failure|Refused|gaierror|Errno|ConnectionPool|Cannot"
)
NAMED = re.compile(r"(?<![\w.])([A-Za-z_][\w.]{0,300})(?:: |$)")  # at the end of a traceback, after any prefix
QUOTED = re.compile(r"\b([A-Z]\w{2,60})\(")  # the repr of an exception, within another's message
LOGGED = re.compile(  # a repr by itself
    r"(?<![\w.])((?:[A-Za-z_]\w{0,60}\.){0,6}[A-Z]\w{0,60}(?:Error|Timeout|Disconnected|timeout|gaierror))"
    r"\((?=[\d'\"<)(-])(.*)"
)
MESSAGES = (  # that stand without a type; the client whose wording they are
    (re.compile(r"\[Errno -?\d{1,5}\] Connect call failed \("), "asyncio", "asyncio"),
    (re.compile(r"<urlopen error .{1,300}>"), "urllib", "urllib"),
    (re.compile(r"Cannot connect to host \S{1,255}:\d{1,5} ssl:"), "aiohttp", "aiohttp"),
    (re.compile(r"HTTPS?ConnectionPool\(host='.{1,255}', port=\d{1,5}\): (?:Max|Read)"), None, "urllib3"),
    (re.compile(r"Error -?\d{1,5} (?:while )?connecting to \S{1,255}:\d{1,5}\. "), None, "redis-py"),
)
T = TypeVar("T")
TIMED_OUT = re.compile(r"<urlopen error (?:_ssl\.c:\d{1,5}: )?(?:The \w{1,20} operation )?timed out>")
CLOSED = re.compile(r"(?i)\bclosed (?:the )?connection\b|\bconnection (?:was )?closed\b")
OF_FILE = re.compile(r"\[Errno \d{1,5}\] [^:]{1,80}: b?['\"]")  # a file's error names it, a socket's does not
POOL = re.compile(
    r"(?:connect(?:ing|ion)? to|Timeout reading from) (?:host )?(?P<host>[\w.-]{1,255}):(?P<port>\d{1,5})"
)


def recognise(line: Line) -> Episode | None:
    """Begin a traceback, or one of which only the last line is there; a repr or a known message is an error alone."""
    if chain := tracebacks.chain(line):
        return _Traceback(chain)
    if not GATE.search(line.text):
        return None
    for found in NAMED.finditer(line.text):
        if _known(found[1], line.text[found.end() :], whole=found.start() == 0):
            return _Traceback(tracebacks.lone(line, found[1], line.text[found.end() :].strip()))
    for found in LOGGED.finditer(line.text):
        if types.full(found[1]):
            return Single(_symptom([Raised(type=found[1], message=found[2], line=line)]))
    return next((Single(_said(line, *known)) for known in MESSAGES if known[0].search(line.text)), None)


def _known(name: str, message: str, *, whole: bool) -> bool:
    known = types.full(name)
    if known is None:
        return CLASS.search(name) is not None and (words.errno_in(message) is not None or _worded(message) is not None)
    if known in types.NO_TELLING and not types.client(name):
        return _tells(message.strip()) or (whole and not message) or words.errno_in(message) is not None
    return True


class _Traceback:
    """A chain of tracebacks, as it is read."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain

    def takes(self, line: Line, *, hinted: bool) -> bool:
        return self.chain.takes(line, hinted=hinted)

    def symptom(self) -> Symptom | None:
        return _symptom([raised for raised in self.chain.raised if raised.line is not None])


def _said(line: Line, _: re.Pattern[str], client: str | None, program: str) -> Symptom | None:
    """Return what a message without its exception's type tells."""
    one = Raised(message=line.text, line=line)
    if _answered([one]) is False:
        return None
    errno = _errno(one)
    place = _place([one])
    outcome = words.outcome_of(errno) or _first(map(_outcome, _links(one)))
    return Symptom(
        line=line.number,
        quoted=line.quoted,
        program=program,
        client=client,
        outcome=outcome,
        stage=_first(map(_stage, _links(one))) or words.stage_of(errno) or Stage.CONNECT,
        errno=errno,
        code=codes.code_of(outcome, line.text),
        host=place.host,
        port=place.port,
        seconds=words.seconds_in(line.text),
    )


def _symptom(innermost_first: list[Raised]) -> Symptom | None:
    if not innermost_first:
        return None
    outermost = innermost_first[-1]
    if len(innermost_first) == 1 and not outermost.frames and not outermost.headed:
        told = _lone(outermost.type, outermost.message)
    else:
        told = _judged(innermost_first)
    if told is None or outermost.line is None:
        return None
    return replace(told, line=outermost.line.number, quoted=outermost.line.quoted)


@functools.lru_cache(maxsize=1000)  # since logs repeat themselves
def _lone(name: str, message: str) -> Symptom | None:
    return _judged([Raised(type=name, message=message)])


def _judged(innermost_first: list[Raised]) -> Symptom | None:
    """Return what a chain tells, but not where it stands."""
    if not _is_connection(innermost_first):
        return None
    errno = _first(map(_errno, innermost_first))
    links = [link for raised in innermost_first for link in _links(raised)]
    place = _place(innermost_first)
    client = _client(innermost_first)
    outcome = words.outcome_of(errno) or _first(map(_outcome, links))
    return Symptom(
        line=0,
        quoted="",
        program=client or frames.program(innermost_first),
        client=client,
        outcome=outcome,
        stage=_first(map(_stage, links)) or words.stage_of(errno),
        errno=errno,
        code=_first(codes.code_of(outcome, raised.message) for raised in innermost_first),
        chain=tuple((raised.type, raised.message) for raised in reversed(innermost_first)),
        host=place.host,
        port=place.port,
        seconds=_first(words.seconds_in(raised.message) for raised in innermost_first),
    )


def _is_connection(chain: list[Raised]) -> bool:
    """Tell whether these exceptions are those of a failed connection: one of them can be nothing else."""
    answered = _answered(chain)
    if answered is not None:
        return answered
    staged = any(frames.framed(raised) or types.client(raised.type) or frames.connecting(raised) for raised in chain)
    for raised in chain:
        known = types.full(raised.type)
        errno = _errno(raised)
        if raised.type == "BrokenPipeError" or errno in words.OTHERS_TOO:
            if (staged or "connect" in raised.message.lower()) and not OF_FILE.search(raised.message):
                return True
        elif errno or words.no_name(raised.message) or _worded(raised.message):
            return True
        elif known in types.NO_TELLING:
            if staged or not raised.message or _tells(raised.message):
                return True
        elif known is not None:
            return True
    return False


def _answered(chain: list[Raised]) -> bool | None:
    """Tell whether a server answered with a status that is a failed connection's; None where none answered."""
    answers = [link for raised in chain for link in _links(raised) if types.full(link.type) in types.ANSWERS]
    return any(codes.not_ready(link.message) for link in answers) if answers else None


def _tells(message: str) -> bool:
    """Tell whether a message says that it is a connection's, whose type may be that of something else."""
    return message in TIMEOUTS or CLOSED.search(message) is not None


def _worded(message: str) -> tuple[str | None, str | None] | None:
    """Return what a message's words tell, whatever its type."""
    return next((told for said, told in BY_WORDS.items() if said in message), None)


def _links(raised: Raised) -> Iterator[Raised]:
    """Yield the exceptions whose reprs an exception's message has, the innermost first, and then itself."""
    quoted = [] if types.full(raised.type) in types.QUOTING else QUOTED.findall(raised.message)[:20]
    for name in reversed(quoted):
        if types.full(name):
            yield Raised(type=name, message=raised.message)
    yield raised


def _errno(raised: Raised) -> str | None:
    if types.full(raised.type) in types.QUOTING:
        return None
    errno = words.errno_in(raised.message)
    numbered = words.NUMBER.search(raised.message)
    by_type = types.ERRNO_OF.get(raised.type)
    worded = errno is not None and words.WORDED.search(raised.message.lower())
    return by_type if by_type and numbered and not worded else errno


def _outcome(raised: Raised) -> Outcome | None:
    worded, _ = _worded(raised.message) or (None, None)
    name = worded or types.told(raised.type)[0]
    if name is None and words.no_name(raised.message):
        return Outcome.NAME_ERROR
    if name is None and TIMED_OUT.search(raised.message):
        return Outcome.TIMED_OUT
    return Outcome(name) if name else words.outcome_of(types.ERRNO_OF.get(raised.type))


def _stage(raised: Raised) -> Stage | None:
    _, worded = _worded(raised.message) or (None, None)
    if worded is None and words.no_name(raised.message):
        return Stage.RESOLVE
    stage = worded or types.told(raised.type)[1] or frames.framed(raised)
    if stage is None and CALLED in raised.message:
        return Stage.CONNECT
    return Stage(stage) if stage else None


def _client(innermost_first: list[Raised]) -> str | None:
    for raised in reversed(innermost_first):
        if named := types.client(raised.type):
            return named
    if any(CALLED in raised.message for raised in innermost_first):
        return "asyncio"
    return frames.client(innermost_first)


def _place(innermost_first: list[Raised]) -> words.Place:
    """Return the target, from the first message that has a port, else from one that has a host."""
    messages = [raised.message for raised in reversed(innermost_first)]
    places = [_placed(message) for message in messages]
    with_port = (place for place in places if place.port)
    return next(with_port, None) or next((place for place in places if place.host), words.Place())


def _placed(message: str) -> words.Place:
    found = POOL.search(message)
    return words.place(found["host"], found["port"]) if found else words.place_in(message)


def _first(values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)
