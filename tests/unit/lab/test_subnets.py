"""Subnets come out of a pool for labs, and never overlap what the machine uses."""

from __future__ import annotations

import random
from ipaddress import IPv4Network
from itertools import islice
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from labctl.lab.subnets import POOL, PREFIX, free, routes

NETWORKS = st.builds(
    lambda number, prefix: IPv4Network((number, prefix), strict=False),
    st.integers(int(POOL[0]) - (1 << 17), int(POOL[-1]) + (1 << 17)),
    st.integers(8, 32),
)


@given(st.lists(NETWORKS, max_size=5), st.randoms(use_true_random=False))
def test_a_free_subnet_lies_in_the_pool_and_overlaps_nothing_taken(
    taken: list[IPv4Network], chance: random.Random
) -> None:
    subnets = list(islice(free(taken, chance=chance), 20))
    assert subnets or any(POOL.overlaps(other) for other in taken)
    for subnet in subnets:
        assert subnet.subnet_of(POOL)
        assert subnet.prefixlen == PREFIX
        assert not any(subnet.overlaps(other) for other in taken)


@given(st.randoms(use_true_random=False))
def test_every_subnet_of_the_pool_is_yielded_once(chance: random.Random) -> None:
    pool = IPv4Network("198.19.4.0/24")
    found = list(free([], pool, chance))
    assert sorted(found) == list(pool.subnets(new_prefix=PREFIX))


def test_a_pool_that_is_taken_yields_nothing() -> None:
    assert list(free([POOL])) == []


def test_two_labs_seldom_begin_at_the_same_subnet() -> None:
    assert len({next(free([], chance=random.Random(seed))) for seed in range(20)}) > 10  # noqa: S311 - no secret


TABLE = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100000A	0003	0	0	0	00000000	0	0	0
eth0	0000000A	00000000	0001	0	0	0	00FFFFFF	0	0	0
br-1	100013C6	00000000	0001	0	0	0	F0FFFFFF	0	0	0
"""


def test_the_machine_s_routes_are_read_without_the_default_one(tmp_path: Path) -> None:
    table = tmp_path / "route"
    table.write_text(TABLE)
    assert routes(table) == [IPv4Network("10.0.0.0/24"), IPv4Network("198.19.0.16/28")]


def test_a_machine_without_a_table_of_routes_has_none(tmp_path: Path) -> None:
    assert routes(tmp_path / "nothing") == []
