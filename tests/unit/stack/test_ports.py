"""Published ports as Compose writes them, and what of that a lab takes."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from labctl.lab.containers import on_the_machine, sandbox
from labctl.lab.place import Foothold, Machine, Place
from labctl.language.fields import Written
from labctl.stack.ports import FIRST, LAST, Port, Ports
from labctl.stack.service import Service


class _Read(Written):
    ports: Ports


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("19880:8080", Port(published=19880, target=8080)),
        ("127.0.0.1:19880:8080", Port(published=19880, target=8080, host_ip="127.0.0.1")),
        ({"published": FIRST, "target": 1}, Port(published=FIRST, target=1)),
        ({"published": LAST, "target": 65535, "host_ip": None}, Port(published=LAST, target=65535)),
    ],
)
def test_the_short_form_and_the_long_one_say_the_same(written: Any, read: Port) -> None:
    assert _Read.model_validate({"ports": [written]}).ports == (read,)
    assert _Read.model_validate({"ports": [str(read)]}).ports == (read,)


@pytest.mark.parametrize(
    "written",
    [
        "8080",
        "8080:80",
        f"{LAST + 1}:80",
        "19880:0",
        "19880:65536",
        "0.0.0.0:19880:80",
        "19880-19890:80",
        "[::1]:19880:80",
        80,
    ],
)
def test_what_would_leave_the_lab_is_refused(written: Any) -> None:
    with pytest.raises(pydantic.ValidationError):
        _Read.model_validate({"ports": [written]})


def place(machine: Machine | None) -> Place:
    there = {"default": Foothold("net", "198.19.3.18")}
    return Place("lab-server", there, "default", (), {}, {}, {}, {}, {}, machine=machine)


def test_a_port_is_published_on_the_lab_s_own_addresses() -> None:
    server = Service.model_validate({"image": "labctl", "ports": ["19880:80", "127.0.0.1:19881:80", "19882:81"]})
    spec = sandbox("server", server, {}, place(Machine("198.19.3.17")), "labctl:x")
    assert spec.ports == {
        80: [("127.19.3.17", 19880), ("198.19.3.17", 19880), ("127.19.3.17", 19881)],
        81: [("127.19.3.17", 19882), ("198.19.3.17", 19882)],
    }


def test_where_the_machine_is_not_on_the_network_nothing_is_published() -> None:
    server = Service.model_validate({"image": "labctl", "ports": ["19880:80"]})
    assert not any(sandbox("server", server, {}, place(None), "labctl:x").ports.values())


def test_clients_on_the_machine_have_its_network_and_no_capability() -> None:
    clients = Service.model_validate({"image": "labctl", "command": ["clients"], "network_mode": "host"})
    spec = on_the_machine("lab-machine", clients, place(Machine("198.19.3.17")), "labctl:x")
    assert (spec.network, spec.address, spec.joins) == ("host", None, None)
    assert not spec.capabilities
    assert spec.environment["LABCTL_REACH"] == "127.19.3.17,198.19.3.17"
