"""Commands that connect, as they word it: curl, wget, nc, telnet, ssh, git, and the clients of databases."""

from __future__ import annotations

import re
from dataclasses import replace

from labctl.clients import curl
from labctl.model import Outcome, Stage
from labctl.symptoms import codes, words
from labctl.symptoms.episode import Episode
from labctl.symptoms.reading import Line
from labctl.symptoms.rows import Row, Rows, first, row, told
from labctl.symptoms.symptom import Symptom

TIMED_OUT, CLOSED, RESET = Outcome.TIMED_OUT, Outcome.CLOSED, Outcome.RESET
NO_NAME, NO_TLS = Outcome.NAME_ERROR, Outcome.TLS_ERROR
DENIED, EXHAUSTED = Outcome.DENIED, Outcome.EXHAUSTED
RESOLVE, CONNECT, RECEIVE = Stage.RESOLVE, Stage.CONNECT, Stage.RECEIVE
HANDSHAKE, SEND = Stage.HANDSHAKE, Stage.SEND

ROWS = Rows(
    row(r"^Connecting to (?P<host>HOST)(?: \(\S{1,255}\))?(?:\|[^|\s]{1,64}\|)?:(?P<port>\d{1,5})\.\.\. ", "wget"),
    row(r"\bwget: unable to resolve host address .(?P<host>[\w.-]{1,255})", "wget", NO_NAME, RESOLVE),
    row(r"\bwget: bad address '(?P<host>[^\s']{1,255})'", "wget", NO_NAME, RESOLVE),
    row(r"\bwget: can't connect to remote host \((?P<host>HOST)\): ", "wget", None, CONNECT),
    row(r"^Read error \(.{1,60}\) in headers\.", "wget", None, RECEIVE),
    row(
        r"\bnc: connect to (?P<host>\S{1,255})(?: \(\S{1,64}\))? port (?P<port>\d{1,5}) \(\w{3}\) timed out: ",
        *("nc", TIMED_OUT, CONNECT),
        client="nc",
        own=True,
    ),
    row(
        r"\bnc: connect to (?P<host>\S{1,255})(?: \(\S{1,64}\))? port (?P<port>\d{1,5}) \(\w{3}\) failed: ",
        *("nc", None, CONNECT),
        client="nc",
    ),
    row(
        r"\bnc: getaddrinfo(?: for host \"(?P<host>[^\"\s]{1,255})\" port (?P<port>\d{1,5}))?: ",
        *("nc", NO_NAME, RESOLVE),
        client="nc",
    ),
    row(r"^Ncat: (?:TIMEOUT|Connection timed out)\.", "ncat", TIMED_OUT, CONNECT),
    row(r"^Ncat: Could not resolve hostname \"(?P<host>[^\"\s]{1,255})\"", "ncat", NO_NAME, RESOLVE),
    row(r"^Ncat: (?=[A-Z][a-z])", "ncat"),
    row(
        r"(?:\(UNKNOWN\)|^\S{1,255}) \[(?P<host>[\d.:a-f]{2,45})\] (?P<port>\d{1,5}) \(\S{1,30}\) : ", "nc.traditional"
    ),
    row(r"\btelnet: Unable to connect to remote host: ", "telnet", None, CONNECT, client="telnet"),
    row(r"\btelnet: connect to address (?P<host>HOST): ", "telnet", None, CONNECT, client="telnet"),
    row(
        r"\btelnet: could not resolve (?P<host>HOST)/(?P<port>\d{0,5})",
        *("telnet", NO_NAME, RESOLVE),
        client="telnet",
    ),
    row(
        r"\btelnet: (?P<host>HOST): .{0,60}(?:lookup failure|[Uu]nknown host|not known|resolution)",
        *("telnet", NO_NAME, RESOLVE),
        client="telnet",
    ),
    row(r"\bssh: connect to host (?P<host>HOST) port (?P<port>\d{1,5}): ", "ssh", None, CONNECT),
    row(r"\bssh: Could not resolve hostname (?P<host>HOST): ", "ssh", NO_NAME, RESOLVE),
    row(r"^kex_exchange_identification: .{0,40}closed by remote host", "ssh", CLOSED, RECEIVE),
    row(r"^kex_exchange_identification: read: ", "ssh", None, RECEIVE),
    row(r"^Connection closed by (?:remote host|(?P<host>HOST) port (?P<port>\d{1,5}))$", "ssh", CLOSED),
    row(r"^Connection reset by (?P<host>HOST) port (?P<port>\d{1,5})$", "ssh", RESET),
    row(r"\bCould not connect to Redis at (?P<host>HOST):(?P<port>\d{1,5}): ", "redis-cli", None, CONNECT),
    row(
        r"Can't connect to (?:MySQL |MariaDB )?server on '(?P<host>HOST)(?::(?P<port>\d{1,5}))?' \(",
        *("mysql", None, CONNECT),
    ),
    row(r"Lost connection to (?:MySQL |MariaDB )?server at '.{1,60}', system error: ", "mysql", None, RECEIVE),
    row(
        r"connection to server at \"(?P<host>[^\"\s]{1,255})\"(?: \(\S{1,64}\))?, port (?P<port>\d{1,5}) "
        r"failed: timeout exp",
        *("psql", TIMED_OUT, CONNECT),
    ),
    row(
        r"connection to server at \"(?P<host>[^\"\s]{1,255})\"(?: \(\S{1,64}\))?, port (?P<port>\d{1,5}) failed: "
        r"(?:server closed the connection|SSL SYSCALL error: EOF)",
        *("psql", CLOSED, RECEIVE),
    ),
    row(
        r"connection to server at \"(?P<host>[^\"\s]{1,255})\"(?: \(\S{1,64}\))?, port (?P<port>\d{1,5}) "
        r"failed: (?!FATAL)",
        *("psql", None, CONNECT),
    ),
    row(r"could not translate host name \"(?P<host>[^\"\s]{1,255})\" to address: ", "psql", NO_NAME, RESOLVE),
    row(r"could not connect to server: ", "psql", None, CONNECT),
    row(r"\bCannot connect to the Docker daemon at unix://(?P<host>/\S{1,255}?)\. Is the ", "docker", None, CONNECT),
    row(
        r"permission denied while trying to connect to the (?:Docker daemon socket|docker API) at ",
        *("docker", DENIED, CONNECT),
    ),
    row(r"failed to connect to the docker API at unix://(?P<host>/[^;\s]{1,255});", "docker", None, CONNECT),
    row(r"\bclient version \d{1,3}\.\d{1,3} is too (?:new|old)\. M", "docker", Outcome.PROTOCOL_ERROR, Stage.PROTOCOL),
    row(r"\bno pg_hba\.conf entry for ", "PostgreSQL", DENIED),
    row(r"\bsorry, too many clients already|\bremaining connection slots are reserved ", "PostgreSQL", EXHAUSTED),
    row(r"\bDENIED Redis is running in protected mode", "Redis", DENIED),
    row(r"\bmax number of clients reached", "Redis", EXHAUSTED),
    row(r"^(?P<host>HOST)\[\d{1,3}: \S{1,64}\]: errno=", "git", None, CONNECT),
    row(
        r"fatal: unable to (?:access|look up) .{1,1000}?(?:Could not resolve host: |look up )(?P<host>HOST)",
        *("git", NO_NAME, RESOLVE),
    ),
    row(
        r"fatal: unable to access '.{1,1000}?': Failed to connect to (?P<host>HOST) port (?P<port>\d{1,5}).{0,60}?"
        r"(?:Timeout was reached|Connection timed out after)",
        *("git", TIMED_OUT, CONNECT),
    ),
    row(
        r"fatal: unable to access '.{1,1000}?': Failed to connect to (?P<host>HOST) port (?P<port>\d{1,5})",
        *("git", None, CONNECT),
    ),
    row(r"fatal: unable to access '.{1,1000}?': Empty reply from server", "git", CLOSED, RECEIVE),
    row(r"fatal: unable to access '.{1,1000}?': Recv failure: ", "git", None, RECEIVE),
)
MYSQL_NUMBER = re.compile(r"(?:\(|system error: )(\d{1,5})\b")
CURL = re.compile(r"(?:curl: \(|cURL error )(\d{1,3})(?:\)|:) (.*)")
VERBOSE = re.compile(
    r"^\* +connect to (?P<host>HOST) port (?P<port>\d{1,5})(?: from \S{1,64} port \d{1,5})? failed: ".replace(
        "HOST", words.HOST
    )
)
TOLD_AS_ELSEWHERE = {
    code: told for code, told in curl.OUTCOMES.items() if code in (6, 18, 22, 28, 52) or told[0] == NO_TLS
}
CURL_CODES = TOLD_AS_ELSEWHERE | {
    5: ("name-error", "resolve"),
    7: (None, "connect"),  # every failed connect(2), the errno of which only -v tells
    55: (None, "send"),
    56: (None, "receive"),
    97: (None, "connect"),  # a proxy's handshake
}
WAITING = 40  # lines, from a line of curl -v to curl's last


