"""A service that has been taken over reaches neither the machine nor another run, by whatever address or name.

Each attempt is made with every address that the machine has, and with nothing else on any network: what fails from
inside of a lab succeeds from the machine itself, and between the hosts of one lab.
"""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from ipaddress import IPv4Network
from typing import Any

import pytest

from labctl.engine.connection import DEFAULT_SOCKET
from labctl.lab.lab import Lab
from labctl.lab.session import Session
from labctl.run.run import Options
from labctl.system.waiting import poll
from support.hostile import ANSWERS, MACHINE, loaded, standing, told
from support.labs import inspect, sandbox_of

KNOCK = """
import json, socket, sys
what, targets = sys.argv[1], json.loads(sys.argv[2])
came = {}
for name, (family, kind, address) in targets.items():
    try:
        with socket.socket(getattr(socket, family), getattr(socket, kind)) as knocking:
            knocking.settimeout(0.5)
            knocking.connect(tuple(address) if isinstance(address, list) else address)
            knocking.send(f"{what} {name}".encode())
            came[name] = "sent"
    except OSError as error:
        came[name] = type(error).__name__
print(json.dumps(came))
"""
SERVES = (
    ANSWERS
    + """
listening = socket.socket(socket.AF_UNIX)
listening.bind(chr(0) + "of the lab")
listening.listen()
threading.Thread(target=lambda: [listening.accept() for _ in iter(int, 1)], daemon=True).start()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 8080))
threading.Thread(target=lambda: [print(udp.recv(200).decode(), flush=True) for _ in iter(int, 1)], daemon=True).start()
serve()
"""
)
LOOKS = """
import json, os
seen = {"processes": [], "files": os.path.exists("/home/lab/other-run"), "mounts": open("/proc/self/mounts").read()}
for name in os.listdir("/proc"):
    if name.isdigit():
        try:
            seen["processes"].append(open(f"/proc/{name}/cmdline").read())
        except OSError:
            pass
print(json.dumps(seen))
"""
Targets = dict[str, tuple[str, str, Any]]


class Listeners:
    """Listens on every address of the machine, and keeps what arrived."""

    def __init__(self, undo: ExitStack) -> None:
        self.arrived: list[str] = []
        self.abstract = f"\0labctl-test-{secrets.token_hex(8)}"
        self.port = 0
        wildcards = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            for family, wildcard in wildcards:
                one = undo.enter_context(closing(socket.socket(family, kind)))
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.bind((wildcard, self.port))
                self.port = one.getsockname()[1]
                self._serve(one, undo)
        unix = undo.enter_context(closing(socket.socket(socket.AF_UNIX)))
        unix.bind(self.abstract)
        self._serve(unix, undo)

    def _serve(self, one: socket.socket, undo: ExitStack) -> None:
        streams = one.type == socket.SOCK_STREAM
        one.settimeout(0.05)
        if streams:
            one.listen(64)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    if streams:
                        with one.accept()[0] as connection:
                            connection.settimeout(1)
                            self.arrived.append(connection.recv(200).decode())
                    else:
                        self.arrived.append(one.recv(200).decode())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        undo.callback(thread.join)
        undo.callback(over.set)


@pytest.fixture(scope="module")
def listeners(session: Session) -> Iterator[Listeners]:
    if not session.connection.local:
        pytest.skip("the engine runs on another machine, so this one is out of its labs' reach anyway")
    with ExitStack() as undo:
        yield Listeners(undo)


USER, ROOT = {"service": {"user": "1000"}}, {"service": {"user": "0"}}
BESIDE = {"service": {"user": "0", "ports": ["19890:8080"]}, **MACHINE}  # the machine itself is on its network


