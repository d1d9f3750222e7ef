"""Stacks with more than one network: who is on which, who is known there, and that no way leads across."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from labctl import actions
from labctl.engine.labels import SCENARIO, SESSION
from labctl.lab.lab import Lab
from labctl.lab.session import Session
from labctl.model import Outcome
from support import trying
from support.labs import Deploy

actions.discover()
NAME = "name-on-other-network"


@pytest.fixture(scope="module")
def standing(deploy: Deploy) -> Iterator[Lab]:
    with deploy(NAME) as lab:
        yield lab


@pytest.fixture
def apart(standing: Lab) -> Iterator[Lab]:
    """Put the server on the other network for one test."""
    connect(standing, "server", "other")
    yield standing
    connect(standing, "server")
    connect(standing, "client")


def connect(lab: Lab, host: str, network: str | None = None) -> None:
    written: dict[str, Any] = {"connect": host} | ({"network": network} if network else {})
    lab.apply(actions.registry["connect"].model_validate(written))


def come_to(lab: Lab, host: str = "server") -> Outcome:
    return trying.one(lab, "socket", f"http://{host}:8080/", 1).outcome


def address(lab: Lab, host: str) -> str:
    printed = lab.tool(host, ["ip", "-o", "-4", "address", "show", "scope", "global"], 5).stdout
    [line] = printed.splitlines()
    return line.split()[3].partition("/")[0]


def test_who_is_on_another_network_has_no_name_and_no_way(apart: Lab) -> None:
    server = address(apart, "server")
    assert server not in (apart.values["address.server"], address(apart, "client"))
    assert come_to(apart) is Outcome.NAME_ERROR
    assert come_to(apart, server) in (Outcome.UNREACHABLE, Outcome.TIMED_OUT)
    assert apart.tool("server", ["getent", "hosts", "server"], 5).stdout.split()[0] == server
    assert apart.tool("server", ["getent", "hosts", "client"], 5).exit_code == 2


def test_on_the_same_network_both_are_known_by_the_address_that_they_have_there(apart: Lab) -> None:
    connect(apart, "client", "other")
    assert come_to(apart) is Outcome.OK
    assert apart.tool("server", ["getent", "hosts", "client"], 5).stdout.split()[0] == address(apart, "client")
    connect(apart, "server")
    assert come_to(apart) is Outcome.NAME_ERROR
    connect(apart, "client")
    assert come_to(apart) is Outcome.OK
    assert address(apart, "server") == apart.values["address.server"]


def test_a_host_that_is_made_anew_is_where_it_began_and_known_there(apart: Lab) -> None:
    until = {"until": {"listens": "0.0.0.0:8080"}}
    apart.apply(actions.registry["reboot"].model_validate({"reboot": "server", **until}))
    assert address(apart, "server") == apart.values["address.server"]
    assert come_to(apart) is Outcome.OK


def test_both_networks_are_internal_and_go_with_the_lab(deploy: Deploy, session: Session) -> None:
    def networks() -> set[str]:
        found = session.containers.labelled_networks(f"{SESSION}={session.id}")
        return {one["Id"] for one in found if one["Labels"][SCENARIO] == "tests" and one["Internal"]}

    before = networks()
    with deploy(NAME):
        assert len(networks()) == len(before) + 2
    assert networks() == before