def recognise(line: Line) -> Episode | None:
    """Begin an error of one of these commands."""
    if ("curl" in line.text or "cURL" in line.text or line.text[:1] == "*") and (
        CURL.search(line.text) or VERBOSE.match(line.text)
    ):
        return _Curl(line)
    found = first(ROWS, line)
    return _numbered(found, line)


def _numbered(found: Episode | None, line: Line) -> Episode | None:
    """Return what MySQL's client said, which gives the errno as a bare number."""
    said = found.symptom() if found else None
    if found is None or said is None or said.program != "mysql" or said.errno:
        return found
    numbered = MYSQL_NUMBER.search(line.text, line.text.find("server"))
    errno = words.errno_of(int(numbered[1])) if numbered else None
    found.told = replace(said, errno=errno, outcome=words.outcome_of(errno))  # type: ignore[attr-defined]
    return found


class _Curl:
    """What curl says: with -v, each failed address first, and then the error."""

    def __init__(self, line: Line) -> None:
        self.refused: list[Line] = []
        self.error: Line | None = None
        self.waited = 0
        self.takes(line, hinted=True)

    def takes(self, line: Line, *, hinted: bool) -> bool:
        self.waited += 1
        if self.error or self.waited > WAITING:
            return False
        if VERBOSE.match(line.text):
            self.refused = [line]
        elif CURL.search(line.text):
            self.error = line
        elif not line.text.startswith(("* ", "> ", "< ", "{ ", "} ")):
            return not hinted
        return True

    def symptom(self) -> Symptom | None:
        verbose = [found for line in self.refused if (found := _verbose(line))]
        if self.error is None:
            return verbose[-1] if verbose else None
        said = _error(self.error)
        if said is None or not verbose or said.errno:
            return said
        last = verbose[-1]
        return replace(said, errno=last.errno, outcome=said.outcome or last.outcome, host=said.host or last.host)


