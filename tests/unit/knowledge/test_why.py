"""From an error to its causes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.knowledge.tree import Fork
from labctl.knowledge.why import Answer, adapted, why
from labctl.model import Outcome, Stage
from labctl.symptoms import symptoms
from support.known import entries
from support.tracebacks import of_files_too, rendered
from support.variants import labctl


def giving(
    outcome: Outcome, stage: Stage | None = None, errno: str | None = None, *, client: str | None = None, says: str = ""
) -> set[str]:
    """Return the scenarios of whose records any has this, of one client or of whichever; those of a network."""
    return {
        entry.name
        for entry in entries()
        if not entry.loaded.stack.bare
        for name, seen in entry.recorded.items()
        if seen.outcome is outcome and stage in (None, seen.stage) and errno in (None, seen.errno)
        if client in (None, name) and says in seen.says
    }


REFUSED = giving(Outcome.REFUSED, Stage.CONNECT, "ECONNREFUSED")
ANYWHERE = REFUSED | {"engine-socket-stale"}  # where a text does not tell whether it was on a network
SILENT = giving(Outcome.TIMED_OUT, Stage.CONNECT)
STUCK = giving(Outcome.TIMED_OUT, Stage.RECEIVE)
UNREACHABLE = giving(Outcome.UNREACHABLE, Stage.CONNECT, "EHOSTUNREACH")
RESET = giving(Outcome.RESET)
CLOSED = giving(Outcome.CLOSED, Stage.RECEIVE)
NO_NAME = giving(Outcome.NAME_ERROR, Stage.RESOLVE)
NO_SUCH_NAME = giving(Outcome.NAME_ERROR, says="Name or service not known")
NO_RESOLVER = giving(Outcome.NAME_ERROR, says="Temporary failure in name resolution")
NOT_READY = giving(Outcome.PROTOCOL_ERROR, Stage.PROTOCOL, says="503")
OF_EACH = {  # that the sets above have what they are about
    "firewall-reject": REFUSED,
    "firewall-drop": SILENT,
    "tiny-backlog": SILENT,
    "stuck-server": STUCK,
    "unassigned-address": UNREACHABLE,
    "tiny-backlog-abort": RESET,
    "reset-mid-body": RESET,
    "closed-early": CLOSED,
    "name-unknown": NO_SUCH_NAME,
    "resolver-down": NO_RESOLVER,
    "open-not-ready": NOT_READY,
}
RECORDED = [
    pytest.param(entry.name, client, id=f"{entry.name}-{client}")
    for entry in entries()
    for client, seen in entry.recorded.items()
    if seen.outcome is not Outcome.OK and seen.says
]
BY_NAME = {entry.name: entry for entry in entries()}


def answers(text: str) -> list[Answer]:
    return [why(one, entries()) for one in symptoms(text)]


def causes(text: str) -> list[str]:
    [answer] = answers(text)
    return [cause.scenario for cause in answer.causes]


@pytest.mark.parametrize(("name", "client"), RECORDED)
def test_the_last_line_of_every_client_leads_to_its_cause(name: str, client: str) -> None:
    """Where the last line could be a file's just as well, the whole traceback does."""
    seen = BY_NAME[name].recorded[client]
    said = seen.says.replace("<time>", "2001")
    chain = [(link.type, link.message, link.link) for link in seen.chain]
    if of_files_too(seen.errno, [kind for kind, _, _ in chain]):
        assert not answers(said)
        said = rendered(client, seen.stage, chain)
    assert any(name in {cause.scenario for cause in answer.causes} for answer in answers(said))


def test_the_sets_of_scenarios_have_what_they_are_about() -> None:
    for name, about in OF_EACH.items():
        assert name in about
    assert NO_NAME == NO_SUCH_NAME | NO_RESOLVER
    apart = (REFUSED, SILENT, STUCK, UNREACHABLE, NO_SUCH_NAME, NO_RESOLVER, NOT_READY)
    assert sum(map(len, apart)) == len(set.union(*apart))


