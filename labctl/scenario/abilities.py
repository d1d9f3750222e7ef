"""What some kernels and engines can and others cannot: found by trying, inside a sandbox, never by version."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

from labctl.model import Ran
from labctl.system import processes
from labctl.system.places import OWN_IMAGE

LOCAL_ENGINE = "local-engine"
TWO_USERS = "two-users"  # what labctl runs on this machine itself can be two users, since labctl is root
USERLAND_PROXY = "userland-proxy"  # connections to published ports are relayed by a process, as is Docker's default
TRIES = 20.0  # seconds that one may take to be tried


@dataclass(frozen=True, slots=True)
class Ability:
    """A shell line that works where the ability is there, and undoes itself; and the image that has its tools."""

    line: str
    tools: str = OWN_IMAGE


def _rule(match: str) -> Ability:
    """Return the ability of iptables to take a rule with this match, tried in a chain that nothing leads to."""
    made = f"iptables -w -N labctl && iptables -w -A labctl {match}"
    return Ability(f"{made}; s=$?; iptables -w -F labctl; iptables -w -X labctl; exit $s")


ABILITIES = {
    LOCAL_ENGINE: Ability(""),  # not tried: the connection tells
    USERLAND_PROXY: Ability(""),  # not tried: the machine's processes tell, while something is published
    TWO_USERS: Ability(""),  # not tried: the kernel tells who labctl is
    "ipv6": Ability("test -e /proc/net/if_inet6"),
    "iptables": Ability("iptables -w -S"),
    "nft": Ability("nft list tables"),
    "conntrack": _rule("-m conntrack --ctstate NEW"),
    "statistic": _rule("-m statistic --mode nth --every 2 --packet 0"),
    "firewalld": Ability("firewalld-service start && firewalld-service stop", tools="labctl-firewalld"),
    "netem": Ability("tc qdisc add dev lo root netem delay 1ms && tc qdisc del dev lo root"),
    "tbf": Ability("tc qdisc add dev lo root tbf rate 1mbit burst 3000 latency 1s && tc qdisc del dev lo root"),
}


def missing(ability: str, tool: Callable[[list[str]], Ran], *, local: bool, published: Collection[str] = ()) -> str:
    """Return why an ability is not there, or nothing where it is.

    `tool` runs a command in a sandbox; `published` are the machine's addresses on which the lab's ports are published.
    """
    if ability == LOCAL_ENGINE:
        return "" if local else "the engine runs on another machine"
    if ability == TWO_USERS:
        return "" if os.geteuid() == 0 else "labctl does not run as root, so all that it starts is one user"
    if ability == USERLAND_PROXY:
        relays = processes.named("docker-proxy")
        relayed = any(word in published for relay in relays for word in relay.argv)
        return "" if relayed else "no docker-proxy of this machine relays what this lab publishes"
    ran = tool(["sh", "-c", ABILITIES[ability].line])
    if ran.exit_code == 0:
        return ""
    return (ran.stderr.strip() or f"exit {ran.exit_code}").splitlines()[0]
