"""Evidence held against what a scenario expects of it: what did not move proves nothing, what moved otherwise is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from labctl.model import Connection, Evidence, Look, Packet
from labctl.run.judge import sentence
from labctl.run.proof import WIRE, judged, unmoved
from labctl.scenario.expect import Expect


def sent(by: str, kind: str, reached: str = "", *, again: bool = False) -> Packet:
    return Packet(0.0, by, kind, again, reached or ("server" if by == "client" else "client"))


def connection(*packets: Packet) -> Connection:
    return Connection("client", 40000, "server", 8080, packets)


REFUSED = connection(sent("client", "SYN"), sent("server", "RST"))
SILENT = connection(sent("client", "SYN"), sent("client", "SYN", again=True))
SERVED = connection(sent("client", "SYN"), sent("server", "SYN-ACK"), sent("client", "ACK"), sent("client", "data"))


def expecting(**more: Any) -> Expect:
    return Expect(outcome="refused", **more)


def evidence(*connections: Connection, rules: dict[str, int] | None = None, **counters: int) -> Evidence:
    return Evidence(client="client", connections=connections, hosts={"server": Look(counters)}, rules=rules or {})


SYN_RST = [{"from": "client", "kind": "SYN"}, {"from": "server", "kind": "RST"}]


def wrong(seen: Evidence, expect: Expect, clients: int = 2) -> str:
    return sentence([one for one in judged(seen, expect, clients=clients).findings if not one.held])


def test_every_connection_as_expected_is_right() -> None:
    assert wrong(evidence(REFUSED, REFUSED), expecting(packets=SYN_RST)) == ""


def test_one_connection_that_is_not_is_wrong_and_is_told() -> None:
    told = wrong(evidence(REFUSED, SILENT), expecting(packets=SYN_RST))
    assert told.startswith(f"{WIRE} showed on 1 of 2: SYN by client as far as server, expected on every connection: ")
    assert told.endswith("SYN by client as far as server, RST by server as far as client")


def test_where_other_clients_may_see_something_else_their_connections_may_show_it() -> None:
    expect = expecting(packets=SYN_RST, clients={"curl": "ok"})
    assert wrong(evidence(REFUSED, SERVED), expect) == ""
    assert wrong(evidence(SERVED, SERVED), expect) != ""


def test_an_answer_that_is_not_expected_is_wrong() -> None:
    only_syn = expecting(packets=SYN_RST[:1])
    assert wrong(evidence(SILENT), only_syn) == ""
    assert wrong(evidence(REFUSED), only_syn) != ""


def test_data_and_acknowledgements_count_only_where_they_are_named() -> None:
    opened = [{"from": "client", "kind": "SYN"}, {"from": "server", "kind": "SYN-ACK"}]
    assert wrong(evidence(SERVED), expecting(packets=opened)) == ""
    assert wrong(evidence(SERVED), expecting(packets=[*opened, {"from": "client", "kind": "data"}])) == ""
    assert wrong(evidence(SERVED), expecting(packets=[*opened, {"from": "client", "kind": "FIN"}])) != ""


def test_nothing_at_all_may_be_expected() -> None:
    assert wrong(evidence(), expecting(packets=[])) == ""
    assert "showed on 1 of 1: SYN by client" in wrong(evidence(SILENT), expecting(packets=[]))


def test_how_far_a_packet_comes_is_part_of_it() -> None:
    lost = connection(sent("client", "SYN", "router"))
    at_router = expecting(packets=[{"from": "client", "kind": "SYN", "reaches": "router"}])
    assert wrong(evidence(lost), at_router) == ""
    assert wrong(evidence(SILENT), at_router) != ""
    assert wrong(evidence(lost), expecting(packets=SYN_RST[:1])) != ""


def test_a_packet_that_must_come_again_must() -> None:
    again = expecting(packets=[{"from": "client", "kind": "SYN", "again": True}])
    assert wrong(evidence(SILENT), again) == ""
    assert wrong(evidence(connection(sent("client", "SYN"))), again) != ""


def test_an_icmp_error_goes_to_the_client_also_when_its_own_kernel_sends_it() -> None:
    own = connection(sent("client", "ICMP port-unreachable", "client"))
    assert wrong(evidence(own), expecting(packets=[{"from": "client", "kind": "ICMP port-unreachable"}])) == ""


def test_what_was_expected_is_kept_with_the_evidence() -> None:
    kept = judged(evidence(REFUSED), expecting(packets=SYN_RST), clients=1).expected
    assert kept is not None
    assert [(one.by, one.kind, one.reached) for one in kept] == [
        ("client", "SYN", "server"),
        ("server", "RST", "client"),
    ]
    assert judged(evidence(REFUSED), expecting(), clients=1).expected is None


@pytest.mark.parametrize(
    ("amount", "moved", "right", "proves"),
    [
        (">0", 3, True, True),
        (">0", 0, False, False),
        ("0", 0, True, True),
        ("0", 2, False, True),
        (">=4", 3, False, True),
        (2, 2, True, True),
    ],
)
def test_a_counter_that_should_move_and_does_not_proves_nothing_one_that_moves_otherwise_is_wrong(
    amount: Any, moved: int, *, right: bool, proves: bool
) -> None:
    expect = expecting(counters={"server.OutRsts": amount})
    counted: dict[str, Any] = {"TcpOutRsts": moved} if moved else {}
    seen = evidence(REFUSED, **counted)
    assert (wrong(seen, expect) == "") is right
    assert (unmoved(seen, expect) == []) is proves


def test_a_rule_that_took_no_packet_proves_nothing() -> None:
    [told] = unmoved(evidence(SILENT, rules={"iptables -I INPUT -j DROP": 0}), expecting())
    assert told == "no packet met `iptables -I INPUT -j DROP`"


def test_of_several_rules_one_must_have_taken_a_packet() -> None:
    assert unmoved(evidence(SILENT, rules={"a": 0, "b": 1}), expecting()) == []


def test_packets_that_should_be_there_and_none_was_captured_prove_nothing() -> None:
    assert unmoved(evidence(), expecting(packets=SYN_RST)) == ["no packet of the clients was captured"]
    assert unmoved(evidence(), expecting(packets=[])) == []


def test_where_the_fault_s_rule_took_packets_a_wire_without_them_is_another_claim() -> None:
    """An OUTPUT rule drops what never leaves: the fault is in place, and what was expected is wrong."""
    seen = evidence(rules={"iptables -I OUTPUT -j DROP": 3})
    expect = expecting(packets=SYN_RST)
    assert unmoved(seen, expect) == []
    assert wrong(seen, expect).startswith(f"{WIRE} showed no connection, expected ")
