"""Captures of several hosts, read into connections."""

from __future__ import annotations

import io
import math
import random
import time
from decimal import Decimal

import dpkt
import pytest
from captured import (
    ABSENT,
    ADMIN_PROHIBITED,
    BEGAN,
    BROADCAST,
    CLIENT,
    CLIENT6,
    HOST_UNREACHABLE,
    IN,
    NAMES,
    OTHERS,
    OUT,
    PORT_UNREACHABLE,
    ROUTER,
    SERVER,
    SERVER6,
    A,
    F,
    P,
    R,
    S,
    Wire,
    arp,
    error,
    pcap,
    tcp,
)
from hypothesis import given
from hypothesis import strategies as st

from labctl.model import NOBODY, Connection
from labctl.packets import KINDS, TELLING, Captured, connections, header, shape
from labctl.placeholders import address_of

SYN = tcp(CLIENT, SERVER, S)
SYN_ACK = tcp(SERVER, CLIENT, S | A, 5000, ports=(8080, 40000), ack=1001, ident=0)
RST = tcp(SERVER, CLIENT, R | A, 0, ports=(8080, 40000), ack=1001, ident=0)
TO_ABSENT = tcp(CLIENT, ABSENT, S)
UNREACHABLE = error(CLIENT, CLIENT, HOST_UNREACHABLE, TO_ABSENT)


def from_client(*payload: int, ack: int = 5001, flags: int = A, ident: int = 7) -> bytes:
    seq, length = payload or (1001, 0)
    return tcp(CLIENT, SERVER, flags, seq, ack=ack, payload=b"x" * length, ident=ident)


def from_server(*payload: int, ack: int = 1001, flags: int = A, ident: int = 8) -> bytes:
    seq, length = payload or (5001, 0)
    return tcp(SERVER, CLIENT, flags, seq, ports=(8080, 40000), ack=ack, payload=b"y" * length, ident=ident)


def wire() -> Wire:
    return Wire("client", "router", "server")


def read(seen: Wire | list[Captured], since: float = 0, until: float = math.inf) -> tuple[Connection, ...]:
    """Read captures; times are milliseconds after they began."""
    captures = seen.captures() if isinstance(seen, Wire) else seen
    return connections(captures, NAMES, "client", BEGAN + since / 1000, BEGAN + until / 1000)


def only(seen: Wire) -> Connection:
    [connection] = read(seen)
    return connection


def kinds(connection: Connection) -> list[str]:
    return [packet.kind + " again" * packet.again for packet in connection.packets]


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


def test_a_rejected_packet_that_was_never_captured_makes_a_connection_by_the_error_about_it() -> None:
    """A rule on the client's OUTPUT rejected its SYN: its own kernel tells it so, over lo."""
    seen = wire()
    seen.see("client", 0, IN, error(CLIENT, CLIENT, PORT_UNREACHABLE, SYN))
    seen.see("client", 1000, IN, error(CLIENT, CLIENT, PORT_UNREACHABLE, SYN, ident=10))
    [connection] = read(seen)
    assert (connection.client_port, connection.server, connection.port) == (40000, "server", 8080)
    assert kinds(connection) == ["ICMP port-unreachable", "ICMP port-unreachable again"]
    assert shape(connection) == (("client", "ICMP port-unreachable", "client"),)


def test_an_error_by_a_router_belongs_to_the_packet_that_it_quotes() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "router")
    seen.send(0.1, error(ROUTER, CLIENT, ADMIN_PROHIBITED, SYN), "router", "client")
    [connection] = read(seen)
    assert shape(connection) == (("client", "SYN", "router"), ("router", "ICMP admin-prohibited", "client"))


def test_an_error_about_a_servers_packet_belongs_to_the_connection_too() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "server")
    seen.send(0.1, SYN_ACK, "server", "client")
    seen.send(0.2, error(CLIENT, SERVER, PORT_UNREACHABLE, SYN_ACK), "client", "server")
    assert shape(only(seen))[2] == ("client", "ICMP port-unreachable", "server")


def test_an_error_that_quotes_eight_bytes_of_a_segment_is_understood() -> None:
    quoted = SYN[: 20 + 8]
    seen = wire()
    seen.see("client", 0, IN, error(CLIENT, CLIENT, PORT_UNREACHABLE, quoted))
    assert shape(only(seen)) == (("client", "ICMP port-unreachable", "client"),)
    seen = wire()
    seen.send(0, SYN, "client", "router")
    seen.send(0.1, error(ROUTER, CLIENT, ADMIN_PROHIBITED, quoted), "router", "client")
    assert kinds(only(seen)) == ["SYN", "ICMP admin-prohibited"]


