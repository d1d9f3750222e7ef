"""A lab reaches nothing but itself, and what runs in it holds no more rights than it needs.

Nothing here probes any address but those of the lab's own subnet.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Network
from itertools import pairwise
from typing import Any

import pytest

from labctl.engine.labels import SESSION
from labctl.lab.lab import Lab
from labctl.lab.session import Session
from labctl.lab.subnets import POOL, PREFIX
from support.labs import inspect, sandbox_of

HOSTS = ("server", "client")
NET_ADMIN_AND_NET_RAW = "0000000000003000"  # bits 12 and 13, capabilities(7)
NONE = "0000000000000000"
TRY = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1)"


@pytest.fixture(scope="module")
def network(lab: Lab, session: Session) -> dict[str, Any]:
    """Return what the engine says of the lab's network."""
    attached = inspect(session, sandbox_of(session, lab, "server"))["NetworkSettings"]["Networks"]
    [one] = attached.values()
    told: dict[str, Any] = session.connection.api.inspect_network(one["NetworkID"])
    return told


@pytest.fixture
def listener(session: Session) -> Iterator[socket.socket]:
    """Listen on every address of this machine, on a port of the kernel's choice."""
    if not session.connection.local:
        pytest.skip("the engine runs on another machine, so this one is out of its labs' reach anyway")
    with closing(socket.create_server(("0.0.0.0", 0))) as listening:
        listening.setblocking(False)
        yield listening


def status(lab: Lab, host: str, *, tools: bool) -> dict[str, str]:
    """Return a process's capabilities and user, as proc(5) shows them."""
    command = ["cat", "/proc/self/status"]
    ran = lab.tool(host, command, 5) if tools else lab.execute(host, command, 10)
    return dict(line.split(":\t") for line in ran.stdout.splitlines() if ":\t" in line)


@pytest.mark.parametrize("host", HOSTS)
def test_no_host_reaches_the_machine_by_the_bridge_s_address(
    lab: Lab, network: dict[str, Any], listener: socket.socket, host: str
) -> None:
    [pool] = network["IPAM"]["Config"]
    bridge = pool.get("Gateway") or str(IPv4Network(pool["Subnet"])[1])
    ran = lab.tool(host, ["python3", "-c", TRY, bridge.split("/")[0], str(listener.getsockname()[1])], 5)
    assert ran.exit_code == 1, ran.output
    assert "Error" in ran.stderr
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize("host", HOSTS)
def test_the_machine_has_no_address_in_the_lab(lab: Lab, network: dict[str, Any], host: str) -> None:
    """Nobody answers for the bridge's address, so that no other way into the machine is open there either."""
    bridge = str(IPv4Network(network["IPAM"]["Config"][0]["Subnet"])[1])
    lab.tool(host, ["python3", "-c", TRY, bridge, "9"], 5)
    neighbour = lab.tool(host, ["ip", "neigh", "show", bridge], 5).stdout
    assert "lladdr" not in neighbour


def test_hosts_do_reach_each_other(lab: Lab) -> None:
    """The same attempt that must fail towards the machine succeeds between hosts."""
    assert lab.tool("client", ["python3", "-c", TRY, "server", "8080"], 5).exit_code == 0


@pytest.mark.parametrize("host", HOSTS)
def test_a_route_out_leads_nowhere(lab: Lab, network: dict[str, Any], host: str) -> None:
    """Some engines set a default route all the same: by the bridge's address, which nobody has, see above."""
    bridge = str(IPv4Network(network["IPAM"]["Config"][0]["Subnet"])[1])
    words = lab.tool(host, ["ip", "route"], 5).stdout.split()
    assert {after for word, after in pairwise(words) if word == "via"} <= {bridge}