HELD_OUT = [
    # a text, whose causes are exactly these
    ('psycopg.OperationalError: connection failed: connection to server at "10.1.2.3", port 5432 failed: Connection refused', REFUSED - {"redis-loopback"}),
    ("redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.", REFUSED - {"postgres-listen-addresses"}),
    ("Error: connect ECONNREFUSED 10.0.0.7:3000\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)", REFUSED),
    ('2026/11/23 10:00:00 Get "http://api:8080/": dial tcp 10.0.0.7:8080: connect: connection refused', REFUSED),
    ("2026/11/23 10:00:00 dial tcp 10.0.0.7:8080: i/o timeout", SILENT),
    ("2026/11/23 10:00:00 dial tcp 10.0.0.7:8080: connect: connection timed out", SILENT),
    ("dial tcp 10.0.0.7:8080: connect: no route to host", UNREACHABLE),
    ("ssh: connect to host build port 22: Connection refused", REFUSED),
    ("ssh: connect to host build port 22: No route to host", UNREACHABLE),
    ("java.net.ConnectException: Connection refused", ANYWHERE),
    ("java.net.SocketTimeoutException: connect timed out", SILENT),
    ("read tcp 10.0.0.2:51234->10.0.0.7:8080: read: connection reset by peer", RESET),
    ("ECONNRESET", RESET),
    ("curl: (35) Recv failure: Connection reset by peer", giving(Outcome.RESET, client="curl")),
    ("requests.exceptions.ConnectionError: ('Connection aborted.', BrokenPipeError(32, 'Broken pipe'))", giving(Outcome.RESET, client="requests")),
    ("ECONNREFUSED", ANYWHERE),
    ("The connection to the server localhost:8080 was refused - did you specify the right host or port?", REFUSED),
    ("org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname and port are correct", REFUSED),
    ("upstream connect error or disconnect/reset before headers. reset reason: connection failure, transport failure reason: delayed connect error: 111", ANYWHERE),
    ("pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)\")", ANYWHERE),
    ("ERROR 2003 (HY000): Can't connect to MySQL server on '10.0.0.3' (110)", SILENT),
    ("io.netty.channel.ConnectTimeoutException: connection timed out: /10.0.0.2:8080", SILENT),
    ("recv() failed (104: Connection reset by peer) while reading response header from upstream", RESET),
    ("AxiosError: connect EHOSTUNREACH 10.0.0.9:80", UNREACHABLE),
    ("111", ANYWHERE),
    ("Error: getaddrinfo ENOTFOUND db", NO_SUCH_NAME),
    ("Error: getaddrinfo EAI_AGAIN db", NO_RESOLVER),
    ("dial tcp: lookup db on 127.0.0.11:53: no such host", NO_SUCH_NAME),
    ("dial tcp: lookup db on 127.0.0.11:53: server misbehaving", NO_RESOLVER),
    ("java.net.UnknownHostException: db", NO_NAME),
    ("java.net.UnknownHostException: db: Temporary failure in name resolution", NO_RESOLVER),
    ("ssh: Could not resolve hostname db: Name or service not known", NO_SUCH_NAME),
    ("curl: (6) Could not resolve host: db", NO_NAME),
    ("socket.gaierror: [Errno -2] Name or service not known", NO_SUCH_NAME),
    ("api could not be resolved (3: Host not found)", NO_NAME),
    ('Get "http://api:8080/": EOF', CLOSED),
    ("java.net.SocketException: Unexpected end of file from server", CLOSED),
    ("org.apache.http.NoHttpResponseException: api:8080 failed to respond", CLOSED),
    ("Error: socket hang up", CLOSED),
    ("upstream prematurely closed connection while reading response header from upstream", CLOSED),
    ("curl: (52) Empty reply from server", giving(Outcome.CLOSED, client="curl")),
    ("curl: (18) transfer closed with 50000 bytes remaining to read", giving(Outcome.CLOSED, client="curl")),
    ("http.client.RemoteDisconnected: Remote end closed connection without response", CLOSED),
    ("java.net.SocketTimeoutException: Read timed out", STUCK),
    ("redis.exceptions.TimeoutError: Timeout reading from cache:6379", STUCK),
    ("503 Service Temporarily Unavailable", NOT_READY),
    ("AxiosError: Request failed with status code 503", NOT_READY),
    ("curl: (22) The requested URL returned error: 503", NOT_READY),
    ("503 Server Error: Service Unavailable for url: http://api:8080/", NOT_READY),
    ("dial tcp 10.0.0.7:8080: connect: invalid argument", giving(Outcome.UNREACHABLE, errno="EINVAL")),
    ("dial tcp 10.0.0.7:8080: connect: permission denied", giving(Outcome.DENIED, errno="EACCES")),
    ("dial tcp 10.0.0.7:8080: connect: cannot assign requested address", giving(Outcome.EXHAUSTED, errno="EADDRNOTAVAIL")),
    ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?", {"engine-not-running", "engine-socket-stale"}),
    ('Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.24/version": dial unix /var/run/docker.sock: connect: permission denied', {"engine-socket-denied"}),
    ("failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory", {"engine-not-running"}),
    ("dial unix /run/user/1000/docker.sock: connect: connection refused", {"engine-socket-stale"}),
    ("docker.errors.DockerException: Error while fetching server API version: ('Connection aborted.', PermissionError(13, 'Permission denied'))", {"engine-socket-denied"}),
    ("Error response from daemon: client version 1.24 is too old. Minimum supported API version is 1.44, please upgrade your client to a newer version", {"engine-drops-old-api"}),
    ("Error response from daemon: client version 1.53 is too new. Maximum supported API version is 1.43", {"engine-too-old"}),
    ("dial tcp 10.0.0.7:8080: socket: too many open files", giving(Outcome.EXHAUSTED, errno="EMFILE")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), HELD_OUT, ids=lambda one: one[:40] if isinstance(one, str) else "")
