"""What the agent tells of its host when it is asked: every packet at once, each once, how many were lost, all sockets."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import pytest

from labctl.errors import AgentRefused
from labctl.kernel import counters, packets, sockets
from labctl.kernel.pcap import RECORD, Captured, header
from labctl.lab.lab import Lab
from labctl.lab.witness import Limits
from labctl.model import Listening
from labctl.system.waiting import poll

ANSWERS = 10.0  # seconds
EVERYTHING = Limits()
CLOSED = 9  # a port on which nobody listens
TIMES = 400
KNOCK = """
import errno, socket, sys
for _ in range(int(sys.argv[3])):
    with socket.socket() as one:
        assert one.connect_ex((sys.argv[1], int(sys.argv[2]))) == errno.ECONNREFUSED
"""
SOCKETS, CROWDED = 300, 4711
CROWD = """
import signal, socket, sys
port, count = map(int, sys.argv[1:])
listener = socket.create_server(("127.0.0.1", port), backlog=count)
there = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
signal.pause()
"""


class Host:
    """One host of a lab, whose agent is asked as labctl asks it."""

    def __init__(self, lab: Lab, name: str) -> None:
        self._lab = lab
        self._name = name
        self._agent = lab.pod(name).agent

    def capture(self, limits: Limits = EVERYTHING) -> None:
        """Begin to capture."""
        self._agent.ask("capture", ANSWERS, limits=asdict(limits))

    def look(self, *, last: bool = False) -> Mapping[str, Any]:
        """Look."""
        told: Mapping[str, Any] = self._agent.ask("look", ANSWERS, question=sockets.question(), last=last)
        return told

    def packets(self, told: Mapping[str, Any]) -> Counter[str]:
        """Return how many packets of each kind a look shows of connections to the closed port."""
        captured = Captured(self._name, header() + records(told))
        found = packets.connections([captured], self._lab.values, "client", 0, told["at"] + 1)
        return Counter(one.kind for of in found if of.port == CLOSED for one in of.packets)

    def printed(self, *argv: str) -> str:
        """Return what a command prints here."""
        return self._lab.tool(self._name, list(argv), ANSWERS).stdout


def records(told: Mapping[str, Any]) -> bytes:
    return base64.b64decode(told["captured"]["records"])


def count(told: Mapping[str, Any]) -> int:
    """Return how many records a look shows, of whatever packets."""
    at, number, raw = 0, 0, records(told)
    while at < len(raw):
        at += RECORD.size + RECORD.unpack_from(raw, at)[2]
        number += 1
    return number


@pytest.fixture
def server(lab: Lab) -> Iterator[Host]:
    host = Host(lab, "server")
    yield host
    host.look(last=True)


@pytest.fixture
def client(lab: Lab) -> Iterator[Host]:
    host = Host(lab, "client")
    yield host
    host.look(last=True)


def knock(lab: Lab, times: int, *, at: str = "") -> None:
    """Let the client connect so often to a port on which nobody listens: of the server, or of another address."""
    argv = ["python3", "-c", KNOCK, at or lab.values["address.server"], str(CLOSED), str(times)]
    assert lab.tool("client", argv, ANSWERS).exit_code == 0


def test_a_look_after_traffic_has_every_packet_at_once(lab: Lab, client: Host, server: Host) -> None:
    """Nothing waits in a buffer until there is more of it, neither where it was sent nor where it came to."""
    client.capture()
    server.capture()
    for times in (1, 40, TIMES):
        knock(lab, times)
        for host in (server, client):
            told = host.look()
            assert host.packets(told) == {"SYN": times, "RST": times}
            assert told["captured"]["dropped"] == 0


def test_two_looks_do_not_repeat_packets(lab: Lab, server: Host) -> None:
    server.capture()
    knock(lab, 3)
    assert server.packets(server.look()) == {"SYN": 3, "RST": 3}
    assert server.packets(server.look()) == {}
    knock(lab, 1)
    assert server.packets(server.look()) == {"SYN": 1, "RST": 1}


def test_packets_that_were_lost_are_counted(lab: Lab, server: Host) -> None:
    """What is there and what is not are together what passed; who looks again hears of all that were lost so far."""
    server.capture(replace(EVERYTHING, buffer=1))
    knock(lab, TIMES)
    told = server.look()
    dropped = told["captured"]["dropped"]
    assert count(told) > 0  # the first that came, which need not be a knock
    assert sum(server.packets(told).values()) < 2 * TIMES
    assert 2 * TIMES <= count(told) + dropped <= 2 * TIMES + 20  # of ARP, say
    assert server.look()["captured"]["dropped"] >= dropped
    knock(lab, TIMES)
    assert server.look()["captured"]["dropped"] > 1.5 * dropped


def test_the_last_look_has_everything_and_ends_the_capture(lab: Lab, server: Host) -> None:
    server.capture()
    assert len(packet_sockets(server)) == 1
    knock(lab, 2)
    last = server.look(last=True)
    assert server.packets(last) == {"SYN": 2, "RST": 2}
    assert last["captured"]["over"] == ""
    poll(lambda: packet_sockets(server) == [], ANSWERS, "the capture's socket to be closed")
    knock(lab, 2)
    after = server.look()
    assert (records(after), after["captured"]["over"]) == (b"", "it was closed")


def packet_sockets(host: Host) -> list[str]:
    """Return the kernel's own list of who captures (packet(7))."""
    return host.printed("cat", "/proc/net/packet").splitlines()[1:]


