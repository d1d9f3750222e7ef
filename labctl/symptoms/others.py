"""Programs in Go, Java, Rust, PHP, Ruby and .NET, nginx, and whoever prints the kernel's own words.

Frames and further causes that follow an error belong to it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from labctl.model import Outcome, Stage
from labctl.symptoms import codes, words
from labctl.symptoms.episode import Episode, Single
from labctl.symptoms.reading import Line
from labctl.symptoms.rows import Rows, first, row
from labctl.symptoms.symptom import Symptom

REFUSED, TIMED_OUT, CLOSED, RESET = Outcome.REFUSED, Outcome.TIMED_OUT, Outcome.CLOSED, Outcome.RESET
NO_NAME, NO_TLS, UNREACHABLE = Outcome.NAME_ERROR, Outcome.TLS_ERROR, Outcome.UNREACHABLE
RESOLVE, CONNECT, RECEIVE = Stage.RESOLVE, Stage.CONNECT, Stage.RECEIVE
HANDSHAKE, SEND = Stage.HANDSHAKE, Stage.SEND
NOT_READY, PROTOCOL = Outcome.PROTOCOL_ERROR, Stage.PROTOCOL

GO = Rows(
    row(
        r"\blookup (?P<host>HOST)(?: on \S{1,64})?: (?:no such host|server misbehaving|read udp|dial udp|i/o timeout)",
        "Go",
        NO_NAME,
        RESOLVE,
        own=True,
    ),
    row(
        r"\bdial (?:tcp|udp)[46]? (?:\S{1,64}->)?(?P<host>HOST):(?P<port>\d{1,5}): i/o timeout",
        "Go",
        TIMED_OUT,
        CONNECT,
    ),
    row(r"\bdial (?:tcp|udp)[46]? (?:\S{1,64}->)?(?P<host>HOST):(?P<port>\d{1,5}): ", "Go", None, CONNECT),
    row(r"\bdial unix (?P<host>/[^\s:]{1,255}): ", "Go", None, CONNECT),
    row(r"\bread tcp[46]? \S{1,64}->(?P<host>HOST):(?P<port>\d{1,5}): i/o timeout", "Go", TIMED_OUT, RECEIVE),
    row(r"\bread tcp[46]? \S{1,64}->(?P<host>HOST):(?P<port>\d{1,5}): ", "Go", None, RECEIVE),
    row(r"\bwrite tcp[46]? \S{1,64}->(?P<host>HOST):(?P<port>\d{1,5}): i/o timeout", "Go", TIMED_OUT, SEND),
    row(r"\bwrite tcp[46]? \S{1,64}->(?P<host>HOST):(?P<port>\d{1,5}): ", "Go", None, SEND),
    row(r"net/http: TLS handshake timeout", "Go", TIMED_OUT, HANDSHAKE),
    row(r"http: server closed idle connection", "Go", CLOSED, RECEIVE),
    row(r"(?:context deadline exceeded|request canceled.{0,60}) \(Client\.Timeout ", "Go", TIMED_OUT),
    row(r"\b(?:Get|Post|Put|Head|Delete) \"[a-z]{2,5}://[^\"]{1,1000}\": (?:unexpected )?EOF\b", "Go", CLOSED, RECEIVE),
    row(
        r"\b(?:Get|Post|Put|Head|Delete) \"[a-z]{2,5}://[^\"]{1,1000}\": (?:tls: |x509: |remote error: tls)",
        "Go",
        NO_TLS,
        HANDSHAKE,
    ),
)
JAVA = Rows(
    row(r"\bjava\.net\.UnknownHostException: (?P<host>HOST)", "Java", NO_NAME, RESOLVE),
    row(r"\bjava\.net\.SocketTimeoutException: (?i:connect(?:ion)? timed out)", "Java", TIMED_OUT, CONNECT, own=True),
    row(r"\bjava\.net\.SocketTimeoutException: Read timed out", "Java", TIMED_OUT, RECEIVE, own=True),
    row(r"\bConnectTimeoutException: ", "Java", TIMED_OUT, CONNECT, own=True),  # Netty's, and Apache HttpClient's
    row(r"\bjava\.net\.http\.HttpConnectTimeoutException", "Java", TIMED_OUT, CONNECT, own=True),
    row(r"\bjava\.net\.http\.HttpTimeoutException", "Java", TIMED_OUT, own=True),
    row(r"\bjava\.net\.NoRouteToHostException", "Java", UNREACHABLE, CONNECT),
    row(r"\bjava\.net\.ConnectException(?::|$)", "Java", None, CONNECT),
    row(r"\bHttpHostConnectException: Connect to (?P<host>HOST):(?P<port>\d{1,5})", "Java", None, CONNECT),
    row(r"\bjava\.net\.SocketException: Connection reset", "Java", RESET),
    row(r"\bjava\.net\.SocketException: Unexpected end of file from server", "Java", CLOSED, RECEIVE),
    row(r"\bjava\.net\.SocketException: ", "Java"),
    row(r"\bjavax\.net\.ssl\.SSL\w{0,40}Exception", "Java", NO_TLS, HANDSHAKE),
    row(r"\bPSQLException: Connection to (?P<host>HOST):(?P<port>\d{1,5}) refused\.", "Java", REFUSED, CONNECT),
    row(r"\bNoHttpResponseException: (?P<host>HOST):(?P<port>\d{1,5}) failed to respond", "Java", CLOSED, RECEIVE),
    row(r"\bNoHttpResponseException: The target server failed to respond", "Java", CLOSED, RECEIVE),
    row(r"\bjava\.io\.IOException: HTTP/1\.1 header parser received no bytes", "Java", CLOSED, RECEIVE),
    row(r"\bjava\.io\.IOException: Server returned HTTP response code: 50[234] ", "Java", NOT_READY, PROTOCOL),
)
REST = Rows(
    row(
        r"error sending request for url \([^)]{1,1000}\): (?:error trying to connect: )?operation timed out",
        "Rust",
        TIMED_OUT,
        own=True,
    ),
    row(r"\breqwest::Error \{.{1,1000}\bTimedOut\b(?!, message)", "Rust", TIMED_OUT, own=True),
    row(r"dns error: failed to lookup address information", "Rust", NO_NAME, RESOLVE),
    row(r"(?:tcp connect error: |ConnectError\(\"tcp connect error\")", "Rust", None, CONNECT),
    row(r"\bOs \{ code: \d{1,5}, kind: \w{1,60}, message: \"|\(os error \d{1,5}\)", "Rust"),
    row(r"connection closed before message completed", "Rust", CLOSED, RECEIVE),
    row(r"\bno live upstreams while connecting to upstream", "nginx", NOT_READY, PROTOCOL),
    row(r"while connecting to upstream", "nginx", None, CONNECT),
    row(r"\bupstream prematurely closed connection while reading", "nginx", CLOSED, RECEIVE),
    row(r"\bhost not found in upstream \"(?P<host>HOST)", "nginx", NO_NAME, RESOLVE),
    row(r"\b(?P<host>HOST) could not be resolved \(\d{1,2}: ", "nginx", NO_NAME, RESOLVE),
    row(r"\bUnable to connect to tcp://(?P<host>HOST):(?P<port>\d{1,5})", "PHP", None, CONNECT),
    row(r"SQLSTATE\[HY000\] \[2002\] ", "PHP", None, CONNECT),
    row(r"\bNet::OpenTimeout", "Ruby", TIMED_OUT, CONNECT, own=True),
    row(r"\bNet::ReadTimeout", "Ruby", TIMED_OUT, RECEIVE, own=True),
    row(r" - connect\(2\) for \"?(?P<host>HOST)\"? port (?P<port>\d{1,5})|\bErrno::E[A-Z]{4,12}\b", "Ruby"),
    row(r"The connection to the server (?P<host>HOST)(?::(?P<port>\d{1,5}))? was refused", "kubectl", REFUSED, CONNECT),
    row(r"\bdelayed connect error: 111\b", "Envoy", REFUSED, CONNECT),
    row(r"\bdelayed connect error: 113\b", "Envoy", UNREACHABLE, CONNECT),
    row(r"\bSystem\.Net\.\S{1,100}Exception(?: \(\d{1,9}(?:, 0x[0-9A-Fa-f]{8})?\))?: ", ".NET"),
)
NGINX = re.compile(r"upstream: \"[a-z]{2,10}://(?P<host>HOST)(?::(?P<port>\d{1,5}))?".replace("HOST", words.HOST))
NGINX_AT = re.compile(r"\((\d{1,5}): ([^()]{1,80})\) while (connecting|reading|sending)\b")
NGINX_STAGES = {"connecting": CONNECT, "reading": RECEIVE, "sending": SEND}
DOTNET_PLACE = re.compile(r"\((?P<host>HOST):(?P<port>\d{1,5})\)".replace("HOST", words.HOST))
FOLLOWING = re.compile(r"^\s*(?:at |\.\.\. \d|---> |--- End of|Caused by: |Suppressed: )")
JAVA_TYPE = re.compile(
    r"(?<![\w.])((?:javax?|jdk|sun|org|com|io|net|de|kotlinx?|okhttp3|reactor|feign)\.(?:[a-z_]\w{0,60}\.){0,10}"
    r"[A-Z][\w$]{0,100}(?:Exception|Error))(?:: (.*)|$)"
)
MOST_CAUSES = 20
CONNECTING = re.compile(
    r"(?i)\bconnect(?:ing|ion)?\b(?! refused| timed out| reset)|\bsocket\b|\bsend(?:ing)?\b|\bupstream\b|\btcp\b"
    r"|\bpeer\b"
)
LISTENING = re.compile(r"(?i)\bbind|\blisten")
STAGED = (
    (re.compile(r"(?i)\bconnect(?:ing|ion)? (?:to|failed)\b|\bconnect(?:\(\)|:)|\bconnecting\b"), CONNECT),
    (re.compile(r"(?i)\b(?:read|recv)(?:\(\)|:| failed| error| failure| )"), RECEIVE),
    (re.compile(r"(?i)\b(?:write|send)(?:\(\)|:| failed| error| failure| )"), SEND),
)


def recognise(line: Line) -> Episode | None:
    """Begin an error of one of these programs."""
    if " while " in line.text and (nginx := NGINX_AT.search(line.text)):
        return Single(_nginx(line, nginx))
    if "." in line.text and JAVA_TYPE.search(line.text):
        return _Java(line)
    if go := first(GO, line):
        return go
    rest = first(REST, line)
    said = rest.symptom() if rest else None
    if said is None:
        return None
    if said.program == ".NET":
        placed = DOTNET_PLACE.search(line.text)
        place = words.place(placed["host"], placed["port"]) if placed else words.Place()
        return _DotNet(replace(said, host=place.host, port=place.port))
    return rest


def recognise_wording(line: Line) -> Episode | None:
    """Begin an error of whatever program prints strerror(3), gai_strerror(3) or an errno's name."""
    errno = words.errno_in(line.text)
    place = words.place_in(line.text)
    told = Symptom(line.number, line.quoted, "the kernel's wording", host=place.host, port=place.port)
    if errno is None:
        name_error = replace(told, program="the resolver's wording", outcome=NO_NAME, stage=RESOLVE)
        name_error = replace(name_error, code=codes.code_of(NO_NAME, line.text))
        return Single(name_error) if words.no_name(line.text) else None
    if errno in words.OTHERS_TOO and (LISTENING.search(line.text) or not CONNECTING.search(line.text)):
        return None
    stage = next((stage for pattern, stage in STAGED if pattern.search(line.text)), None)
    seconds = words.seconds_in(line.text)
    stage = words.stage_of(errno) or stage
    return Single(replace(told, errno=errno, outcome=words.outcome_of(errno), stage=stage, seconds=seconds))


