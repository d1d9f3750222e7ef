"""What each client on disk sees of a server that takes the connection and then misbehaves."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from labctl.lab.lab import Lab
from labctl.model import Outcome, Stage, Try
from labctl.system.waiting import poll
from support import trying, understanding

TIMEOUT = 1.0
SERVER = """
import socket, struct, threading, time

def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

def answer(text):
    return lambda connection: connection.sendall(text)

def serve(listening, misbehave):
    while True:
        connection, _ = listening.accept()
        with connection:
            if connection.recv(4096):  # a client that only connects gets nothing
                misbehave(connection)

BEHAVIOURS = (
    reset,
    lambda connection: None,
    lambda connection: connection.recv(1),  # until the client goes
    answer(b"no such thing\\r\\n\\r\\n"),
    answer(b"HTTP/1.1 500 Oops\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n"),
    answer(b"HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\nhalf"),
)
for port, misbehave in enumerate(BEHAVIOURS, 7100):
    listening = socket.create_server(("", port), backlog=64)
    threading.Thread(target=serve, args=(listening, misbehave)).start()
"""


class Seen(NamedTuple):
    """What a client reports."""

    outcome: Outcome
    stage: Stage | None = None
    errno: str | None = None


OK = Seen(Outcome.OK)
LOOKS_NO_FURTHER = {"socket": OK, "asyncio": OK}  # than an answer's first line
ONLY_CONNECTS = {"nc": OK, "telnet": OK}

# what the server does once the request is there, by its port: what clients see, and those that see something else
TABLE: dict[str, tuple[int, Seen, dict[str, Seen]]] = {
    "resets": (7100, Seen(Outcome.RESET, Stage.RECEIVE, "ECONNRESET"), {}),
    "closes": (7101, Seen(Outcome.CLOSED, Stage.RECEIVE), {}),
    "is silent": (7102, Seen(Outcome.TIMED_OUT, Stage.RECEIVE), {}),
    "answers nonsense": (7103, Seen(Outcome.PROTOCOL_ERROR, Stage.PROTOCOL), {}),
    "answers 500": (7104, Seen(Outcome.PROTOCOL_ERROR, Stage.PROTOCOL), {}),
    "closes halfway": (7105, Seen(Outcome.CLOSED, Stage.RECEIVE), LOOKS_NO_FURTHER),
}


@pytest.fixture(scope="module")
def misbehaving(lab: Lab) -> Lab:
    """Have a server that misbehaves on every port of the table, beside the one that does not."""
    begin = 'setsid python3 -c "$0" > /dev/null 2>&1 &'
    assert lab.tool("server", ["sh", "-c", begin, SERVER], 5).exit_code == 0
    wanted = {port for port, _, _ in TABLE.values()}

    def listens() -> bool:
        return wanted <= {one.port for one in lab.pod("server").listeners()}

    poll(listens, 10, "the misbehaving server to listen")
    return lab


def attempt(lab: Lab, client: str, port: int) -> Try:
    return trying.one(lab, client, f"http://server:{port}/", TIMEOUT)


@pytest.mark.parametrize("client", understanding.of("http"))
@pytest.mark.parametrize("server", TABLE)
def test_a_client_tells_how_the_server_misbehaves(misbehaving: Lab, client: str, server: str) -> None:
    port, usual, others = TABLE[server]
    one = attempt(misbehaving, client, port)
    seen = Seen(one.outcome, one.stage, one.errno)
    assert seen == {**others, **ONLY_CONNECTS}.get(client, usual), one.details
    assert bool(one.says) == (one.outcome != Outcome.OK)
    assert one.seconds < (2 * TIMEOUT + 0.5 if server == "is silent" else 0.5)
