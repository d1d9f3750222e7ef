"""What a capture has besides TCP's own packets: ICMP errors, ARP; and files that are damaged, cut or none."""

from __future__ import annotations

import io
import random
import time
from decimal import Decimal

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.kernel.packets import TELLING, connections, shape
from labctl.kernel.pcap import KINDS, Captured, header
from labctl.language.placeholders import address_of
from support.captured import (
    ABSENT,
    ADMIN_PROHIBITED,
    BEGAN,
    BROADCAST,
    CLIENT,
    CLIENT6,
    HOST_UNREACHABLE,
    IN,
    NAMES,
    OUT,
    PORT_UNREACHABLE,
    ROUTER,
    RST,
    SERVER,
    SERVER6,
    SYN,
    SYN_ACK,
    TO_ABSENT,
    UNREACHABLE,
    A,
    P,
    R,
    S,
    Wire,
    arp,
    error,
    from_client,
    kinds,
    only,
    pcap,
    read,
    tcp,
    wire,
)


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
    with pytest.raises(
        ValueError, match="the capture of 'client' is not a pcap file of cooked packets: it begins with"
    ):
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
    assert 24 < first < len(whole)
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
