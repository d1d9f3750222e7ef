"""What some kernels and engines can and others cannot: found by trying, inside a sandbox, never by version."""

from __future__ import annotations

ABILITIES = {  # a shell line that works where the ability is there, and undoes itself
    "ipv6": "test -e /proc/net/if_inet6",
    "iptables": "iptables -w -S",
    "nft": "nft list tables",
    "conntrack": "iptables -w -N labctl && iptables -w -A labctl -m conntrack --ctstate NEW; s=$?;"
    " iptables -w -F labctl; iptables -w -X labctl; exit $s",
    "statistic": "iptables -w -N labctl && iptables -w -A labctl -m statistic --mode nth --every 2; s=$?;"
    " iptables -w -F labctl; iptables -w -X labctl; exit $s",
    "netem": "tc qdisc add dev lo root netem delay 1ms && tc qdisc del dev lo root",
    "tbf": "tc qdisc add dev lo root tbf rate 1mbit burst 3000 latency 1s && tc qdisc del dev lo root",
}
LOCAL_ENGINE = "local-engine"  # not tried: the connection tells
