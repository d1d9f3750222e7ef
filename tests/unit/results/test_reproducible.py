"""Text and times without what may vary from run to run."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labctl.results.reproducible import text, time_class

NAMES = {
    "address.client": "198.19.3.2",
    "address.server": "198.19.3.3",
    "address.neighbour": "198.19.3.21",
    "unassigned.address": "198.19.3.14",
}


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("nc: connect to server (198.19.3.3) port 8080", "nc: connect to server (${address.server}) port 8080"),
        (
            "curl: (28) Failed to connect to db port 80 after 1001 ms: Timeout was reached",
            "curl: (28) Connection timeout after <time> ms",
        ),
        ("curl: (28) Connection timed out after 1001 milliseconds", "curl: (28) Connection timeout after <time> ms"),
        ("wrong version number (_ssl.c:992)", "wrong version number (_ssl.c:<line>)"),
        ("curl: (35) OpenSSL/3.0.20: error:0A00010B:", "curl: (35) OpenSSL/<version>: error:0A00010B:"),
        ("198.19.3.2 198.19.3.21 198.19.3.2.", "${address.client} ${address.neighbour} ${address.client}."),
        ("http://198.19.3.14:8080/", "http://${unassigned.address}:8080/"),
        ("[Errno 111] Connect call failed ('198.19.3.3', 8080)", None),
        ("198.19.200.7 is of another lab", "<address> is of another lab"),
        ("127.0.0.1, 10.0.0.1 and 1198.19.3.2.1", "127.0.0.1, 10.0.0.1 and 1198.19.3.2.1"),
        ("198.19.3.2.17 and release 5.198.19.3.2", "198.19.3.2.17 and release 5.198.19.3.2"),
    ],
)
def test_an_address_of_the_lab_becomes_its_placeholder(said: str, left: str | None) -> None:
    left = left or said.replace("198.19.3.3", "${address.server}")
    assert text(said, NAMES) == left


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("<HTTPConnection(port=8080) at 0x7f18fe341e90>", "<HTTPConnection(port=8080) at <id>>"),
        ("<object object at 0xa1>", "<object object at <id>>"),
        ("id 0x7f18fe341e90, flags 0x1f", "id <id>, flags 0x1f"),
    ],
)
def test_an_object_s_id_is_replaced_and_a_small_number_is_none(said: str, left: str) -> None:
    assert text(said, NAMES) == left


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("port 8080 after 2002 ms: Timeout was reached", "port 8080 after <time> ms: Timeout was reached"),
        ("Connection timed out after 2001 milliseconds", "Connection timed out after <time> milliseconds"),
        ("done in 0.5 seconds", "done in <time> seconds"),
        ("gave up after 1.234 s", "gave up after <time> s"),
        ("gave up after 12ms.", "gave up after <time>ms."),
        ("took 1e-05 s", "took <time> s"),
        ("timed out. (connect timeout=2.0)", None),
        ("timeout=2s, retries in 3 sections, after 2 tries", None),
    ],
)
def test_an_elapsed_time_is_replaced_and_a_setting_stays(said: str, left: str | None) -> None:
    assert text(said, NAMES) == (left or said)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("from 198.19.3.2:54321 to 198.19.3.3:8080", "from ${address.client}:<port> to ${address.server}:8080"),
        ("laddr=('198.19.3.2', 32768), raddr=('198.19.3.3', 32767)", None),
        ("127.0.0.1:40000", "127.0.0.1:<port>"),
        ("server:40000, number 54321, 127.0.0.1:543210", None),
    ],
)
def test_a_local_port_beside_an_address_is_replaced(said: str, left: str | None) -> None:
    left = left or (
        said.replace("198.19.3.2", "${address.client}")
        .replace("198.19.3.3", "${address.server}")
        .replace("32768", "<port>")
    )
    assert text(said, NAMES) == left


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("killed pid 123", "killed pid <pid>"),
        ('users:(("python",pid=12,fd=3))', 'users:(("python",pid=<pid>,fd=3))'),
        ("sshd[4242]: closed\nsshd[4243]: closed", "sshd[<pid>]: closed\nsshd[<pid>]: closed"),
        ("[Errno 111] of [123], see rapid 5", "[Errno 111] of [123], see rapid 5"),
    ],
)
def test_what_is_clearly_a_process_s_id_is_replaced(said: str, left: str) -> None:
    assert text(said, NAMES) == left


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("cannot open /opt/labctl/site/requests/adapters.py", "cannot open <path>"),
        ("cannot open '/tmp/tmpa1b2/x.sock'.", "cannot open '<path>'."),
        ('  File "/opt/python 3/a.py", line 12, in get', '  File "<path>", in get'),
        ("/bin/sh: 1: /srv/run: not found", "<path>: 1: <path>: not found"),
        ("/strange/place/server.py", "<path>"),
        ("exceeded with url: / (Caused by X)", "exceeded with url: / (Caused by X)"),
        ("exceeded with url: /tmp/x.py (Caused by X)", "exceeded with url: /tmp/x.py (Caused by X)"),
        ("http://server:8080/tmp/x.py?y=/etc/z", "http://server:8080/tmp/x.py?y=/etc/z"),
        ("GET /home/x answered 404", "GET /home/x answered 404"),
        ("HTTP/1.1 and/or /", "HTTP/1.1 and/or /"),
    ],
)
def test_a_file_s_path_is_replaced_and_a_url_s_is_not(said: str, left: str) -> None:
    assert text(said, NAMES) == left


def test_the_same_error_of_two_runs_is_the_same_text() -> None:
    said = (
        "HTTPConnectionPool(host='{0}', port=8080): Max retries exceeded with url: / (Caused by ConnectTimeoutError("
        "<HTTPConnection(host='{0}', port=8080) at {1}>, 'Connection to {0} timed out. (connect timeout=2.0)'))"
    )
    one = text(said.format("198.19.3.3", "0x7f18fe341e90"), {"address.server": "198.19.3.3"})
    assert one == text(said.format("198.19.77.130", "0x7fddcc1b8c90"), {"address.server": "198.19.77.130"})
    assert one == said.format("${address.server}", "<id>")


def test_of_two_names_for_one_address_always_the_same_is_taken() -> None:
    either = [("address.a", "198.19.3.3"), ("address.b", "198.19.3.3")]
    assert text("198.19.3.3", dict(either)) == text("198.19.3.3", dict(reversed(either))) == "${address.a}"


def test_control_characters_are_data_and_stay() -> None:
    assert text("\x1b[31mred\x00\r\n\u202e", NAMES) == "\x1b[31mred\x00\r\n\u202e"


PARTS = r"""
198.19.3.2 198.19.3.21 198.19.9.9 10.0.0.1 198.19. 1 :54321 :8080 (' ',_54321) . , : / < > [ ] ' " = ² é ${ }
${address.server} <address> <path> 0x7f18fe341e90 at_0x1 after_ in_ took_1 _s 2002_ms 0.5_seconds _ pid_123 pid=
sshd[12]:_ /var/x /opt/a.py File_"/x/y",_line_3 http:// url:_/ GET_ /var/198.19.3.2:54321 pid_7.
"""  # a low line is a blank
HOSTILE = st.text() | st.lists(st.sampled_from(["\n", *PARTS.split()])).map(
    lambda parts: "".join(parts).replace("_", " ")
)


@given(HOSTILE)
@example("pid 7.198.19.3.2")
@example("/var/x.198.19.3.2:54321")
def test_what_was_replaced_stays_as_it_is(said: str) -> None:
    once = text(said, NAMES)
    assert text(once, NAMES) == once


@given(HOSTILE, st.dictionaries(st.text(), st.text() | st.sampled_from(list(NAMES.values()))))
def test_any_text_and_any_names_come_to_a_text(said: str, names: dict[str, str]) -> None:
    assert isinstance(text(said, names), str)


@pytest.mark.parametrize(
    "part",
    ["a-", "/a", "/var/", "198.19.", "1", ".", "${", 'File "/', "url:/", "in 1", "a[", "pid ", "0x1", "('1.1.1.1"],
)
def test_a_long_text_takes_no_long_time(part: str) -> None:
    began = time.monotonic()
    text(part * 100_000, NAMES)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("seconds", "named"),
    [(0.0, "at once"), (0.79, "at once"), (0.8, "later"), (1.79, "later"), (1.8, "timed out"), (9.0, "timed out")],
)
def test_a_time_is_named_by_the_part_of_the_timeout_that_it_takes(seconds: float, named: str) -> None:
    assert time_class(seconds, 2.0) == named


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("unix:///tmp/labctl-1/docker.sock: no", "unix://${folder}/docker.sock: no"),
        (
            'Get "http://%2Ftmp%2Flabctl-1%2Fdocker.sock/v1.41/version"',
            'Get "http://${folder}%2Fdocker.sock/v1.41/version"',
        ),
        ("dial unix /tmp/labctl-1/docker.sock: connect", "dial unix ${folder}/docker.sock: connect"),
    ],
)
def test_the_folder_of_a_lab_becomes_its_placeholder(said: str, left: str) -> None:
    assert text(said, {"folder": "/tmp/labctl-1"}) == left  # noqa: S108 - only its name
