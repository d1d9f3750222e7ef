"""Published ports, and clients on the machine itself: they are what they seem, and nothing of the lab gets further."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from labctl.engine.connection import Candidate
from labctl.errors import LabError
from labctl.lab.host import SANDBOX_STARTS
from labctl.lab.lab import Lab
from labctl.lab.session import Session
from labctl.model import Outcome, Try, Verdict
from labctl.run.run import Options, run
from labctl.run.tries import tried
from labctl.scenario.load import Loaded, load
from labctl.system.places import installed
from labctl.system.waiting import poll
from support.hostile import ANSWERS, MACHINE, loaded, standing, told
from support.labs import inspect
from support.trying import settings

PORT = 19890
SPACES = ("net", "pid", "mnt", "ipc", "uts")  # namespaces(7)
LEADS = """
import socket
listener = socket.create_server(("0.0.0.0", 8080))
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 302 Found\\r\\nLocation: http://127.0.0.1:%d/\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    connection.close()
"""
"""Answers every request with a redirect to a port of the machine's 127.0.0.1."""
KNOCKS = """
import json, socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1).close()
    print(json.dumps("reached"))
except OSError as error:
    print(json.dumps(type(error).__name__))
"""


@pytest.fixture(autouse=True, scope="module")
def _here(session: Session) -> None:
    if not session.connection.local:
        pytest.skip("the engine runs on another machine, so that one is the labs', not this one")


def beside(folder: Path, name: str, program: str) -> Loaded:
    """Return a scenario whose server is published, and a client on the machine; the program listens on 8080."""
    client = {"host": "machine", "target": f"http://${{address.machine.loopback}}:{PORT}/"}
    return loaded(folder, name, program, service={"ports": [f"{PORT}:8080"]}, client=client, **MACHINE)


@pytest.fixture(scope="module")
def lab(session: Session, options: Options, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with standing(
        beside(tmp_path_factory.mktemp("published"), "published", f"{ANSWERS}\nserve()"), session, options
    ) as up:
        yield up


def own(lab: Lab) -> tuple[str, str]:
    """Return the lab's two addresses of the machine: on loopback, on its network."""
    return lab.values["address.machine.loopback"], lab.values["address.machine"]


def reached(address: str, port: int = PORT) -> bool:
    """Tell whether this process, which is on the machine, can connect."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def await_reached(*addresses: str) -> None:
    """Wait until the servers behind these addresses listen."""
    poll(lambda: all(map(reached, addresses)), 10, f"{' and '.join(addresses)} to be reached")


def test_a_port_is_published_on_the_lab_s_own_addresses_and_on_no_other(lab: Lab) -> None:
    loopback, address = own(lab)
    assert lab.pod("server").published() == f"8080/tcp -> {loopback}:{PORT}\n8080/tcp -> {address}:{PORT}\n"
    await_reached(loopback, address)
    assert not reached("127.0.0.1")
    assert not reached("127.0.0.2")


def test_two_labs_publish_the_same_port_at_once(lab: Lab, session: Session, options: Options, tmp_path: Path) -> None:
    with standing(beside(tmp_path, "second", f"{ANSWERS}\nserve()"), session, options) as second:
        assert not {*own(lab)} & {*own(second)}
        await_reached(*own(lab), *own(second))


def test_clients_on_the_machine_share_its_network_and_nothing_else(lab: Lab, session: Session) -> None:
    pid = inspect(session, lab.host("machine").service)["State"]["Pid"]
    spaces = {
        name: Path(f"/proc/{pid}/ns/{name}").readlink() == Path(f"/proc/self/ns/{name}").readlink() for name in SPACES
    }
    assert spaces == {name: name == "net" for name in SPACES}
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert "0" not in status["Uid"].split()


def test_nothing_else_runs_on_the_machine(lab: Lab) -> None:
    with pytest.raises(LabError, match="the machine itself, where no command is run"):
        lab.execute("machine", ["true"], 5)
    with pytest.raises(LabError, match="labctl does and sees nothing but its own clients"):
        lab.tool("machine", ["true"], 5)
    assert lab.pods.keys() == lab.hosts.keys() - {"machine"}


def test_only_the_guard_keeps_a_service_from_the_machine(session: Session, options: Options, tmp_path: Path) -> None:
    """With it nothing is reached; the same knocking comes through once it is gone."""
    with (
        closing(socket.create_server(("0.0.0.0", 0))) as listening,
        standing(beside(tmp_path, "guarded", f"{ANSWERS}\nserve()"), session, options) as up,
    ):
        target = own(up)[1], str(listening.getsockname()[1])
        assert told(up, "server", KNOCKS, *target) == "TimeoutError"
        assert told(up, "server", KNOCKS, up.values["address.client"], "8080") == "ConnectionRefusedError"
        up.pod("server").demand("nft", "delete", "table", "inet", "labctl")
        assert told(up, "server", KNOCKS, *target) == "reached"
        up.pod("server").reboot()
        assert told(up, "server", KNOCKS, *target) == "TimeoutError"


def test_a_redirect_leads_no_client_to_the_machine(session: Session, options: Options, tmp_path: Path) -> None:
    """Several follow redirects by default; here they meet an error before anything is sent."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        assert reached("127.0.0.1", port)
        tries = answers(beside(tmp_path, "leads", LEADS % port), session, options)
        listening.setblocking(False)
        listening.accept()[0].close()  # this process, just now; the kernel keeps who connected
        with pytest.raises(BlockingIOError):
            listening.accept()
    followed = {
        one.client for one in tries if one.outcome is not Outcome.OK and "do not reach 127.0.0.1" in one.details
    }
    assert {"requests", "urllib", "urllib3", "aiohttp"} <= followed


def answers(of: Loaded, session: Session, options: Options) -> list[Try]:
    """Return what every client on the machine meets in a stack."""
    with standing(of, session, options, clients=()) as up:
        pod = up.host("machine")
        names = [
            name
            for name, one in up.clients("machine").ready(SANDBOX_STARTS)["clients"].items()
            if "http" in one["schemes"]
        ]
        assert pod.clients is not None
        await_reached(own(up)[1])
        return tried(pod.clients, names, settings(target=f"http://{own(up)[0]}:{PORT}/"))


def test_where_the_engine_is_elsewhere_it_is_skipped(session: Session, options: Options) -> None:
    connection = dataclasses.replace(session.connection, candidate=Candidate("tcp://192.0.2.1:2376", "a test"))
    assert session.engine is not None
    elsewhere = dataclasses.replace(session.engine, connection=connection)
    of = load(installed("scenarios") / "port-not-published.yaml")
    result = run(of, dataclasses.replace(session, engine=elsewhere), options)
    assert (result.verdict, result.reason) == (
        Verdict.SKIPPED,
        "its client runs on this machine, but the engine runs on another",
    )
