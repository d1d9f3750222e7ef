"""Connections drawn as a ladder."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.kernel.pcap import KINDS
from labctl.model import NOBODY, Connection, Packet
from labctl.report.ladder import WIDTH, expected_ladder, ladder

SYN = Packet(0.0, "client", "SYN", again=False, reached="server")
SYN_ACK = Packet(0.0001, "server", "SYN-ACK", again=False, reached="client")
ACK = Packet(0.0002, "client", "ACK", again=False, reached="server")
DATA = Packet(0.0003, "client", "data", again=False, reached="server")
ANSWER = Packet(0.0004, "server", "data", again=False, reached="client")
RST = Packet(0.0001, "server", "RST", again=False, reached="client")
AGAIN = replace(SYN, at=1.024, again=True)


def connection(*packets: Packet, client: str = "client", server: str = "server", port: int = 8080) -> Connection:
    return Connection(client, 40000, server, port, packets)


def drawn(*packets: Packet, server: str = "server") -> list[str]:
    """Return the lines of the packets of one connection."""
    return ladder([connection(*packets, server=server)], "client")[2:]


def page(lines: list[str]) -> str:
    return "\n" + "\n".join(lines) + "\n"


def test_a_refused_connection() -> None:
    assert (
        page(ladder([connection(SYN, RST)] * 11, "client"))
        == """
11 connections from client to server:8080
         client                                 server
    0.0 ms  │ ─── SYN ───────────────────────────▶ │
    0.1 ms  │ ◀─── RST ─────────────────────────── │
"""
    )


def test_where_there_is_nothing_to_draw_it_says_so() -> None:
    assert ladder([], "client") == ["nothing from client came onto the wire"]


def test_connections_of_one_shape_are_drawn_once_and_the_most_frequent_first() -> None:
    lines = ladder([connection(SYN, RST), *[connection(SYN, AGAIN)] * 2], "client")
    assert [line for line in lines if "connection" in line] == [
        "2 of 3 connections from client to server:8080",
        "1 of 3 connections from client to server:8080",
    ]


def test_how_often_something_was_sent_makes_no_other_shape() -> None:
    often = connection(SYN, AGAIN, replace(AGAIN, at=3.0))
    assert ladder([connection(SYN, AGAIN), often], "client")[0] == "2 connections from client to server:8080"
    assert ladder([connection(SYN), often], "client")[0].startswith("1 of 2 ")


def test_connections_to_another_port_are_counted_apart() -> None:
    lines = ladder([connection(SYN, RST), connection(SYN, RST, port=9090)], "client")
    assert lines[0] == "1 connection from client to server:8080"
    assert "1 connection from client to server:9090" in lines


def test_no_more_than_three_shapes_are_drawn() -> None:
    shapes = [(SYN,), (SYN, RST), (SYN, SYN_ACK), (SYN, AGAIN), (SYN, SYN_ACK, DATA)]
    everything = [connection(*packets) for n, packets in enumerate(shapes) for _ in range(6 - n)]
    lines = ladder(everything, "client")
    assert sum("connections" in line for line in lines) == 3
    assert lines[-1] == "… and 5 more, of 2 other shapes"
    assert ladder(everything[:-2], "client")[-1] == "… and 3 more, of another shape"


def packet(by: str, kind: str, reached: str, *, again: bool = False) -> Packet:
    return Packet(0, by, kind, again, reached)


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (packet("client", "SYN", "router"), "│ ─── SYN ───────────────✗             │  last seen at router"),
        (packet("client", "SYN", "client"), "│ ─── SYN ───────────────✗             │  seen on client only"),
        (packet("server", "RST", "router"), "│             ✗─── RST ─────────────── │  last seen at router"),
        (packet("server", "SYN-ACK", "server"), "│             ✗─── SYN-ACK ─────────── │  seen on server only"),
        (packet("client", "ICMP port-unreachable", "client"), "│ ICMP port-unreachable, by its own kernel"),
        (packet("client", "ICMP port-unreachable", "server"), "│ ─── ICMP port-unreachable ─────────▶ │"),
        (packet("client", "ARP request", "client"), "│ ARP request, unanswered              │"),
        (packet("router", "ICMP admin-prohibited", "client"), "│ ◀── ICMP admin-prohibited ─          │  by router"),
        (packet("router", "ICMP time-exceeded", "server"), "│          ─── ICMP time-exceeded ───▶ │  by router"),
        (packet("router", "ICMP other", "router"), "│ ✗─── ICMP other ───────────          │  by router, lost"),
        (
            packet("server", "ICMP fragmentation-needed", "client", again=True),
            "│ ◀─ ICMP fragmentation-needed again ─ │",
        ),
    ],
)
def test_a_line_shows_who_sent_a_packet_and_how_far_it_came(one: Packet, line: str) -> None:
    assert drawn(one) == ["    0.0 ms  " + line]


def test_to_an_address_that_no_host_has() -> None:
    """It is drawn with nobody on the right."""
    asked = Packet(0, "client", "ARP request", again=False, reached="client")
    told = Packet(0.6, "client", "ICMP host-unreachable", again=False, reached="client")
    lines = ladder([connection(asked, told, server=NOBODY)], "client")
    assert lines[0] == "1 connection from client to nobody:8080"
    assert lines[-1].startswith("  600.0 ms  │ ICMP host-unreachable, by its own kernel")


def test_a_host_that_connects_to_itself() -> None:
    own = replace(SYN, reached="client")
    assert "│ SYN, to itself " in drawn(own, server="client")[0]


def test_repetitions_are_told_and_more_than_two_are_drawn_once() -> None:
    assert [line.split(" ─")[1] for line in drawn(SYN, AGAIN, replace(AGAIN, at=3.0))] == [
        "── SYN",
        "── SYN again",
        "── SYN again",
    ]
    lines = drawn(SYN, AGAIN, replace(AGAIN, at=3.0), replace(AGAIN, at=7.0))
    assert len(lines) == 2
    assert lines[1].startswith("    1.02 s  │ ─── SYN again ×3 ───")


def test_acknowledgements_are_not_drawn() -> None:
    assert len(drawn(SYN, SYN_ACK, ACK, DATA, ANSWER)) == 4


def test_no_more_than_eight_packets_are_drawn_of_one_connection() -> None:
    lines = drawn(SYN, SYN_ACK, ACK, *[DATA, ANSWER] * 9)
    assert len(lines) == 9
    assert lines[-1].split("│")[1].strip() == "… 12 more"


def test_a_terminal_without_unicode_gets_ascii() -> None:
    lost = replace(AGAIN, reached="router")
    lines = ladder([connection(SYN, RST, lost, lost, lost)], "client", ascii=True)
    assert (
        page(lines)
        == """