@pytest.fixture(scope="module", params=[USER, ROOT, BESIDE], ids=["user", "root", "beside-the-machine"])
def lab(
    request: pytest.FixtureRequest, session: Session, options: Options, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    of = loaded(tmp_path_factory.mktemp("reach"), "reach", SERVES, **request.param)
    with standing(of, session, options) as up:
        yield up


@pytest.fixture(scope="module")
def other(session: Session, options: Options, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Bring up another run's lab, which is there at the same time."""
    program = f"open('/home/lab/other-run', 'w').close()\n{SERVES}"
    of = loaded(tmp_path_factory.mktemp("other"), "other", program)
    with standing(of, session, options) as up:
        yield up


def addresses() -> list[tuple[str, str]]:
    """Return every address of the machine now, and the device that has it: ip-address(8)."""
    lines = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [(words[3].split("/")[0], words[1]) for words in map(str.split, lines)]


def machine(port: int, abstract: str) -> Targets:
    """Return every way to the machine, but for those of what others bring up and take down meanwhile."""
    targets: Targets = {"abstract": ("AF_UNIX", "SOCK_STREAM", abstract)}
    for address, device in addresses():
        if device.startswith("veth"):
            continue
        for kind in ("SOCK_STREAM", "SOCK_DGRAM"):
            if ":" not in address:
                targets[f"{address} {kind}"] = ("AF_INET", kind, [address, port])
            else:
                scope = socket.if_nametoindex(device) if address.startswith("fe80") else 0
                targets[f"{address}%{device} {kind}"] = ("AF_INET6", kind, [address, port, 0, scope])
    return targets


def knock(lab: Lab, what: str, targets: Targets) -> dict[str, str]:
    came: dict[str, str] = told(lab, "server", KNOCK, what, json.dumps(targets), seconds=120)
    return came


def test_the_listeners_hear_everything_from_the_machine_itself(listeners: Listeners) -> None:
    """The listeners work, and so does the knocking: every address, TCP and UDP, and the abstract socket."""
    targets = machine(listeners.port, listeners.abstract)
    assert {"127.0.0.1 SOCK_STREAM", "127.0.0.1 SOCK_DGRAM", "abstract"} <= targets.keys()
    here = subprocess.run(
        ["python3", "-c", KNOCK, "here", json.dumps(targets)], capture_output=True, text=True, check=True
    )
    came = json.loads(here.stdout)
    heard = {name for name, end in came.items() if end == "sent"}
    assert {name for name in targets if "fe80" not in name} <= heard  # a bridge may go meanwhile
    poll(lambda: {f"here {name}" for name in heard} <= set(listeners.arrived), 10, "the listeners to have heard it all")


def test_a_service_reaches_no_address_of_the_machine(lab: Lab, session: Session, listeners: Listeners) -> None:
    """A link-local address is tried by the lab's own device as well, which the machine's bridge is the other end of."""
    targets = machine(listeners.port, listeners.abstract)
    attached = inspect(session, sandbox_of(session, lab, "server"))["NetworkSettings"]["Networks"]
    [network] = attached.values()
    shown = session.connection.api.inspect_network(network["NetworkID"])
    gateway = str(IPv4Network(shown["IPAM"]["Config"][0]["Subnet"])[1])
    here = int(lab.tool("server", ["cat", "/sys/class/net/eth0/ifindex"], 5).stdout)
    bridges = [address for address, device in addresses() if device == f"br-{network['NetworkID'][:12]}"]
    assert bridges, "the machine's end of the lab's network has no link-local address here"
    for kind in ("SOCK_STREAM", "SOCK_DGRAM"):
        targets[f"gateway {kind}"] = ("AF_INET", kind, [gateway, listeners.port])
        for address in bridges:
            targets[f"{address}%eth0 {kind}"] = ("AF_INET6", kind, [address, listeners.port, 0, here])
    came = knock(lab, "inside", targets)
    streams = {name: end for name, end in came.items() if not name.endswith("SOCK_DGRAM")}
    assert "sent" not in streams.values(), streams

    def resolving() -> bool:
        return "INCOMPLETE" in lab.tool("server", ["ip", "neigh", "show", gateway], 5).stdout

    poll(lambda: not resolving(), 10, "the host's kernel to have given up every datagram")
    assert not [one for one in listeners.arrived if one.startswith("inside")]


def test_the_engine_s_socket_is_not_there(lab: Lab, session: Session) -> None:
    sockets = {
        DEFAULT_SOCKET,
        session.connection.address,
        "unix:///run/docker.sock",
        "unix:///run/containerd/containerd.sock",
    }
    targets: Targets = {one: ("AF_UNIX", "SOCK_STREAM", one.removeprefix("unix://")) for one in sockets}
    assert set(knock(lab, "inside", targets).values()) <= {"FileNotFoundError", "PermissionError"}
    with socket.socket(socket.AF_UNIX) as here:
        here.connect(session.connection.address.removeprefix("unix://"))


def own(lab: Lab, host: str = "server") -> Targets:
    """Return the ways to a lab's own host."""
    address = lab.values[f"address.{host}"]
    return {kind: ("AF_INET", kind, [address, 8080]) for kind in ("SOCK_STREAM", "SOCK_DGRAM")}


def test_a_service_does_reach_its_own_lab(lab: Lab) -> None:
    """The same knocking succeeds where it may: at its own host by its address, and at its own abstract socket."""
    targets: Targets = {**own(lab), "abstract": ("AF_UNIX", "SOCK_STREAM", "\0of the lab")}
    assert set(knock(lab, "inside", targets).values()) == {"sent"}


def test_a_service_reaches_no_host_of_another_run(lab: Lab, other: Lab) -> None:
    """Neither of its hosts, by TCP or by UDP; the other run's hosts do reach each other."""
    targets: Targets = {**own(other), **{f"client {kind}": way for kind, way in own(other, "client").items()}}
    came = knock(lab, "inside", targets)
    assert came["SOCK_STREAM"] != "sent"
    assert came["client SOCK_STREAM"] != "sent"
    within = other.execute("client", ["python3", "-c", KNOCK, "within", json.dumps(own(other))], 20)
    assert set(json.loads(within.stdout).values()) == {"sent"}
    poll(lambda: "within SOCK_DGRAM" in other.pod("server").log(), 10, "a datagram from within to arrive")
    assert "inside" not in other.pod("server").log()


def test_a_service_sees_no_process_and_no_file_of_another_run(lab: Lab, other: Lab) -> None:
    assert other.execute("server", ["test", "-e", "/home/lab/other-run"], 10).exit_code == 0
    seen = told(lab, "server", LOOKS)
    assert not seen["files"]
    assert any("of the lab" in one for one in seen["processes"])
    assert not any("open('/home/lab/other-run'" in one for one in seen["processes"])
    assert any("open('/home/lab/other-run'" in one for one in told(other, "server", LOOKS)["processes"])


def test_a_service_can_change_nothing_of_its_network(lab: Lab) -> None:
    """No route, no address, no rule, no setting, no raw packet: it holds neither NET_ADMIN nor NET_RAW."""
    for line in (
        "ip route add 127.0.0.2/32 dev eth0",
        "ip addr add 198.18.0.1/32 dev eth0",
        "ip neigh add 198.18.0.1 lladdr 02:00:00:00:00:01 dev eth0",
        "ip link set eth0 down",
        "iptables -F",
        "nft flush ruleset",
        "echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6",
        "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)'",
        "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'",
        "unshare --net true",
        "unshare --user --net true",
    ):
        assert lab.execute("server", ["sh", "-c", line], 10).exit_code != 0, line
    for line in ("ip route", "ip neigh", "cat /proc/sys/net/ipv6/conf/all/disable_ipv6"):
        assert lab.execute("server", ["sh", "-c", line], 10).exit_code == 0, line
    assert lab.execute("server", ["cat", "/proc/sys/net/ipv6/conf/all/disable_ipv6"], 10).stdout == "1\n"