def _nginx(line: Line, found: re.Match[str]) -> Symptom | None:
    errno = words.errno_in(found[2]) or words.errno_of(int(found[1]))
    if errno is None:
        return None
    upstream = NGINX.search(line.text)
    place = words.place(upstream["host"], upstream["port"]) if upstream else words.Place()
    return Symptom(
        line=line.number,
        quoted=line.quoted,
        program="nginx",
        outcome=words.outcome_of(errno),
        stage=NGINX_STAGES[found[3]],
        errno=errno,
        host=place.host,
        port=place.port,
    )


class _Java:
    """An exception in Java, with its frames and the causes that it names."""

    def __init__(self, line: Line) -> None:
        self.lines = [line]

    def takes(self, line: Line, *, hinted: bool) -> bool:  # noqa: ARG002 - the protocol's
        if not FOLLOWING.match(line.text):
            return False
        if JAVA_TYPE.search(line.text) and "Caused by: " in line.text and len(self.lines) < MOST_CAUSES:
            self.lines.append(line)
        return True

    def symptom(self) -> Symptom | None:
        told = [said for line in self.lines if (found := first(JAVA, line)) and (said := found.symptom())]
        if not told:
            return self._general()
        said = next((one for one in reversed(told) if one.outcome), told[-1])
        types = [named for line in self.lines if (named := JAVA_TYPE.search(line.text))]
        chain = tuple((named[1], named[2] or "") for named in types)
        placed = next((one for one in told if one.port or one.host), said)
        outermost = self.lines[0]
        return replace(
            said, line=outermost.number, quoted=outermost.quoted, chain=chain, host=placed.host, port=placed.port
        )

    def _general(self) -> Symptom | None:
        wording = recognise_wording(self.lines[0])
        said = wording.symptom() if wording else None
        return said and replace(said, program="Java")


class _DotNet(Single):
    """An exception in .NET, with the inner ones and the frames that follow."""

    def takes(self, line: Line, *, hinted: bool) -> bool:  # noqa: ARG002 - the protocol's
        """Take frames and inner exceptions."""
        return FOLLOWING.match(line.text) is not None