1 connection from client to server:8080
         client                                 server
    0.0 ms  | --- SYN ---------------------------> |
    0.1 ms  | <--- RST --------------------------- |
    1.02 s  | --- SYN again x3 ------x             |  last seen at router
"""
    )


def test_what_a_scenario_expects_is_drawn_without_times() -> None:
    expected = [SYN, AGAIN, packet("router", "ICMP host-unreachable", "client")]
    assert (
        page(expected_ladder(expected, "client", "server"))
        == """
         client                                 server
            │ ─── SYN ───────────────────────────▶ │
            │ ─── SYN again ─────────────────────▶ │
            │ ◀── ICMP host-unreachable ─          │  by router
"""
    )
    assert all(line.isascii() for line in expected_ladder(expected, "client", "server", ascii=True))


NAMES = st.sampled_from(
    ["client", "server", "router", NOBODY, "a-host-with-a-very-long-name-indeed", "\x1b[31mred\n\t", "ä" * 30, ""]
)
PACKETS = st.builds(Packet, st.floats(0, 9999), NAMES, st.sampled_from(KINDS), st.booleans(), NAMES)
CONNECTIONS = st.builds(
    Connection, NAMES, st.integers(0, 65535), NAMES, st.integers(0, 65535), st.lists(PACKETS, max_size=12).map(tuple)
)


@given(st.lists(CONNECTIONS, max_size=12), NAMES, st.booleans())
def test_every_line_is_plain_and_fits(connections: list[Connection], client: str, ascii_only: bool) -> None:
    lines = ladder(connections, client, ascii=ascii_only)
    assert lines, "also where nothing was captured"
    for line in lines:
        assert len(line) <= WIDTH
        assert line.isprintable()
        assert line.isascii() or not ascii_only