def _verbose(line: Line) -> Symptom | None:
    found = VERBOSE.match(line.text)
    return found and told(Row(VERBOSE, "curl", None, CONNECT, "curl"), found, line)


def _error(line: Line) -> Symptom | None:
    found = CURL.search(line.text)
    if not found or int(found[1]) not in CURL_CODES:
        return None
    code, said = int(found[1]), found[2].lower()
    name, at = CURL_CODES[code]
    if code == 28:  # noqa: PLR2004 - curl(1)
        connecting = said.startswith(("failed to connect", "connection timed out", "connection timeout"))
        at = "resolve" if said.startswith("resolving") else "connect" if connecting else None
        at = "receive" if "bytes received" in said and " 0 out of 0 " not in said else at
    outcome, stage = Outcome(name) if name else None, Stage(at) if at else None
    client = "curl" if found[0].startswith("curl") else None
    one = told(Row(CURL, "curl" if client else "PHP's curl", outcome, stage, client), found, line)
    if code == 22:  # noqa: PLR2004 - curl(1): whatever the server answered from 400 on
        return one if one and one.code in codes.NOT_READY else None
    if one is None or code not in (5, 6):
        return one
    host = re.search(r"resolve (?:host|proxy)(?: name)?:? '?([\w.-]{1,255})", found[2])
    return replace(one, host=host[1] if host else None, port=None)