def test_a_limit_ends_a_capture_at_exactly_as_many_packets(lab: Lab, server: Host) -> None:
    server.capture(replace(EVERYTHING, packets=7))
    knock(lab, 20)
    told = server.look()
    assert count(told) == 7
    assert told["captured"]["over"] == "it reached its limit (7 packets, 900 s)"
    assert packet_sockets(server) == []
    assert server.look()["captured"]["over"] == told["captured"]["over"]


def test_a_capture_keeps_no_more_of_a_packet_than_it_should(lab: Lab, client: Host) -> None:
    """And says how long each was."""
    client.capture(replace(EVERYTHING, snap=96))
    target = f"http://{lab.values['address.server']}:8080/{'x' * 1000}"
    assert client.printed("curl", "-sS", target) == "hello\n"
    raw, at, kept, there = records(client.look()), 0, [], []
    while at < len(raw):
        _, _, captured, length = RECORD.unpack_from(raw, at)
        at += RECORD.size + captured
        kept.append(captured)
        there.append(length)
    assert max(kept) == 96
    assert max(there) > 1000


def test_what_goes_over_loopback_is_there_once(lab: Lab, client: Host) -> None:
    """It leaves and comes back on the same interface; libpcap keeps what came, too."""
    client.capture(replace(EVERYTHING, interface="lo"))
    knock(lab, 5, at="127.0.0.1")
    assert count(client.look()) == 2 * 5


def test_an_interface_that_there_is_not_is_refused_and_the_agent_goes_on(server: Host) -> None:
    with pytest.raises(AgentRefused, match="No such device"):
        server.capture(replace(EVERYTHING, interface="eth7"))
    assert server.printed("echo", "alive") == "alive\n"


@contextmanager
def crowd(server: Host) -> Iterator[None]:
    """Keep many sockets open on the server, all of them to itself."""
    started = 'python3 -c "$0" "$@" >/dev/null 2>&1 & echo $!'
    pid = server.printed("sh", "-c", started, CROWD, str(CROWDED), str(SOCKETS)).strip()
    try:
        poll(lambda: states(server)["ESTAB"] >= 2 * SOCKETS, ANSWERS, "the sockets to be there")
        yield
    finally:
        server.printed("kill", pid)


def states(host: Host) -> Counter[str]:
    """Return how many sockets are in which state, as ss(8) has it."""
    return Counter(line.split()[0] for line in host.printed("ss", "-Htan").splitlines())


def test_sock_diag_tells_of_some_hundred_sockets(server: Host) -> None:
    """More than the kernel's messages hold at once (netlink(7)), and as many as ss(8) counts."""
    with crowd(server):
        answers = server.look()["sockets"]
        seen = states(server)
    assert len(answers) > 1 << 15
    listeners, others = sockets.read(answers)
    assert Listening("127.0.0.1", CROWDED, backlog=SOCKETS, waiting=SOCKETS) in listeners
    assert others["ESTAB"] == seen["ESTAB"] == 2 * SOCKETS
    assert len(listeners) == seen["LISTEN"]


def test_the_counters_are_those_that_nstat_shows(lab: Lab, server: Host, client: Host) -> None:
    """All of them but those of IPv6, by the same names and with the same numbers, before and after."""
    for host in (server, client):
        for times in (0, 3):
            knock(lab, times)
            told, shown = counters.read(host.look()["counters"]), nstat(host)
            assert shown.keys() >= {"TcpOutRsts", "TcpExtListenOverflows", "IpInReceives", "IcmpOutDestUnreachs"}
            compared = {name: number for name, number in shown.items() if "6" not in name}
            assert {name: told.get(name) for name in compared} == compared


def nstat(host: Host) -> dict[str, int]:
    """Return every counter, by the command of that name."""
    lines = host.printed("nstat", "-asz").splitlines()[1:]  # a line of its own comes first
    return {name: int(number) for name, number, _ in map(str.split, lines)}


def test_the_listeners_are_those_that_ss_shows(lab: Lab, server: Host, client: Host) -> None:
    """Also of IPv6, and of a server that accepts nothing, with what waits for it."""
    stubborn = {"ACCEPT": "never", "BACKLOG": "5", "HOST": "::"}
    lab.pod("server").recreate(environment=stubborn, command=None)
    poll(lambda: any(one.port == 8080 for one in listeners(server)), ANSWERS, "the server to listen")
    program = lab.pod("client").clients
    assert program is not None
    held = program.ask("hold", ANSWERS, count=4, host="server", port=8080, timeout=1.0)
    assert held["failures"] == []
    try:
        for host in (server, client):
            assert listeners(host) == ss(host)
        assert Listening("::", 8080, backlog=5, waiting=4) in listeners(server)
    finally:
        program.ask("release", ANSWERS)
        lab.pod("server").recreate(environment={}, command=None)


def listeners(host: Host) -> set[Listening]:
    """Return the listeners that a look tells of."""
    return set(sockets.read(host.look()["sockets"])[0])


def ss(host: Host) -> set[Listening]:
    """Return the listeners, by the command of that name: its Recv-Q is what waits, its Send-Q the backlog."""
    found = set()
    for line in host.printed("ss", "-Hltn").splitlines():
        _, waiting, backlog, local, *_ = line.split()
        address, _, port = local.rpartition(":")
        address = "::" if address in ("*", "[::]") else address  # "*" takes both
        found.add(Listening(address, int(port), int(backlog), int(waiting)))
    return found