def test_the_network_is_internal_small_and_out_of_the_pool(network: dict[str, Any]) -> None:
    assert network["Internal"] is True
    [pool] = network["IPAM"]["Config"]
    subnet = IPv4Network(pool["Subnet"])
    assert subnet.subnet_of(POOL)
    assert subnet.prefixlen == PREFIX


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", ["nowhere", "nowhere.example", "SERVER.example"])
def test_an_unknown_name_does_not_exist_and_the_answer_comes_from_the_host_itself(
    lab: Lab, host: str, name: str
) -> None:
    began = time.monotonic()
    told = lab.tool(host, ["dig", "+tries=1", "+time=2", name], 5).stdout
    assert "status: NXDOMAIN" in told
    assert "SERVER: 127.0.0.1#53" in told
    assert lab.tool(host, ["getent", "ahostsv4", name], 5).exit_code == 2
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("host", HOSTS)
def test_no_question_can_leave_the_lab(lab: Lab, host: str) -> None:
    """The one resolver that programs ask is the host's own, for all containers of the host."""
    for shown in (lab.tool(host, ["cat", "/etc/resolv.conf"], 5), lab.execute(host, ["cat", "/etc/resolv.conf"], 10)):
        assert shown.stdout.splitlines() == ["nameserver 127.0.0.1", "options timeout:1 attempts:1"]


@pytest.mark.parametrize("host", HOSTS)
def test_the_lab_s_names_are_known_everywhere_in_it(lab: Lab, host: str) -> None:
    assert set(HOSTS) == set(lab.pods)
    for other in HOSTS:
        told = lab.execute(host, ["getent", "ahostsv4", other], 10)
        assert told.exit_code == 0, told.output


@pytest.mark.parametrize("host", HOSTS)
def test_a_sandbox_may_change_its_network_and_nothing_else(lab: Lab, host: str) -> None:
    shown = status(lab, host, tools=True)
    assert (shown["CapEff"], shown["CapBnd"]) == (NET_ADMIN_AND_NET_RAW, NET_ADMIN_AND_NET_RAW)
    assert shown["NoNewPrivs"] == "1"


@pytest.mark.parametrize("host", HOSTS)
def test_a_service_is_an_ordinary_user_without_any_right(lab: Lab, host: str) -> None:
    """The server, and the client's own programs."""
    shown = status(lab, host, tools=False)
    assert {shown[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {NONE}
    assert shown["Uid"].split() == ["1000"] * 4
    assert shown["Gid"].split() == ["1000"] * 4
    assert shown["NoNewPrivs"] == "1"
    assert lab.execute(host, ["iptables", "-S"], 10).exit_code != 0


@pytest.mark.parametrize("host", HOSTS)
def test_no_process_of_a_service_holds_a_right(lab: Lab, host: str) -> None:
    """Not only what is started later: the running server and the clients' program too."""
    told = lab.tool(host, ["sh", "-c", "grep -H -E '^(Uid|CapEff|CapBnd)' /proc/[0-9]*/status 2>/dev/null"], 5).stdout
    processes: dict[str, list[str]] = {}
    for line in told.splitlines():
        where, _, value = line.partition("\t")
        processes.setdefault(where.split("/")[2], []).append(value.split()[0])
    services = [values for values in processes.values() if values[0] == "1000"]
    assert services
    assert all(values[1:] == [NONE, NONE] for values in services)
    assert {values[0] for values in processes.values()} == {"0", "1000"}


def everything(session: Session) -> list[dict[str, Any]]:
    """Return what the engine says of every container of this session."""
    return [inspect(session, one["Id"]) for one in session.containers.labelled(f"{SESSION}={session.id}")]


def test_the_input_of_our_programs_ends_with_us(lab: Lab, session: Session) -> None:
    """With StdinOnce the engine closes the input when the one who attached is gone: the dead man's switch."""
    ours = [inspect(session, sandbox_of(session, lab, host)) for host in HOSTS]
    ours.append(inspect(session, lab.pod("client").service))
    assert [(one["Config"]["OpenStdin"], one["Config"]["StdinOnce"]) for one in ours] == [(True, True)] * 3


def test_nothing_of_the_machine_is_in_any_container(lab: Lab, session: Session) -> None:
    told = everything(session)
    assert len(told) >= 2 * len(lab.pods)
    for one in told:
        host = one["HostConfig"]
        assert one["Mounts"] == []
        assert host["Privileged"] is False
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert not host["Binds"]
        assert not host["Devices"]
        assert not host["PortBindings"]
        assert host["NetworkMode"] != "host"
        assert host["PidMode"] != "host"
        assert host["IpcMode"] != "host"
        assert host["UTSMode"] != "host"
        assert host["PidsLimit"] > 0
        assert host["Memory"] > 0
        assert host["CapDrop"] == ["ALL"]
        assert (host["CapAdd"] or []) in ([], ["NET_ADMIN", "NET_RAW"], ["CAP_NET_ADMIN", "CAP_NET_RAW"])
