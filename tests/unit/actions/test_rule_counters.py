"""How a firewall rule's own counter is read from what iptables and nft list."""

from __future__ import annotations

import json
from collections.abc import Mapping

from labctl.actions.firewall import Iptables, Nft

DROP = "INPUT -p tcp --dport 8080 -j DROP"
NAMED = "-A INPUT -p tcp -m tcp --dport 8080 -j DROP\n"  # what the kernel calls it
LISTED = """\
-P INPUT ACCEPT -c 9 540
-A INPUT -p tcp -m tcp --dport 81 -m comment --comment "a -c 7 8 b" -c 3 180 -j DROP
-A INPUT -p tcp -m tcp --dport 8080 -c 22 1320 -j DROP
"""


def of_iptables(listing: str, named: str = NAMED) -> int:
    counter = Iptables(iptables="server", rule=DROP).counter()
    assert counter is not None
    return counter.count(named, listing)


def of_nft(*rules: Mapping[str, object], statement: str = "inet filter input tcp dport 8080 drop") -> int:
    counter = Nft(nft="server", rule=statement).counter()
    assert counter is not None
    return counter.count("", json.dumps({"nftables": [{"metainfo": {}}, *({"rule": rule} for rule in rules)]}))


def test_iptables_counts_the_packets_of_that_rule_only() -> None:
    assert of_iptables(LISTED) == 22


def test_the_same_rule_twice_counts_together() -> None:
    assert of_iptables(LISTED + "-A INPUT -p tcp -m tcp --dport 8080 -c 1 60 -j DROP\n") == 23


def test_a_rule_that_is_gone_has_taken_nothing() -> None:
    assert of_iptables("-P INPUT ACCEPT -c 9 540\n") == 0
    assert of_iptables("") == 0


def test_what_iptables_is_asked_is_the_first_rule_of_the_chain_and_its_table() -> None:
    counter = Iptables(iptables="server", rule="-t mangle PREROUTING -p tcp -j DROP").counter()
    assert counter is not None
    assert counter.identify is not None
    assert counter.identify.arguments["argv"] == ["iptables", "-w", "-t", "mangle", "-S", "PREROUTING", "1"]
    assert counter.listing.arguments["argv"] == ["iptables", "-w", "-t", "mangle", "-v", "-S", "PREROUTING"]


def test_nft_counts_the_packets_of_the_rule_with_its_mark() -> None:
    mark = Nft(nft="server", rule="inet filter input tcp dport 8080 drop")._mark  # noqa: SLF001 - the comment in the kernel
    counted = {"expr": [{"match": {}}, {"counter": {"packets": 12, "bytes": 720}}, {"drop": None}]}
    assert of_nft({**counted, "comment": mark}, {**counted, "comment": "another's"}, counted) == 12
    assert of_nft() == 0


def test_what_deletes_a_rule_counts_nothing() -> None:
    assert Iptables(iptables="server", delete=DROP).counter() is None
    assert Nft(nft="server", delete="inet filter input tcp dport 8080 drop").counter() is None
