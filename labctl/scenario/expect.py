"""The exact error that a scenario's fault must cause, and what the kernels must witness of it."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Self

import pydantic
from pydantic import AfterValidator, Field

from labctl import clients
from labctl.kernel.pcap import KINDS
from labctl.language.fields import HOSTS, Amount, Duration, Errno, Host, Time, Written, known, one_of
from labctl.model import Outcome, Stage

KnownPacket = Annotated[str, known("kind of packet", KINDS)]
KnownClient = Annotated[str, known("client", clients.names())]


def _counter(name: str, info: pydantic.ValidationInfo) -> str:
    host, dot, counter = name.partition(".")
    if not dot or not counter.isalnum():
        raise ValueError(
            "is not HOST.COUNTER; write one such as server.ListenOverflows (`nstat -az` lists the counters)"
        )
    hosts = (info.context or {}).get(HOSTS)
    if hosts is not None:
        one_of("host", host, hosts)
    return name


CounterName = Annotated[str, AfterValidator(_counter)]  # of a host, as nstat(8) names it


class Heals(Written):
    """The failure goes away by itself."""

    within: Time


class ExpectedPacket(Written):
    """One packet of every connection that the clients try: who sends what, and how far it comes."""

    by: Host = Field(alias="from")
    kind: KnownPacket
    reaches: Host | None = None  # the other end of the connection, unless something else is written
    again: bool = False  # it must be sent more than once


class Expect(Written):
    """The exact error that the fault must cause, and what the kernels witness of it.

    `packets` is what each connection shows, each kind once, in the order in which the kinds first appear: SYN, SYN-ACK,
    ICMP, and RST by others than the client always count, other kinds where they are named. None at all: `[]`.
    `counters` says by how much a counter of a host moves while the clients try: `server.ListenOverflows: ">0"`.
    """

    outcome: Outcome
    errno: Errno | None = None
    stage: Stage | None = None
    within: Time | None = None
    after: Duration | None = None
    clients: dict[KnownClient, Outcome] = Field(default_factory=dict)
    heals: Heals | None = None
    packets: tuple[ExpectedPacket, ...] | None = None
    counters: dict[CounterName, Amount] = Field(default_factory=dict)

    @pydantic.field_validator("packets")
    @classmethod
    def _each_once(cls, packets: tuple[ExpectedPacket, ...] | None) -> tuple[ExpectedPacket, ...] | None:
        for (by, kind), times in Counter((one.by, one.kind) for one in packets or ()).items():
            if times > 1:
                raise ValueError(f"the {kind} by {by} stands here twice; write it once, with `again` if it is repeated")
        return packets

    @pydantic.model_validator(mode="after")
    def _leaves_time(self) -> Self:
        if self.after is not None and self.within is not None and self.after > self.within:
            raise ValueError("no client can fail both `after` and `within` these times")
        return self

    @pydantic.field_validator("outcome")
    @classmethod
    def _is_an_error(cls, outcome: Outcome) -> Outcome:
        if outcome is Outcome.OK:
            raise ValueError("a fault must make at least one client fail; for single clients use `clients`")
        return outcome
