"""What command-line clients print, as it was seen, and what it means."""

from __future__ import annotations

import pytest

from labctl.clients import Target, curl, nc, telnet

NC = "nc: connect to server (198.19.0.2) port 80 (tcp)"
TRYING = "Trying 198.19.0.2...\n"
TELNET = "telnet: Unable to connect to remote host:"
CONNECTED = TRYING + "Connected to server.\nEscape character is '^]'.\n"
GONE = "Connection closed by foreign host.\n"

# exit code, standard output, standard error, then the outcome, the stage and the errno
NC_PRINTS = [
    (0, "", "Connection to server (198.19.0.2) 80 port [tcp/http] succeeded!\n", "ok", None, None),
    (1, "", f"{NC} failed: Connection refused\n", "refused", "connect", 111),
    (1, "", f"{NC} timed out: Operation now in progress\n", "timed-out", "connect", None),
    (1, "", f"{NC} failed: Connection timed out\n", "timed-out", "connect", 110),
    (1, "", f"{NC} failed: No route to host\n", "unreachable", "connect", 113),
    (1, "", f"{NC} failed: Permission denied\n", "denied", "connect", 13),
    (1, "", f"{NC} failed: Invalid argument\n", "unreachable", "connect", 22),
    (1, "", f"{NC} failed: Protocol not available\n", "protocol-error", "connect", None),
    (1, "", 'nc: getaddrinfo for host "nowhere" port 80: Name or service not known\n', "name-error", "resolve", None),
    (124, "", "", "timed-out", None, None),
]
TELNET_PRINTS = [
    (0, CONNECTED, GONE, "ok", None, None),
    (1, CONNECTED, GONE, "ok", None, None),
    (1, TRYING, f"{TELNET} Connection refused\n", "refused", "connect", 111),
    (1, TRYING, f"{TELNET} Connection timed out\n", "timed-out", "connect", 110),
    (1, TRYING, f"{TELNET} Network is unreachable\n", "unreachable", "connect", 101),
    (1, "Server lookup failure:  nowhere:80, Name or service not known\n", "", "name-error", "resolve", None),
    (124, "", "", "timed-out", None, None),
]
CURL_PRINTS = [
    (0, "connected after 0.001 s\n", "", "ok", None, None),
    (
        7,
        "",
        "* connect to 198.19.0.2 port 80 failed: Connection refused\ncurl: (7) Failed\n",
        "refused",
        "connect",
        111,
    ),
    (7, "", "* connect to 198.19.0.2 port 80 failed: No route to host\n", "unreachable", "connect", 113),
    (28, "", "* connect to 198.19.0.2 port 80 failed: Connection timed out\n", "timed-out", "connect", 110),
    (28, "", "curl: (28) Connection timed out after 1001 milliseconds\n", "timed-out", "connect", None),
    (28, "connected after 0.000000 s\n", "curl: (28) Timeout was reached\n", "timed-out", "connect", None),
    (28, "connected after 0.000412 s\n", "curl: (28) Operation timed out\n", "timed-out", "receive", None),
    (28, "connected after 0.1 s\nshook hands after 0.000000 s\n", "", "timed-out", "handshake", None),
    (28, "connected after 0.1 s\nshook hands after 0.2 s\n", "", "timed-out", "receive", None),
    (35, "", "curl: (35) error:0A00010B:SSL routines::wrong version number\n", "tls-error", "handshake", None),
    (35, "", "curl: (35) Recv failure: Connection reset by peer\n", "reset", "handshake", 104),
    (60, "", "curl: (60) SSL certificate problem: certificate has expired\n", "tls-error", "handshake", None),
    (56, "", "* Recv failure: Connection reset by peer\n", "reset", "receive", 104),
    (18, "", "curl: (18) transfer closed with 6 bytes remaining to read\n", "closed", "receive", None),
    (99, "", "curl: (99) whatever\n", "protocol-error", None, None),
]


@pytest.mark.parametrize(("code", "stdout", "stderr", "outcome", "stage", "number"), NC_PRINTS)
def test_nc(code: int, stdout: str, stderr: str, outcome: str, stage: str | None, number: int | None) -> None:
    told = nc.read(code, stdout, stderr)
    assert (told["outcome"], told["stage"], told["number"]) == (outcome, stage, number)


@pytest.mark.parametrize(("code", "stdout", "stderr", "outcome", "stage", "number"), TELNET_PRINTS)
def test_telnet(code: int, stdout: str, stderr: str, outcome: str, stage: str | None, number: int | None) -> None:
    told = telnet.read(code, stdout, stderr)
    assert (told["outcome"], told["stage"], told["number"]) == (outcome, stage, number)


@pytest.mark.parametrize(("code", "stdout", "stderr", "outcome", "stage", "number"), CURL_PRINTS)
def test_curl(code: int, stdout: str, stderr: str, outcome: str, stage: str | None, number: int | None) -> None:
    told = curl.read(code, stdout, stderr)
    assert (told["outcome"], told["stage"], told["number"]) == (outcome, stage, number)


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        (2.0, ["nc", "-zv", "-w", "2", "server", "80"]),
        (1.9, ["timeout", "1.9", "nc", "-zv", "-w", "3", "server", "80"]),
        (0.25, ["timeout", "0.25", "nc", "-zv", "-w", "2", "server", "80"]),
    ],
)
def test_nc_keeps_a_time_that_is_no_whole_second(seconds: float, line: list[str]) -> None:
    assert nc.command(Target.parse("http://server/"), seconds) == line


def test_a_target_s_query_is_asked_for_too() -> None:
    assert Target.parse("http://server/slow?for=3s").path == "/slow?for=3s"


def test_curl_asks_an_engine_at_its_socket_and_by_the_version_that_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target.parse("unix:///run/x.sock")
    assert curl.command(target, 2.0)[-3:] == ["--unix-socket", "/run/x.sock", "http://localhost/version"]
    monkeypatch.setenv("DOCKER_API_VERSION", "1.41")
    assert curl.command(target, 2.0)[-1] == "http://localhost/v1.41/version"


def test_curl_tells_that_there_is_no_socket_and_what_an_engine_said() -> None:
    stderr = "*   Trying /run/x.sock:0...\n* Immediate connect fail for /run/x.sock: No such file or directory\ncurl: (7) Failed"
    told = curl.read(7, "connected after 0.000000 s\n", stderr)
    assert (told["outcome"], told["stage"], told["number"]) == ("unreachable", "connect", 2)
    told = curl.read(
        22, '{"message":"too new"}\nconnected after 0.000100 s\n', "curl: (22) The requested URL returned error: 400"
    )
    tls = curl.read(
        60, "connected after 0.000100 s\nshook hands after 0.000000 s\n", "curl: (60) SSL certificate problem"
    )
    assert tls["says"] == "curl: (60) SSL certificate problem"
    assert told["says"] == '{"message":"too new"}\ncurl: (22) The requested URL returned error: 400'


@pytest.mark.parametrize("url", ["unix://", "unix://x", "unix:///a/../b", "unix:///a;b", "unix:///a?b"])
def test_what_is_no_path_of_a_socket_is_no_target(url: str) -> None:
    with pytest.raises(ValueError, match="names no socket"):
        Target.parse(url)
