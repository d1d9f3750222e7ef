"""Captures of several hosts, read into connections: who sent what, how far it came, what belongs together."""

from __future__ import annotations

import pytest

from labctl.kernel import pcap
from labctl.kernel.packets import connections, shape
from labctl.model import NOBODY, Connection, Packet
from support.captured import (
    BEGAN,
    CLIENT,
    IN,
    NAMES,
    OTHERS,
    OUT,
    PORT_UNREACHABLE,
    RST,
    SERVER,
    SYN,
    SYN_ACK,
    TO_ABSENT,
    A,
    F,
    P,
    R,
    S,
    error,
    from_client,
    from_server,
    kinds,
    only,
    read,
    tcp,
    wire,
)


def test_a_host_where_nothing_listens_answers_with_a_reset() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "server")
    seen.send(0.1, RST, "server", "client")
    [connection] = read(seen)
    assert (connection.client, connection.client_port) == ("client", 40000)
    assert (connection.server, connection.port) == ("server", 8080)
    assert shape(connection) == (("client", "SYN", "server"), ("server", "RST", "client"))
    assert [packet.at for packet in connection.packets] == [0, pytest.approx(0.0001, abs=1e-9)]


def test_a_connection_that_works_has_all_its_packets_and_a_short_shape() -> None:
    seen = wire()
    for at, packet in enumerate([SYN, from_client(), from_client(1001, 100, flags=A | P), from_client(1101, 0)]):
        seen.send(at, packet, "client", "server")
    seen.send(0.5, SYN_ACK, "server", "client")
    seen.send(2.5, from_server(5001, 200), "server", "client")
    seen.send(4, from_server(5201, 0, flags=F | A), "server", "client")
    seen.send(5, from_client(1101, 0, ack=5202, flags=F | A), "client", "server")
    [connection] = read(seen)
    assert kinds(connection) == ["SYN", "SYN-ACK", "ACK", "data", "data", "ACK", "FIN", "FIN"]
    assert shape(connection) == (("client", "SYN", "server"), ("server", "SYN-ACK", "client"))
    assert shape(connection, also=["data"])[2:] == (("client", "data", "server"), ("server", "data", "client"))


def test_what_a_servers_firewall_drops_reached_the_server_and_is_not_answered() -> None:
    seen = wire()
    for n, at in enumerate([0, 1000, 3000]):
        seen.send(at, tcp(CLIENT, SERVER, S, ident=n), "client", "server")
    [connection] = read(seen)
    assert kinds(connection) == ["SYN", "SYN again", "SYN again"]
    assert [round(packet.at) for packet in connection.packets] == [0, 1, 3]
    assert shape(connection) == (("client", "SYN", "server"),)


def test_what_a_router_drops_reached_the_router() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "router")
    assert shape(only(seen)) == (("client", "SYN", "router"),)


def test_a_packet_that_a_router_passes_on_is_one_packet() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "router", "server")
    [connection] = read(seen)
    assert [(packet.by, packet.reached) for packet in connection.packets] == [("client", "server")]


def test_a_packet_is_the_same_behind_a_router_though_its_time_to_live_is_not() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "router")
    seen.see("router", 0.02, OUT, tcp(CLIENT, SERVER, S, ttl=63))
    seen.see("server", 0.03, IN, tcp(CLIENT, SERVER, S, ttl=63))
    [packet] = read(seen)[0].packets
    assert packet.reached == "server"


def test_a_packet_reached_who_received_it_though_its_sender_noted_it_later() -> None:
    seen = wire()
    seen.see("server", 0, IN, SYN)
    seen.see("client", 0.001, OUT, SYN)
    assert shape(only(seen)) == (("client", "SYN", "server"),)


def test_a_packet_that_nobody_received_was_seen_at_its_sender_only() -> None:
    seen = wire()
    seen.send(0, SYN, "client")
    assert shape(only(seen)) == (("client", "SYN", "client"),)


def test_what_a_bridge_flooded_to_a_host_did_not_reach_it() -> None:
    seen = wire()
    seen.send(0, SYN, "client")
    seen.see("router", 0.01, OTHERS, SYN)
    assert shape(only(seen)) == (("client", "SYN", "client"),)


def test_a_reset_that_a_router_wrote_in_the_servers_name_and_lost_was_seen_at_the_router() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "router")
    seen.send(0.1, RST, "router")
    assert shape(only(seen))[1] == ("server", "RST", "router")


def test_the_order_of_the_captures_tells_nothing() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "router", "server")
    seen.send(0.1, RST, "server", "router", "client")
    assert read(seen.captures()) == read(seen.captures()[::-1])


def test_equal_packets_are_matched_in_their_order() -> None:
    """A RST has no IP id: the second at the server is the second at the client."""
    seen = wire()
    for at in (0, 1000):
        seen.send(at, tcp(CLIENT, SERVER, S, ident=round(at)), "client", "server")
        seen.send(at + 0.1, RST, "server", "client")
    [connection] = read(seen)
    assert kinds(connection) == ["SYN", "RST", "SYN again", "RST again"]
    assert {packet.reached for packet in connection.packets} == {"client", "server"}


def test_an_acknowledgement_of_more_is_no_repetition() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "server")
    for n, ack in enumerate([5001, 5101, 5101]):
        seen.send(1 + n, from_client(1001, 0, ack=ack, ident=n), "client", "server")
    assert kinds(only(seen)) == ["SYN", "ACK", "ACK", "ACK again"]