def test_an_error_about_a_connection_from_before_makes_none() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "server")
    seen.send(10, error(ROUTER, CLIENT, ADMIN_PROHIBITED, from_client(1001, 10)), "router", "client")
    assert read(seen, since=5) == ()


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ((3, 0), "net-unreachable"),
        ((3, 1), "host-unreachable"),
        ((3, 2), "proto-unreachable"),
        ((3, 3), "port-unreachable"),
        ((3, 4), "fragmentation-needed"),
        ((3, 9), "net-prohibited"),
        ((3, 10), "host-prohibited"),
        ((3, 13), "admin-prohibited"),
        ((11, 0), "time-exceeded"),
        ((3, 5), "other"),
        ((12, 0), "other"),
    ],
)
def test_an_error_is_named_by_its_type_and_code(told: tuple[int, int], kind: str) -> None:
    seen = wire()
    seen.see("client", 0, IN, error(ROUTER, CLIENT, told, SYN))
    [packet] = read(seen)[0].packets
    assert packet.kind == f"ICMP {kind}"
    assert packet.kind in TELLING


def test_a_ping_is_no_error() -> None:
    seen = wire()
    seen.see("client", 0, IN, error(ROUTER, CLIENT, (8, 0), SYN))
    assert read(seen) == ()


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ((1, 0), "net-unreachable"),
        ((1, 1), "admin-prohibited"),
        ((1, 3), "host-unreachable"),
        ((1, 4), "port-unreachable"),
        ((2, 0), "fragmentation-needed"),
        ((4, 0), "other"),
    ],
)
def test_version_6_is_read_too(told: tuple[int, int], kind: str) -> None:
    names = {"address.client": CLIENT6, "address.server": SERVER6}
    seen = Wire("client", "server")
    syn = tcp(CLIENT6, SERVER6, S)
    seen.send(0, syn, "client", "server")
    seen.send(0.1, error(SERVER6, CLIENT6, told, syn), "server", "client")
    [connection] = connections(seen.captures(), names, "client", BEGAN, BEGAN + 1)
    assert shape(connection) == (("client", "SYN", "server"), ("server", f"ICMP {kind}", "client"))


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


def test_requests_that_nobody_answers_belong_to_the_connection_that_waits_for_them() -> None:
    """What waits for the answer to an ARP request is not on the wire yet; at last the kernel says that it gave up."""
    seen = wire()
    for at in (0, 200, 400):
        seen.see("client", at, OUT, arp(CLIENT, ABSENT))
        seen.see("server", at, BROADCAST, arp(CLIENT, ABSENT))
    seen.see("client", 600, IN, UNREACHABLE)
    [connection] = read(seen)
    assert kinds(connection) == ["ARP request", "ARP request again", "ARP request again", "ICMP host-unreachable"]
    assert shape(connection) == (("client", "ICMP host-unreachable", "client"),)
    assert shape(connection, also=["ARP request"])[0] == ("client", "ARP request", "client")
    assert len(read(seen, until=500)) == 1
    assert read(seen, since=700) == ()


def test_what_was_asked_for_an_earlier_connection_is_not_told_of_the_next() -> None:
    seen = wire()
    for n in (0, 1000):
        seen.see("client", n, OUT, arp(CLIENT, ABSENT))
        for port in (40000 + n, 40001 + n):
            quoted = tcp(CLIENT, ABSENT, S, ports=(port, 8080))
            seen.see("client", n + 600, IN, error(CLIENT, CLIENT, HOST_UNREACHABLE, quoted))
    found = read(seen)
    assert [kinds(connection) for connection in found] == [["ARP request", "ICMP host-unreachable"]] * 4
    assert [connection.packets[1].at for connection in found] == [pytest.approx(0.6)] * 4


def test_requests_after_a_packet_that_an_old_entry_let_go_belong_to_its_connection() -> None:
    seen = wire()
    seen.send(0, TO_ABSENT, "client")
    seen.see("client", 500, OUT, arp(CLIENT, ABSENT))
    seen.see("client", 1100, IN, UNREACHABLE)
    assert kinds(only(seen)) == ["SYN", "ARP request", "ICMP host-unreachable"]


@pytest.mark.parametrize("answer", [arp(SERVER, CLIENT, dpkt.arp.ARP_OP_REPLY), RST])
def test_requests_to_a_host_that_lives_are_left_out(answer: bytes) -> None:
    seen = wire()
    seen.see("client", 0, OUT, arp(CLIENT, SERVER))
    seen.see("client", 0.5, IN, answer)
    seen.send(1, SYN, "client", "server")
    seen.send(1.5, tcp(CLIENT, SERVER, S, ident=2), "client", "server")
    assert set(kinds(only(seen))) <= {"SYN", "SYN again", "RST"}


