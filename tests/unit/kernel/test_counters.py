"""The kernel's counters: read, compared, and named as people name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.errors import UnknownName
from labctl.kernel import counters

NETSTAT = "TcpExt: ListenOverflows ListenDrops\nTcpExt: 3 4\nIpExt: InOctets\nIpExt: 10\n"
SNMP = "Tcp: RtoMax OutRsts InErrs\nTcp: 120000 7 -1\nUdp: InErrors\nUdp: 1\nIcmp: InErrors\nIcmp: 2\n"


def test_a_counter_has_its_tables_name_before_its_own() -> None:
    assert counters.read([NETSTAT, SNMP]) == {
        "TcpExtListenOverflows": 3,
        "TcpExtListenDrops": 4,
        "IpExtInOctets": 10,
        "TcpRtoMax": 120000,
        "TcpOutRsts": 7,
        "TcpInErrs": -1,
        "UdpInErrors": 1,
        "IcmpInErrors": 2,
    }


def test_this_machines_own_counters_are_read() -> None:
    known = counters.read(Path(f"/proc/net/{table}").read_text() for table in ("netstat", "snmp"))
    for name in ("ListenOverflows", "ListenDrops", "EmbryonicRsts", "OutRsts", "AttemptFails", "TCPSynRetrans"):
        counters.demand(name, known)
        assert counters.amount(name, known) >= 0


@pytest.mark.parametrize("text", ["", "\n", "TcpExt:\nTcpExt:", "A: b\nB: 1\n", "nothing at all"])
def test_what_is_no_table_counts_nothing(text: str) -> None:
    assert counters.read([text]) == {}


def test_of_a_row_that_is_too_short_what_is_there_counts() -> None:
    assert counters.read(["A: b c\nA: 1"]) == {"Ab": 1}


def test_what_moved_is_told_and_a_setting_is_no_movement() -> None:
    before = {"TcpOutRsts": 1, "TcpInErrs": 2, "TcpCurrEstab": 1}
    after = {"TcpOutRsts": 4, "TcpInErrs": 2, "TcpCurrEstab": 9, "TcpNew": 5}
    assert counters.moved(before, after) == {"TcpOutRsts": 3, "TcpNew": 5}


@pytest.mark.parametrize("name", ["TcpOutRsts", "OutRsts"])
def test_a_counter_is_known_by_its_whole_name_and_by_its_own(name: str) -> None:
    assert counters.amount(name, {"TcpOutRsts": 3, "TcpExtTCPOutRsts": 5}) == 3


def test_a_counter_that_did_not_move_moved_by_nothing() -> None:
    assert counters.amount("OutRsts", {}) == 0


def test_an_unknown_counter_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="ListenOverflow") as told:
        counters.demand("ListenOverflow", counters.read([NETSTAT, SNMP]))
    assert "ListenOverflows" in told.value.todo


def test_a_name_that_two_tables_have_is_told_with_both() -> None:
    with pytest.raises(UnknownName) as told:
        counters.demand("InErrors", counters.read([NETSTAT, SNMP]))
    assert "IcmpInErrors" in told.value.todo
    assert "UdpInErrors" in told.value.todo