def test_a_packet_that_came_further_the_second_time_counts_for_the_shape() -> None:
    seen = wire()
    for n, way in enumerate([["client"], ["client", "router", "server"], ["client", "router"]]):
        seen.send(n, tcp(CLIENT, SERVER, S, ident=n), *way)
    assert shape(only(seen)) == (("client", "SYN", "server"),)


def test_a_clients_own_reset_counts_only_where_it_is_asked_for() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "server")
    seen.send(0.1, SYN_ACK, "server", "client")
    seen.send(0.2, from_client(1001, 0, flags=R), "client", "server")
    [connection] = read(seen)
    assert [kind for _, kind, _ in shape(connection)] == ["SYN", "SYN-ACK"]
    assert shape(connection, also={"RST"})[2] == ("client", "RST", "server")


def test_a_host_that_connects_to_itself_is_told_by_its_own_reset() -> None:
    seen = wire()
    seen.see("client", 0, IN, tcp(CLIENT, CLIENT, S))
    seen.see("client", 0.1, IN, tcp(CLIENT, CLIENT, R | A, 0, ports=(8080, 40000)))
    assert shape(only(seen)) == (("client", "SYN", "client"), ("client", "RST", "client"))


def test_a_port_is_used_again_by_the_next_connection() -> None:
    seen = wire()
    for n in range(3):
        at = 100 * n
        seen.send(at, tcp(CLIENT, SERVER, S, seq=1000 + n, ident=n), "client", "server")
        answer = tcp(SERVER, CLIENT, R | A, 0, ports=(8080, 40000), ack=1001 + n, ident=0)
        seen.send(at + 1, answer, "server", "client")
    found = read(seen)
    assert [kinds(connection) for connection in found] == [["SYN", "RST"]] * 3
    assert {packet.at for connection in found for packet in connection.packets[:1]} == {0}


def test_a_port_is_used_again_by_the_next_rejected_connection() -> None:
    seen = wire()
    for n in range(2):
        seen.see("client", n, IN, error(CLIENT, CLIENT, PORT_UNREACHABLE, tcp(CLIENT, SERVER, S, seq=n)))
    assert len(read(seen)) == 2


def test_connections_count_by_their_first_packet_and_keep_their_later_ones() -> None:
    seen = wire()
    for n, at in enumerate([0, 100, 200]):
        ports = (40000 + n, 8080)
        seen.send(at, tcp(CLIENT, SERVER, S, ports=ports), "client", "server")
        seen.send(at + 150, tcp(SERVER, CLIENT, R, ports=ports[::-1]), "server", "client")
    [connection] = read(seen, since=50, until=200)
    assert connection.client_port == 40001
    assert kinds(connection) == ["SYN", "RST"]
    assert [one.client_port for one in read(seen)] == [40000, 40001, 40002]


def test_only_what_the_client_opened_counts_and_nothing_on_loopback() -> None:
    seen = wire()
    seen.send(0, tcp(SERVER, CLIENT, S), "server", "client")
    seen.send(1, tcp(SERVER, CLIENT, S, ports=(8080, 40000)), "server", "client")
    seen.see("client", 2, IN, tcp("127.0.0.1", "127.0.0.1", S))
    seen.see("client", 3, IN, tcp(CLIENT, "127.0.0.11", S))
    assert read(seen) == ()
    assert len(connections(seen.captures(), NAMES, "server", BEGAN, BEGAN + 1)) == 2
    assert connections(seen.captures(), {}, "client", BEGAN, BEGAN + 1) == ()


def test_an_address_that_no_host_has_is_nobodys() -> None:
    seen = wire()
    seen.send(0, TO_ABSENT, "client")
    [connection] = read(seen)
    assert connection.server == NOBODY


def test_a_reset_by_who_has_closed_tells_nothing_of_how_an_attempt_went() -> None:
    """Two processors may reorder the last ACK and a FIN, and the kernel then resets what is over already."""
    fins = [
        Packet(0.1, "client", pcap.FIN, again=False, reached="server"),
        Packet(0.2, "server", pcap.FIN, again=False, reached="client"),
    ]
    reset = Packet(0.3, "server", pcap.RST, again=False, reached="client")
    assert shape(Connection("client", 50000, "server", 8080, (*fins, reset))) == ()
    assert shape(Connection("client", 50000, "server", 8080, (fins[0], reset))) == (("server", pcap.RST, "client"),)
    assert shape(Connection("client", 50000, "server", 8080, (fins[1], reset))) == (), "it answers what came too late"
    assert shape(Connection("client", 50000, "server", 8080, (*fins, reset)), also={pcap.RST}) == (
        ("server", pcap.RST, "client"),
    )


def test_what_goes_to_a_host_that_captures_nothing_counts_as_arrived() -> None:
    """Such as the machine itself; to one that captures and did not see it, it got lost."""
    seen = wire()
    seen.send(0, SYN, "client", "server")
    seen.send(1, SYN_ACK, "server")
    seen.send(2, error(SERVER, CLIENT, PORT_UNREACHABLE, SYN), "server")
    lost, arrived = (read(seen.captures(hosts))[0] for hosts in (("client", "server"), ("server",)))
    assert [packet.reached for packet in lost.packets] == ["server", "server", "server"]
    assert [packet.reached for packet in arrived.packets] == ["server", "client", "client"]