def test_requests_for_an_address_that_nothing_goes_to_make_no_connection() -> None:
    seen = wire()
    seen.see("client", 0, OUT, arp(CLIENT, ROUTER))
    seen.send(1, SYN, "client", "router")
    assert kinds(only(seen)) == ["SYN"]


def test_every_kind_is_known_and_none_twice() -> None:
    assert len(set(KINDS)) == len(KINDS)
    assert set(KINDS) > TELLING
    assert NAMES[address_of("client")] == CLIENT


@pytest.mark.parametrize("pcapped", [b"", b"\xd4\xc3\xb2\xa1", header()[:-1], b"{}" * 100, b"\0" * 24])
def test_what_is_no_capture_is_refused_in_a_sentence(pcapped: bytes) -> None:
    with pytest.raises(ValueError, match="the capture of 'client' is no pcap file of cooked packets: it begins with"):
        read([Captured("client", pcapped)])


def test_another_reader_agrees_about_the_files() -> None:
    assert len(header()) == 24
    reader = dpkt.pcap.Reader(io.BytesIO(pcap((1.5, OUT, SYN))))
    assert reader.datalink() == 276
    [(at, cooked)] = reader
    assert at == BEGAN + Decimal("0.0015")
    assert dpkt.sll2.SLL2(cooked).ip.tcp.dport == 8080


def test_a_last_record_that_is_half_written_is_left_for_later() -> None:
    whole = pcap((0, OUT, SYN), (1, OUT, from_client(1001, 100)))
    first = len(pcap((0, OUT, SYN)))
    for length in range(24, len(whole) + 1):
        found = read([Captured("client", whole[:length])])
        expected = [] if length < first else [["SYN"]] if length < len(whole) else [["SYN", "data"]]
        assert [kinds(connection) for connection in found] == expected


def test_packets_are_read_as_far_as_they_were_kept() -> None:
    seen = wire()
    seen.send(0, SYN, "client", "server")
    seen.send(1, from_client(1001, 1400), "client", "server")
    seen.send(2, from_client(1001, 1300), "client", "server")
    assert kinds(only(seen)) == ["SYN", "data", "data"]


@given(st.binary(max_size=400))
def test_whatever_a_file_holds_is_no_error(content: bytes) -> None:
    assert isinstance(read([Captured("client", header() + content)]), tuple)


GOOD = (
    SYN,
    RST,
    error(ROUTER, CLIENT, PORT_UNREACHABLE, SYN),
    UNREACHABLE,
    arp(CLIENT, SERVER),
    tcp(CLIENT6, SERVER6, S),
)


@given(st.sampled_from(GOOD), st.data())
def test_a_damaged_packet_is_no_error_and_harms_no_other(packet: bytes, data: st.DataObject) -> None:
    damaged = bytearray(packet)
    for at in data.draw(st.lists(st.integers(0, len(packet) - 1), max_size=4)):
        damaged[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(packet)))
    other = tcp(CLIENT, SERVER, S, ports=(50505, 8080))
    found = read([Captured("client", pcap((0, IN, bytes(damaged[:cut])), (1, OUT, other)))])
    assert 50505 in [connection.client_port for connection in found]


def test_two_thousand_packets_are_read_quickly() -> None:
    seen = Wire("client", "server")
    rng = random.Random(1)  # noqa: S311
    for n in range(250):
        ports, at = (40000 + n, 8080), n * 3.0
        seen.send(at, tcp(CLIENT, SERVER, S, rng.getrandbits(32), ports=ports), "client", "server")
        for step in range(3):
            data = tcp(CLIENT, SERVER, A | P, step, ports=ports, payload=b"x" * 300, ident=step)
            seen.send(at + 0.1 * step + 0.1, data, "client", "server")
            back = tcp(SERVER, CLIENT, A, step, ports=ports[::-1], ident=step)
            seen.send(at + 0.1 * step + 0.15, back, "server", "client")
        seen.send(at + 1, tcp(SERVER, CLIENT, R, 9, ports=ports[::-1]), "server", "client")
    captures = seen.captures()
    began = time.process_time()
    found = read(captures)
    took = time.process_time() - began
    assert [len(connection.packets) for connection in found] == [8] * 250
    assert took < 0.5, f"{took:.3f} s for 2 files of 2,000 packets"
