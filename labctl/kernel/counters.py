"""The kernel's own counters, as /proc/net/netstat and /proc/net/snmp have them (proc(5)), named as nstat(8) names them.

Each table is two lines of words: the names, then the numbers. A counter's whole name is its table's and its own:
TcpExtListenOverflows. Where only one table has it, its own will do: ListenOverflows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from labctl.errors import UnknownName, nearest

TABLES = ("Ip", "Icmp", "IcmpMsg", "Tcp", "Udp", "UdpLite", "TcpExt", "IpExt", "MPTcpExt")
SETTINGS = {"IpForwarding", "IpDefaultTTL", "TcpRtoAlgorithm", "TcpRtoMin", "TcpRtoMax", "TcpMaxConn", "TcpCurrEstab"}
"""What stands among the counters and counts nothing."""


def read(texts: Iterable[str]) -> dict[str, int]:
    """Return every counter by its whole name."""
    found: dict[str, int] = {}
    for text in texts:
        for names, numbers in pairwise(text.splitlines()):
            table, _, own = names.partition(":")
            again, _, values = numbers.partition(":")
            if table == again:
                pairs = zip(own.split(), values.split(), strict=False)
                found |= {table + name: int(value) for name, value in pairs if value.lstrip("-").isdigit()}
    return found


def moved(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return by how much each counter moved; those that did not are left out, and those that stand for a setting."""
    grown = {name: number - before.get(name, 0) for name, number in after.items() if name not in SETTINGS}
    return {name: by for name, by in grown.items() if by}


def named(name: str, known: Iterable[str]) -> list[str]:
    """Return the whole names that a whole name, or a counter's own, may mean."""
    return [one for one in known if one == name or (one.endswith(name) and one.removesuffix(name) in TABLES)]


def amount(name: str, moved: Mapping[str, int]) -> int:
    """Return by how much a counter moved; one that is not there did not."""
    return sum(moved[one] for one in named(name, moved))


def demand(name: str, known: Collection[str]) -> None:
    """Raise UnknownName where the kernel has no counter of that name, or more than one."""
    known = [one for one in known if one not in SETTINGS]
    meant = named(name, known)
    if len(meant) != 1:
        own = (one.removeprefix(_table(one)) for one in known)
        near = meant or nearest(name, dict.fromkeys(known if _table(name) else own))
        raise UnknownName("counter", name, near or known)


def _table(name: str) -> str:
    """Return the table that a whole name begins with, or nothing."""
    return max((table for table in TABLES if name.startswith(table)), key=len, default="")
