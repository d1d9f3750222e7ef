"""A host's way to the others: its connection to the network, its link, its routes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Annotated, Self

import pydantic

from labctl.actions import DEVICE, Action, Proof, Step, shell, tool, verbs
from labctl.language.fields import Host, Network

SMALLEST_MTU, LARGEST_MTU = 68, 65535  # RFC 791; drivers/net/veth.c
ROUTE_TYPES = ("unicast", "blackhole", "unreachable", "prohibit", "throw")  # ip-route(8)


def _settable(value: str) -> str:
    mtu = re.fullmatch(r"mtu (\d{2,5})", value)
    if value not in ("up", "down") and not (mtu and SMALLEST_MTU <= int(mtu[1]) <= LARGEST_MTU):
        raise ValueError(f"a link is set to `up`, to `down`, or to `mtu` and {SMALLEST_MTU} to {LARGEST_MTU}")
    return value


class Disconnect(Action, key="disconnect"):
    """Take a host off its network, as `docker network disconnect` does: its interface is gone."""

    disconnect: Host

    def steps(self) -> Sequence[Step]:
        return [verbs.Disconnect(self.disconnect)]

    def proofs(self) -> Sequence[Proof]:
        return [Proof(f"{self.disconnect} is on no network", verbs.Disconnected(self.disconnect))]

    def typed(self) -> str:
        return f"docker network disconnect NETWORK {self.disconnect}"


class Connect(Action, key="connect"):
    """Put a host back on its network, with the address, the names and the stack's routes that it had.

    With `network: other` it is put on that network of the stack, and is on no other: there it has another address, and
    knows, and is known by, those that are there. The engine may give its interface another name.
    """

    connect: Host
    network: Network | None = None

    def steps(self) -> Sequence[Step]:
        return [verbs.Connect(self.connect, self.network)]

    def proofs(self) -> Sequence[Proof]:
        where = f"the network {self.network}" if self.network else "its network"
        return [Proof(f"{self.connect} is on {where} alone", verbs.Connected(self.connect, self.network))]

    def typed(self) -> str:
        if self.network is None:
            return f"docker network connect --ip ADDRESS NETWORK {self.connect}"
        return f"docker network disconnect NETWORK {self.connect}; docker network connect {self.network} {self.connect}"


class Link(Action, key="link"):
    """Change a host's network interface, as `ip link set` does: `set: down`, `set: up`, `set: mtu 1000`.

    What went with it when it was down (routes) does not come back with it.
    """

    link: Host
    set: Annotated[str, pydantic.AfterValidator(_settable)]

    def steps(self) -> Sequence[Step]:
        return [shell(self.link, f"ip link set {DEVICE} {self.set}")]

    def proofs(self) -> Sequence[Proof]:
        shown = {"up": "state UP", "down": "state DOWN"}.get(self.set, f"{self.set} ")
        line = f"ip -o link show {DEVICE} | grep -q '{shown}'"
        return [Proof(f"the link of {self.link} shows {shown.strip()}", shell(self.link, line))]

    def typed(self) -> str:
        return f"ip link set eth0 {self.set}   # on {self.link}"


class Route(Action, key="route"):
    """Add, replace or delete a route of a host, written as for ip-route(8): `add: blackhole ${address.server}`."""

    route: Host
    add: str | None = None
    replace: str | None = None
    delete: str | None = None

    @pydantic.model_validator(mode="after")
    def _one_of_them(self) -> Self:
        written = [one for one in (self.add, self.replace, self.delete) if one is not None]
        if len(written) != 1:
            raise ValueError("route needs one of `add`, `replace` and `delete`")
        try:
            words = shlex.split(written[0])
        except ValueError as error:
            raise ValueError(f"the route cannot be split into words: {error}") from error
        if (
            not words
            or words[0][:1] in ("", "-")
            or words[0] in ("add", "del", "delete", "replace", "ip", "route")
            or words[-1] in ROUTE_TYPES
        ):
            raise ValueError("a route is written without `ip route add`, such as blackhole ${address.server}")
        return self

    @property
    def _verb(self) -> str:
        return "add" if self.add else "replace" if self.replace else "del"

    @property
    def _words(self) -> list[str]:
        return shlex.split(self.add or self.replace or self.delete or "")

    def steps(self) -> Sequence[Step]:
        return [tool(self.route, "ip", "route", self._verb, *self._words)]

    def proofs(self) -> Sequence[Proof]:
        kind, rest = (self._words[0], self._words[1:]) if self._words[0] in ROUTE_TYPES else ("unicast", self._words)
        there = f"ip route show exact {shlex.join([*rest, 'type', kind])} | grep -q ."
        if self.delete:
            return [Proof(f"the route is gone on {self.route}", shell(self.route, f"! {there}"))]
        return [Proof(f"the route is listed on {self.route}", shell(self.route, there))]

    def typed(self) -> str:
        return f"ip route {self._verb} {shlex.join(self._words)}   # on {self.route}"
