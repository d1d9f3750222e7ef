"""Every client on disk, against a real lab: what it reports is a try, and says what happened."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from labctl.clients import UNIX, names
from labctl.clients._command import ENDED
from labctl.errors import LabError
from labctl.lab.lab import Lab
from labctl.model import Outcome, Stage, Try
from labctl.stack.client_settings import Retry
from labctl.system.waiting import poll
from support import trying, understanding

TIMEOUT = 1.0
RETRY = Retry.model_validate({"every": "100ms", "for": "500ms"})


def attempt(lab: Lab, client: str, target: str, timeout: float = TIMEOUT, **more: Any) -> Try:
    return trying.one(lab, client, target, timeout, **more)


@contextmanager
def firewall(lab: Lab, *rule: str) -> Iterator[None]:
    """Have a rule on what the server's host receives, for as long as the block lasts."""
    assert lab.tool("server", ["iptables", "-w", "-A", "INPUT", *rule], 5).exit_code == 0
    try:
        yield
    finally:
        lab.tool("server", ["iptables", "-w", "-D", "INPUT", *rule], 5)


@pytest.fixture(scope="module")
def known(lab: Lab) -> Mapping[str, Any]:
    """Return what the clients' program says of each client."""
    known: Mapping[str, Any] = lab.clients("client").ready(10)["clients"]
    return known


def test_the_program_knows_every_client_on_disk(known: Mapping[str, Any]) -> None:
    """Apart from those of an engine itself, which run where there may be none."""
    of_engines = {name for name, module in understanding.MODULES.items() if {*module.SCHEMES} == {UNIX}}
    assert sorted(known) == sorted({*names()} - of_engines)


@pytest.mark.parametrize("client", understanding.of("http"))
class TestClient:
    """What holds for each of them."""

    def test_a_server_that_answers_is_ok(self, lab: Lab, client: str, known: Mapping[str, Any]) -> None:
        one = attempt(lab, client, "http://server:8080/")
        assert (one.client, one.outcome, one.errno, one.chain) == (client, Outcome.OK, None, ())
        assert one.version == known[client]["version"]
        assert any(character.isdigit() for character in one.version)
        assert 0 < one.seconds < TIMEOUT

    def test_a_port_that_nobody_listens_on_is_refused(self, lab: Lab, client: str) -> None:
        one = attempt(lab, client, "http://server:9/")
        assert (one.outcome, one.errno, one.errno_number) == (Outcome.REFUSED, "ECONNREFUSED", 111)
        assert one.stage == Stage.CONNECT
        assert one.says
        assert one.details
        assert one.chain or one.exit_code is not None

    def test_a_name_that_does_not_exist_is_a_name_error_and_soon(self, lab: Lab, client: str) -> None:
        one = attempt(lab, client, "http://nowhere:8080/")
        assert (one.outcome, one.stage, one.errno) == (Outcome.NAME_ERROR, Stage.RESOLVE, None)
        assert one.seconds < 0.5

    @pytest.mark.parametrize("timeout", [0.4, TIMEOUT])
    def test_a_host_that_is_silent_times_out_in_its_time(self, lab: Lab, client: str, timeout: float) -> None:
        with firewall(lab, "-p", "tcp", "--dport", "7777", "-j", "DROP"):
            one = attempt(lab, client, "http://server:7777/", timeout=timeout)
        assert one.outcome == Outcome.TIMED_OUT
        assert one.stage == (None if one.exit_code == ENDED else Stage.CONNECT)
        assert timeout * 0.95 <= one.seconds < timeout + 0.3

    def test_a_firewall_that_rejects_is_told_by_its_errno(self, lab: Lab, client: str) -> None:
        with firewall(lab, "-p", "tcp", "--dport", "7777", "-j", "REJECT", "--reject-with", "icmp-host-unreachable"):
            one = attempt(lab, client, "http://server:7777/", timeout=2.0)
        assert (one.outcome, one.stage, one.errno) == (Outcome.UNREACHABLE, Stage.CONNECT, "EHOSTUNREACH"), one.details

    def test_a_client_that_retries_goes_on_for_as_long_as_it_was_told(self, lab: Lab, client: str) -> None:
        one = attempt(lab, client, "http://server:9/", retry=RETRY)
        assert one.outcome == Outcome.REFUSED
        assert 0.4 <= one.seconds < 1.5


def test_all_clients_at_once_do_not_disturb_each_other(lab: Lab) -> None:
    wanted = [(client, port) for client in understanding.of("http") for port in (8080, 9)] * 5
    with ThreadPoolExecutor(16) as pool:
        tries = list(pool.map(lambda one: attempt(lab, one[0], f"http://server:{one[1]}/"), wanted))
    assert len(tries) == len(wanted) > 100
    for (client, port), one in zip(wanted, tries, strict=True):
        assert (one.client, one.outcome) == (client, Outcome.OK if port == 8080 else Outcome.REFUSED)


def test_an_unknown_client_is_refused_and_the_others_go_on(lab: Lab) -> None:
    with pytest.raises(LabError, match="nobody"):
        attempt(lab, "nobody", "http://server:8080/")
    assert attempt(lab, "socket", "tcp://server:8080").outcome == Outcome.OK


def test_connections_are_held_until_they_are_released(lab: Lab) -> None:
    program = lab.pod("client").clients
    assert program is not None
    held = program.ask("hold", 5, count=5, host="server", port=8080, timeout=1)
    assert (len(set(held["ports"])), held["failures"]) == (5, [])
    assert established(lab) == 5
    program.ask("release", 5)
    deadline = time.monotonic() + 2
    while established(lab) and time.monotonic() < deadline:
        pass
    assert established(lab) == 0


def established(lab: Lab) -> int:
    told = lab.tool("client", ["ss", "-tnH", "state", "established", "dport", "=", ":8080"], 5).stdout
    return len(told.splitlines())


def test_no_client_leaves_a_zombie(lab: Lab) -> None:
    """Whoever ended is one for the moment until its parent has waited for it."""
    attempt(lab, "curl", "http://server:9/")
    count = ["sh", "-c", "ps -eo stat= | grep -c Z"]
    poll(lambda: lab.tool("client", count, 5).stdout.strip() == "0", 5, "every child to be waited for")
