"""Clients that ask a second time over the connection that they have: in a lab, with a server that keeps it, or does not."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from labctl import actions
from labctl.errors import AgentRefused
from labctl.lab.lab import Lab
from labctl.lab.program import Program
from labctl.model import Outcome, Stage
from labctl.run.tries import tried
from support import trying, understanding
from support.labs import Deploy

TARGET = "http://server:8080/"
TIMEOUT = 2.0
KEEPS_NONE = {"curl", "nc", "telnet", "urllib"}  # programs that end after one request, and urllib, which closes


@pytest.fixture(scope="module")
def lab(deploy: Deploy) -> Iterator[Lab]:
    """Bring up a server that keeps connections for long."""
    with deploy() as standing:
        server(standing, KEEP_ALIVE="60s")
        yield standing


def server(lab: Lab, **environment: str) -> None:
    """Have the server anew, with these settings."""
    written = {"recreate": "server", "environment": environment, "until": {"listens": "0.0.0.0:8080"}}
    lab.apply(actions.registry["recreate"].model_validate(written))


def program(lab: Lab) -> Program:
    found = lab.pod("client").clients
    assert found is not None
    return found


def able(lab: Lab) -> list[str]:
    known = lab.clients("client").ready(30)["clients"]
    return [name for name, client in known.items() if client["asks_again"]]


def test_all_that_keep_connections_can_ask_again(lab: Lab) -> None:
    assert set(able(lab)) == set(understanding.of("http")) - KEEPS_NONE


def test_they_use_one_connection_for_both(lab: Lab) -> None:
    """The server's kernel takes one connection of each, though its program is asked twice."""
    clients = able(lab)
    before = accepted(lab)
    came = trying.all_of(lab, clients, TARGET, TIMEOUT, again=0.05)
    assert {one.outcome for one in came} == {Outcome.OK}
    assert accepted(lab) - before == len(clients)


def accepted(lab: Lab) -> int:
    shown = lab.tool("server", ["nstat", "-asz", "TcpPassiveOpens"], 5).stdout
    return int(shown.split("TcpPassiveOpens")[1].split()[0])


def test_what_happens_in_between_does_once_all_have_their_first_answer(lab: Lab) -> None:
    answered: list[int] = []

    def between() -> None:
        shown = lab.tool("server", ["ss", "-tinH", "sport", "=", ":8080"], 5).stdout  # its log may be under way yet
        answered.append(shown.count(" bytes_sent:"))

    server(lab, KEEP_ALIVE="60s")
    clients = able(lab)
    came = tried(program(lab), clients, trying.settings(target=TARGET, timeout=TIMEOUT, again=0.2), between)
    assert answered == [len(clients)]
    assert {one.outcome for one in came} == {Outcome.OK}
    assert all(one.seconds < TIMEOUT for one in came), "the pause is not counted"


def test_one_that_fails_at_once_does_not_keep_the_others_waiting(lab: Lab) -> None:
    """Nobody waits where every first request has failed; what they saw is told."""
    began = time.monotonic()
    came = trying.all_of(lab, able(lab), "http://server:9/", TIMEOUT, again=30.0)
    assert {(one.outcome, one.stage) for one in came} == {(Outcome.REFUSED, Stage.CONNECT)}
    assert time.monotonic() - began < 10


def test_a_connection_that_was_closed_meanwhile_is_noticed_by_those_that_look(lab: Lab) -> None:
    server(lab, KEEP_ALIVE="100ms")
    try:
        came = {one.client: one.outcome for one in trying.all_of(lab, able(lab), TARGET, TIMEOUT, again=1.0)}
    finally:
        server(lab, KEEP_ALIVE="60s")
    look = {"aiohttp", "httpx", "requests", "urllib3"}
    assert {name for name, outcome in came.items() if outcome is Outcome.OK} == look
    assert {outcome for name, outcome in came.items() if name not in look} == {Outcome.CLOSED}


def test_nobody_goes_on_who_does_not_wait(lab: Lab) -> None:
    with pytest.raises(AgentRefused):
        program(lab).ask("go on", 5, waits=12345)
    assert trying.one(lab, "socket", TARGET, TIMEOUT).outcome is Outcome.OK
