"""Choosing a subnet for a lab: out of a pool set aside for labs, never one that the machine uses or routes to."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network
from pathlib import Path

POOL = IPv4Network("198.19.0.0/16")  # the second half of the range of RFC 2544 for benchmarks
PREFIX = 28  # 13 hosts


def routes(table: Path = Path("/proc/net/route")) -> list[IPv4Network]:
    """Return the machine's routes but for the default ones (proc(5)); none where there is no such table.

    The table is read as it is: pyroute2 would take 0.3 s to load, in every run.
    """
    if not table.exists():
        return []
    rows = (line.split() for line in table.read_text().splitlines()[1:])
    return [
        IPv4Network((int(row[1], 16).to_bytes(4, "little"), int(row[7], 16).bit_count()))
        for row in rows
        if int(row[7], 16)
    ]


def free(
    taken: Iterable[IPv4Network], pool: IPv4Network = POOL, chance: random.Random | None = None
) -> Iterator[IPv4Network]:
    """Yield the pool's subnets that overlap nothing taken, beginning at random, so that two labctl seldom meet."""
    taken = list(taken)
    number, size = 1 << (PREFIX - pool.prefixlen), 1 << (pool.max_prefixlen - PREFIX)
    start = (chance or random.SystemRandom()).randrange(number)
    for index in range(start, start + number):
        subnet = IPv4Network((int(pool.network_address) + index % number * size, PREFIX))
        if not any(subnet.overlaps(other) for other in taken):
            yield subnet