def test_other_programs_wordings_lead_to_all_causes_that_were_measured_and_no_others(
    text: str, expected: set[str]
) -> None:
    assert set(causes(text)) == expected


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("curl: (7) Failed to connect to db port 5432 after 3071 ms: No route to host", "host-down"),
        ("curl: (7) Failed to connect to db port 5432 after 3 ms: No route to host", "firewall-admin-prohibited"),
        ("requests.exceptions.ConnectTimeout: HTTPConnectionPool(host='db', port=80): Max retries exceeded with url: / (Caused by ConnectTimeoutError(<HTTPConnection(host='db', port=80) at 0x7f>, 'Connection to db timed out. (connect timeout=3)'))", "firewall-drop"),
        ("TimeoutError: [Errno 110] Connect call failed ('10.0.0.7', 8080)", "tiny-backlog"),
        ("curl: (56) Recv failure: Connection reset by peer", "loopback-bind-published"),
    ],
)  # fmt: skip
def test_the_cause_comes_first_where_the_text_tells_it(text: str, first: str) -> None:
    assert causes(text)[0] == first


def test_every_other_scenario_is_excluded_with_what_it_would_show() -> None:
    [answer] = answers("curl: (7) Failed to connect to db port 5432 after 2 ms: Connection refused")
    assert answer.own
    assert {cause.scenario for cause in answer.causes} | {one.scenario for one in answer.excluded} == {
        name for name, entry in BY_NAME.items() if "curl" in entry.recorded and not entry.loaded.stack.bare
    }
    [drop] = [one.why for one in answer.excluded if one.scenario == "firewall-drop"]
    assert drop == "there curl would show timed-out at connect"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("curl: (28) Resolving timed out after 5000 milliseconds", 1),
        ("dial tcp 10.0.0.7:8080: connect: no buffer space available", 0),
        ("java.net.SocketException: Network is unreachable", 1),
    ],
)
def test_what_no_scenario_gives_has_no_cause_and_no_guess(text: str, read: int) -> None:
    assert [(answer.causes, answer.next) for answer in answers(text)] == [((), ())] * read


