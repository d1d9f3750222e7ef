"""From pasted text to the errors in it: a corpus of texts, and what each must give."""

from __future__ import annotations

import json

import pytest

from labctl.clients import names
from labctl.model import Outcome
from labctl.symptoms import MOST_KINDS, Symptom, symptoms
from support.symptoms_none import NO_ERRORS
from support.symptoms_real import REAL, Told
from support.symptoms_text import WORDED

CORPUS = [(text, told) for _, text, told in REAL] + WORDED
REFUSED = "ConnectionRefusedError: [Errno 111] Connection refused"


def short(one: Symptom) -> Told:
    return (one.program, one.client, one.outcome, one.stage, one.errno, one.host, one.port)


@pytest.mark.parametrize(("text", "told"), CORPUS, ids=[text[:60] for text, _ in CORPUS])
def test_each_text_gives_its_one_error(text: str, told: Told) -> None:
    assert [short(one) for one in symptoms(text)] == [told]


@pytest.mark.parametrize("text", NO_ERRORS)
def test_what_is_no_failed_connection_gives_nothing(text: str) -> None:
    assert symptoms(text) == ()


@pytest.mark.parametrize(("text", "told"), CORPUS, ids=[text[:60] for text, _ in CORPUS])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_the_ends_of_lines_and_a_byte_order_mark_change_nothing(text: str, told: Told, ending: str) -> None:
    assert [short(one) for one in symptoms("\ufeff" + text.replace("\n", ending))] == [told]


@pytest.mark.parametrize(("text", "_"), CORPUS, ids=[text[:60] for text, _ in CORPUS])
def test_a_text_cut_off_at_either_end_of_any_line_names_only_known_clients(text: str, _: Told) -> None:
    lines = text.splitlines(keepends=True)
    assert lines
    for at in range(len(lines)):
        for part in (lines[:at], lines[at:]):
            assert {one.client for one in symptoms("".join(part))} <= {None, *names()}


def test_the_same_error_is_given_once_with_how_often_it_stands_there() -> None:
    text = f"{REFUSED}\nready\n{REFUSED}\nnc: getaddrinfo: Name or service not known\n{REFUSED}\n"
    assert [(one.line, one.program, one.times) for one in symptoms(text)] == [(1, "Python", 3), (4, "nc", 1)]


def test_times_taken_do_not_make_two_errors_of_one() -> None:
    said = "curl: (28) Connection timed out after {} milliseconds\n"
    [one] = symptoms(said.format(2001) + said.format(2003))
    assert (one.times, one.seconds) == (2, 2.001)


def test_targets_make_two_errors() -> None:
    assert len(symptoms("dial tcp 1.2.3.4:1: i/o timeout\ndial tcp 1.2.3.5:1: i/o timeout\n")) == 2


def test_lines_of_other_containers_in_between_do_not_end_a_traceback() -> None:
    text = (
        "web-1  | Traceback (most recent call last):\n"
        'web-1  |   File "/usr/lib/python3.11/socket.py", line 1, in create_connection\n'
        "db-1   | LOG: ready\n"
        "db-1   | dial tcp 10.0.0.1:1: i/o timeout\n"
        f"web-1  | {REFUSED}\n"
    )
    assert [(one.line, one.program, one.client) for one in symptoms(text)] == [(4, "Go", None), (5, "socket", "socket")]


def test_colours_are_no_part_of_the_words() -> None:
    [one] = symptoms("\x1b[31mConnection \x1b[1mrefused\x1b[0m\n")
    assert (one.errno, one.quoted) == ("ECONNREFUSED", "Connection refused")


def test_what_is_quoted_of_a_long_line_is_short_and_has_the_error_in_it() -> None:
    [one] = symptoms("x" * 1_000_000 + " Connection refused " + "y" * 1_000_000)
    assert len(one.quoted) <= 400
    assert "Connection refused" in one.quoted


def test_a_proxys_own_number_is_read_where_wording_is_missing() -> None:
    [one] = symptoms("connect() failed (111: Unknown error) while connecting to upstream")
    assert one.errno == "ECONNREFUSED"


def test_a_traceback_in_a_line_of_json_is_read_as_one() -> None:
    traceback = (
        'Traceback (most recent call last):\n  File "/srv/app.py", line 3, in <module>\n    call()\n'
        "requests.exceptions.ConnectTimeout: HTTPConnectionPool(host='db', port=80): timed out\n"
    )
    [found] = symptoms(f'{{"level": "info"}}\n{json.dumps({"level": "error", "exc_info": traceback})}\n{{}}\n')
    assert (found.line, found.client, found.outcome, found.host) == (2, "requests", Outcome.TIMED_OUT, "db")


def test_reading_ends_where_there_are_more_kinds_of_errors_than_anybody_reads() -> None:
    lines = (f"ssh: connect to host h{number} port 22: Connection refused\n" for number in range(3 * MOST_KINDS))
    assert len(symptoms("".join(lines))) == MOST_KINDS
