"""An independent witness: tcpdump, on the client's own network, prints the packets that labctl says there were.

It runs in a container of its own beside the client while all clients try, and is read here by its own words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from labctl import actions
from labctl.engine.labels import ROLE
from labctl.engine.spec import ContainerSpec
from labctl.engine.stream import STDERR, Stream
from labctl.kernel import pcap
from labctl.lab.deploy import deployed
from labctl.lab.lab import Lab
from labctl.lab.request import LabRequest
from labctl.lab.session import Session
from labctl.model import Connection, Result, Verdict
from labctl.results.journal import Journal, new_folder
from labctl.run.evidence import Witnesses
from labctl.run.run import EVERYTHING, Options
from labctl.scenario.load import load
from labctl.system.places import installed
from labctl.system.waiting import poll
from support import trying, understanding
from support.labs import sandbox_of

actions.discover()
SOON = 10.0  # seconds
TIMEOUT = 1.2  # seconds: long enough for a SYN to be sent again (tcp(7)), and soon over
PORT = 8080
RULE = f"INPUT -p tcp --dport {PORT} -j"
PROHIBIT = "REJECT --reject-with icmp-admin-prohibited"

# what the server does to all clients: what is done for it, and how that is undone
TIMES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "is down": ({"stop": "server"}, {"start": "server", "until": {"listens": f"0.0.0.0:{PORT}"}}),
    "answers": ({"run": "true", "host": "server"}, {"run": "true", "host": "server"}),
    "drops": ({"iptables": "server", "rule": f"{RULE} DROP"}, {"iptables": "server", "delete": f"{RULE} DROP"}),
    "rejects": ({"iptables": "server", "rule": f"{RULE} REJECT"}, {"iptables": "server", "delete": f"{RULE} REJECT"}),
    "prohibits": ({"iptables": "server", "rule": f"{RULE} {PROHIBIT}"}, {"iptables": "server", "delete": f"{RULE} {PROHIBIT}"}),
}  # fmt: skip
KINDS = {  # that must be among what is compared
    "is down": {pcap.SYN, pcap.RST},
    "answers": {pcap.SYN, pcap.SYN_ACK, pcap.ACK, pcap.DATA, pcap.FIN},
    "drops": {pcap.SYN},
    "rejects": {pcap.SYN, "ICMP port-unreachable"},
    "prohibits": {pcap.SYN, "ICMP admin-prohibited"},
}

TCPDUMP = ["tcpdump", "-i", "any", "-n", "-l", "-v", "-tt", "--immediate-mode", "-s", "256"]
"""Its buffer has room for eight packets, unless they are cut (2 MiB, each as long as any may be)."""
BEGINS = re.compile(r"^(?=\d+\.\d{6} )", re.MULTILINE)  # a packet; what follows of it is indented
ADDRESS = r"(?:\d+\.){3}\d+"
TCP = re.compile(rf"^ {{4}}{ADDRESS}\.(\d+) > {ADDRESS}\.(\d+): Flags \[([^]]+)\].*?, length (\d+)", re.MULTILINE)
ICMP = re.compile(rf"^ {{4}}{ADDRESS} > {ADDRESS}: ICMP (.*), length \d+$", re.MULTILINE)
ERRORS = {
    "tcp port 8080 unreachable": "ICMP port-unreachable",
    "unreachable - admin prohibited filter": "ICMP admin-prohibited",
}

Counted = Counter[tuple[int, int, str]]  # packets: from port, to port, kind; of an ICMP error the ports that it quotes


@dataclass(frozen=True)
class Seen:
    """What both saw of one time that all clients tried."""

    labctl: Counted
    tcpdump: Counted


class Tcpdump:
    """A running tcpdump, and what it has printed so far."""

    def __init__(self) -> None:
        self.printed = ""
        self.said = ""  # on standard error
        self.over = False

    def take(self, number: int, output: bytes) -> None:
        """Take what it prints."""
        if number == STDERR:
            self.said += output.decode()
        else:
            self.printed += output.decode()

    def end(self) -> None:
        """Take note that it is over."""
        self.over = True

    def between(self, since: float, until: float) -> Counted:
        """Return what it printed of the packets of some time, seconds since 1970."""
        printed = [one for one in BEGINS.split(self.printed) if one]
        return Counter(_read(one) for one in printed if since <= float(one.split()[0]) < until)


def _read(printed: str) -> tuple[int, int, str]:
    """Read one packet: of an ICMP error, the TCP header that it quotes has the ports."""
    tcp, icmp = TCP.search(printed), ICMP.search(printed)
    assert tcp is not None, printed
    source, target, flags, length = tcp.groups()
    if icmp is not None:
        [kind] = [kind for words, kind in ERRORS.items() if icmp[1].endswith(words)]
    elif "R" in flags:
        kind = pcap.RST
    elif "S" in flags:
        kind = pcap.SYN_ACK if "." in flags else pcap.SYN
    elif "F" in flags:
        kind = pcap.FIN
    else:
        kind = pcap.DATA if int(length) else pcap.ACK
    return int(source), int(target), kind


@contextmanager
def tcpdump(session: Session, lab: Lab) -> Iterator[Tcpdump]:
    """Have tcpdump listen beside the client; at the end of the block it has printed everything."""
    seen = Tcpdump()
    about = f"host {lab.values['address.server']} and (tcp or icmp)"
    container = session.containers.create(
        ContainerSpec(
            name=f"{lab.pod('client').place.name}-tcpdump",
            image=session.image,
            command=[*TCPDUMP, about],
            labels={**lab.pod("client").place.labels, ROLE: "tcpdump"},
            user="0",
            joins=sandbox_of(session, lab, "client"),
            capabilities=("NET_RAW", "SETUID", "SETGID"),  # it becomes a user of its own, which no sandbox can
        )
    )
    try:
        Stream(session.connection, container, writes=False).listen(seen.take, seen.end)
        session.containers.start(container)
        poll(lambda: "listening on any" in seen.said, SOON, "tcpdump to listen", last=lambda: seen.said)
        yield seen
        session.containers.kill(container, "SIGINT")
        poll(lambda: seen.over, SOON, "tcpdump to end", last=lambda: seen.said)
    finally:
        session.containers.remove(container)


def of(written: Mapping[str, Any]) -> actions.Action:
    """Read an action as it stands in a scenario."""
    return actions.registry[actions.key_of(written) or ""].model_validate(written)


def everybody_tries(lab: Lab) -> None:
    """Let all clients try at once, whatever comes of it, and wait until nothing is on its way any more."""
    trying.all_of(lab, understanding.of("http"), f"http://server:{PORT}/", TIMEOUT)
    for host in ("client", "server"):
        poll(partial(quiet, lab, host), SOON, f"no connection to be left on {host}")


def quiet(lab: Lab, host: str) -> bool:
    """Tell whether no connection of a host is about to send anything more."""
    return not lab.tool(host, ["ss", "-Htan", "exclude", "time-wait", "exclude", "listening"], SOON).stdout


def counted(connections: tuple[Connection, ...]) -> Counted:
    """Return what labctl knows of the packets that left the client or came to it."""
    found: Counted = Counter()
    for one in connections:
        to_server, to_client = (one.client_port, one.port), (one.port, one.client_port)
        for packet in one.packets:
            by_client = packet.by == one.client or packet.kind in pcap.ICMP_KINDS
            if one.client in (packet.by, packet.reached):
                found[(*(to_server if by_client else to_client), packet.kind)] += 1
    return found


@pytest.fixture(scope="module")
def seen(session: Session, options: Options) -> dict[str, Seen]:
    """Let all clients try each time, while both listen."""
    loaded = load(installed("scenarios") / "firewall-reject.yaml")  # it lets the server send any ICMP
    journal = Journal(new_folder(options.runs, "tcpdump", since=session.began))
    found = {}
    with deployed(LabRequest.of(loaded, EVERYTHING), session, journal) as lab:
        witnesses = Witnesses(lab, journal, "client")
        with tcpdump(session, lab) as independent:
            for time, (done, undone) in TIMES.items():
                lab.apply(of(done))
                with witnesses.watching() as watched:
                    everybody_tries(lab)
                assert watched is not None
                lab.apply(of(undone))
                found[time] = watched, witnesses.evidence(watched)
        witnesses.close()
    journal.conclude(Result("tests", "tcpdump", "", "", Verdict.SKIPPED, "", "", journal.now, ()))
    assert "\n0 packets dropped by kernel" in independent.said
    assert [evidence.flaws for _, evidence in found.values()] == [()] * len(TIMES)
    return {
        time: Seen(
            counted(evidence.connections),
            independent.between(watched.before["client"].at, watched.after["client"].at),
        )
        for time, (watched, evidence) in found.items()
    }


@pytest.mark.parametrize("time", TIMES)
def test_tcpdump_and_labctl_see_the_same_packets_where_the_server(time: str, seen: dict[str, Seen]) -> None:
    """Every packet of every client, by its ports and kind, as often as it passed."""
    assert seen[time].labctl == seen[time].tcpdump


@pytest.mark.parametrize("time", TIMES)
def test_there_is_something_of_every_client_to_compare_where_the_server(time: str, seen: dict[str, Seen]) -> None:
    kinds = {kind for _, _, kind in seen[time].tcpdump}
    assert kinds >= KINDS[time]
    assert sum(kind == pcap.SYN for _, _, kind in seen[time].tcpdump) == len(understanding.of("http"))


def test_a_syn_that_is_sent_again_is_seen_again(seen: dict[str, Seen]) -> None:
    again = [port for (port, _, kind), times in seen["drops"].tcpdump.items() if kind == pcap.SYN and times == 2]
    assert len(again) > 1
