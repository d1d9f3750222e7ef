"""Placeholders: what a scenario leaves open, found where it stands and filled when it is known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.language.placeholders import UNASSIGNED, address_of, filled, known, loopback_of, named, of_target

SCENARIO = {
    "title": "about ${nothing}",
    "client": {"target": "http://${address.server}:80/"},
    "fault": [{"run": ["ip", "${unassigned.address}"]}],
    "explain": "prose with ${braces}",
}


def test_every_placeholder_is_found_where_it_stands_but_for_prose() -> None:
    assert list(named(SCENARIO)) == [
        (("client", "target"), "address.server"),
        (("fault", 0, "run", 1), "unassigned.address"),
    ]


def test_the_target_is_known_in_a_diagnosis_only() -> None:
    assert "client.target.port" in known(("diagnose", 0, "run"), ["server"])
    assert "client.target.port" not in known(("fault", 0, "run"), ["server"])
    assert {address_of("server"), UNASSIGNED} <= set(known(("fault", 0, "run"), ["server"]))


def test_a_loopback_address_is_the_machine_s_alone() -> None:
    assert loopback_of("machine") == "address.machine.loopback"
    assert loopback_of("machine") in known(("client", "target"), ["machine", "server"], "machine")
    assert not any("loopback" in name for name in known(("client", "target"), ["machine", "server"]))


def test_what_is_known_is_filled_and_the_rest_stays() -> None:
    values = {"address.server": "198.19.0.2"}
    assert filled(SCENARIO, values)["client"]["target"] == "http://198.19.0.2:80/"
    assert filled(SCENARIO, values)["fault"] == SCENARIO["fault"]


@pytest.mark.parametrize(
    ("command", "url", "expected"),
    [
        ("nc -z ${client.target.host} ${client.target.port}", "http://server:9090/", "nc -z server 9090"),
        (["ss", "${client.target.port}"], "tcp://server:1", ["ss", "1"]),
        ("curl ${client.target.url}", "https://server/x", "curl https://server/x"),
        ("true", "http://server/", "true"),
    ],
)
def test_a_command_is_filled_from_the_client_s_target(command: Any, url: str, expected: Any) -> None:
    assert filled(command, of_target(url)) == expected


NAMES = st.sampled_from(["address.server", "address.client", UNASSIGNED, "client.target.port"])
PIECES = st.lists(NAMES.map(lambda name: f"${{{name}}}") | st.text("ab {}", max_size=3)).map("".join)
VALUES: st.SearchStrategy[Any] = st.recursive(
    PIECES | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
)


@given(VALUES)
def test_filling_all_that_is_named_leaves_nothing_open(value: Any) -> None:
    values = {name: "filled" for _, name in named(value)}
    assert not list(named(filled(value, values)))
    assert filled(value, {}) == value


def test_a_variable_of_the_shell_is_written_with_two_dollar_signs() -> None:
    written = {"run": "echo $HOME $${HOME} ${address.server}"}
    assert list(named(written)) == [(("run",), "address.server")]
    assert filled(written, {"address.server": "198.19.0.2"}) == {"run": "echo $HOME ${HOME} 198.19.0.2"}


def test_before_there_is_a_lab_nothing_of_it_is_known() -> None:
    assert known(("override", "services", "server", "environment", "PEER"), ["server"]) == []