def test_each_next_command_separates_the_causes_by_what_the_runs_recorded() -> None:
    for text in ("ECONNREFUSED", "EHOSTUNREACH", "dial tcp 10.0.0.7:8080: i/o timeout"):
        [answer] = answers(text)
        assert isinstance(answer.next, Fork)
        shown = {
            cause.scenario: BY_NAME[cause.scenario].shown.answers.get(answer.next.question) for cause in answer.causes
        }
        assert {True, False} == set(map(bool, shown.values()))


def test_a_question_is_asked_of_the_target_of_the_error() -> None:
    [symptom] = symptoms("curl: (7) Failed to connect to db port 5432 after 2 ms: Connection refused")
    assert (
        adapted("on client: nc -zv ${client.target.host} ${client.target.port}", symptom) == "on client: nc -zv db 5432"
    )
    asked = adapted(r"on server: ss -ltn   # shows 127\.0\.0\.1:8080", symptom)
    assert asked == r"on server: ss -ltn   # shows 127\.0\.0\.1:SERVER_PORT"


def test_a_text_is_taken_as_an_argument_a_file_or_from_a_pipe(tmp_path: Path) -> None:
    text = "ssh: connect to host build port 22: Connection refused"
    (tmp_path / "log").write_text(text)
    piped = subprocess.run(
        [sys.executable, "-m", "labctl", "why"], input=text, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert labctl(tmp_path, "why", text).stdout == labctl(tmp_path, "why", "log").stdout == piped.stdout
    assert "line 1: ssh, refused at connect, ECONNREFUSED, to build:22" in piped.stdout
    assert "on server: iptables -S INPUT   # shows --dport SERVER_PORT -j REJECT" in piped.stdout
    assert piped.returncode == 0


def test_the_name_of_a_file_that_is_not_there_is_no_text(tmp_path: Path) -> None:
    for name in ("./app.log", "/var/log/no/such.log", "logs/app.log"):
        done = labctl(tmp_path, "why", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"there is no file {name}" in done.stderr


def test_a_text_without_an_error_says_so_and_is_not_found(tmp_path: Path) -> None:
    done = labctl(tmp_path, "why", "all is well")
    assert done.stdout.startswith("No error of a connection is in this text.")
    assert (done.returncode, done.stderr) == (1, "")


def test_what_nobody_measured_is_said_to_be_so(tmp_path: Path) -> None:
    done = labctl(tmp_path, "why", "curl: (28) Resolving timed out after 5000 milliseconds")
    assert "No scenario shows this error" in done.stdout
    assert done.returncode == 1


def test_json_has_everything_and_nothing_else(tmp_path: Path) -> None:
    done = labctl(tmp_path, "why", "--json", "ECONNREFUSED")
    [answer] = json.loads(done.stdout)
    assert {cause["scenario"] for cause in answer["causes"]} == ANYWHERE
    assert answer["symptom"]["errno"] == "ECONNREFUSED"
    assert {"question", "holds", "fails"} == answer["next"].keys()


def test_several_errors_are_told_in_turn_three_unless_all_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("".join(f"ssh: connect to host h{n} port 22: Connection refused\n" for n in range(5)))
    assert labctl(tmp_path, "why", "log").stdout.count("See it happen") == 3
    assert "2 more kinds of errors in this text" in labctl(tmp_path, "why", "log").stdout
    assert labctl(tmp_path, "why", "--all", "log").stdout.count("See it happen") == 5


def test_nothing_of_a_text_steers_the_terminal(tmp_path: Path) -> None:
    done = labctl(
        tmp_path, "why", "\x1b[31mssh: connect to host \x1b]0;owned\x07build port 22: Connection refused\x1b[0m"
    )
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout
