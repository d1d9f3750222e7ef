"""What some kernels and engines can and others cannot: found by trying, inside a sandbox, never by version."""

from __future__ import annotations

from collections.abc import Callable

from labctl.model import Ran

LOCAL_ENGINE = "local-engine"
ABILITIES = {  # a shell line that works where the ability is there, and undoes itself
    LOCAL_ENGINE: "",  # not tried: the connection tells
    "ipv6": "test -e /proc/net/if_inet6",
    "iptables": "iptables -w -S",
    "nft": "nft list tables",
    "conntrack": "iptables -w -N labctl && iptables -w -A labctl -m conntrack --ctstate NEW; s=$?;"
    " iptables -w -F labctl; iptables -w -X labctl; exit $s",
    "statistic": "iptables -w -N labctl && iptables -w -A labctl -m statistic --mode nth --every 2 --packet 0; s=$?;"
    " iptables -w -F labctl; iptables -w -X labctl; exit $s",
    "netem": "tc qdisc add dev lo root netem delay 1ms && tc qdisc del dev lo root",
    "tbf": "tc qdisc add dev lo root tbf rate 1mbit burst 3000 latency 1s && tc qdisc del dev lo root",
}


def missing(ability: str, tool: Callable[[list[str]], Ran], *, local: bool) -> str:
    """Return why an ability is not there, or nothing where it is. `tool` runs a command in a sandbox."""
    if ability == LOCAL_ENGINE:
        return "" if local else "the engine runs on another machine"
    ran = tool(["sh", "-c", ABILITIES[ability]])
    if ran.exit_code == 0:
        return ""
    return (ran.stderr.strip() or f"exit {ran.exit_code}").splitlines()[0]
