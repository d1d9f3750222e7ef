"""Sockets, asked of this machine's own kernel for what these tests themselves open on loopback."""

from __future__ import annotations

import socket

from labctl.agent.looks import Looks, answer
from labctl.kernel import sockets
from labctl.model import Listening


def asked() -> tuple[tuple[Listening, ...], dict[str, int]]:
    """Ask the kernel as an agent does."""
    return sockets.read(Looks().look(sockets.question(), last=False)["sockets"])


def listening(port: int) -> Listening | None:
    return next((one for one in asked()[0] if one.port == port), None)


def test_a_listener_is_told_with_its_address_its_backlog_and_what_waits_to_be_accepted() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        port = server.getsockname()[1]
        assert listening(port) == Listening("127.0.0.1", port, backlog=5, waiting=0)
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            assert listening(port) == Listening("127.0.0.1", port, backlog=5, waiting=2)
    assert listening(port) is None


def test_listeners_alone_are_told_where_only_they_are_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        listeners, others = sockets.read(answer(sockets.question(sockets.LISTEN)))
        port = server.getsockname()[1]
    assert port in {one.port for one in listeners}
    assert others == {}


def test_ipv6_listeners_are_told_too() -> None:
    with socket.socket(socket.AF_INET6) as server:
        server.bind(("::1", 0))
        server.listen(7)
        port = server.getsockname()[1]
        assert listening(port) == Listening("::1", port, backlog=7, waiting=0)


def test_other_sockets_are_counted_by_their_state() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        before = asked()[1].get("ESTAB", 0)
        clients = [socket.create_connection(server.getsockname()) for _ in range(20)]
        assert asked()[1]["ESTAB"] >= before + 30
        for client in clients:
            client.close()


def test_a_connection_is_told_with_its_two_ends_and_its_state() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        mine, its = client.getsockname(), server.getsockname()
        told = sockets.connections(answer(sockets.question()))
    assert told[sockets.Ends(*mine, *its)] == told[sockets.Ends(*its, *mine)] == "ESTAB"
    assert all(state != "LISTEN" for state in told.values())


def test_many_sockets_come_in_several_messages_and_none_is_lost() -> None:
    servers = []
    for _ in range(300):
        server = socket.socket()
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        servers.append(server)
    ports = {server.getsockname()[1] for server in servers}
    assert ports <= {one.port for one in asked()[0]}
    for server in servers:
        server.close()
