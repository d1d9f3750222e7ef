"""What the clients of Redis and PostgreSQL raise is judged rightly: against loopback, where each server says its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labctl.clients import PORTS, UNIX, Target
from labctl.clients.outcomes import Staged, judge
from support.loopback import answer, full, hang_up, nobody, raised, reset, serving, silent
from support.understanding import MODULES, of

SOON = 0.2  # seconds, for what must time out; psycopg makes two of them


def refusal(text: str) -> bytes:
    """Return PostgreSQL's message ErrorResponse (documentation, 55.7 Message Formats) with a text."""
    fields = b"".join(f"{kind}{value}\0".encode() for kind, value in {"S": "FATAL", "C": "00000", "M": text}.items())
    return b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0"


def postgres(text: str) -> Callable[[], Any]:
    """Return a PostgreSQL without TLS that refuses every session with a text."""

    def serve(connection: Any) -> None:
        connection.recv(4096)  # SSLRequest
        connection.sendall(b"N")
        connection.recv(4096)
        connection.sendall(refusal(text))

    return lambda: serving(serve)


def redis(line: str) -> Callable[[], Any]:
    """Return a Redis that answers every connection with a line."""
    return lambda: serving(answer(f"{line}\r\n".encode()))


NO_ENTRY = 'no pg_hba.conf entry for host "198.19.0.3", user "lab", database "lab", no encryption'
RESERVED = "remaining connection slots are reserved for non-replication superuser connections"
PROTECTED = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set"

# the client, what it meets, then the outcome, the stage and the errno
MET: dict[str, tuple[str, Callable[[], Any], str, str | None, str | None]] = {
    "redis, nobody listens": ("redis", nobody, "refused", "connect", "ECONNREFUSED"),
    "redis, the accept queue is full": ("redis", full, "timed-out", "connect", None),
    "redis, the server says nothing": ("redis", lambda: serving(silent), "timed-out", "receive", None),
    "redis, the server hangs up": ("redis", lambda: serving(hang_up), "closed", "receive", None),
    "redis, the server resets": ("redis", lambda: serving(reset), "reset", "receive", "ECONNRESET"),
    "redis, the server says nonsense": ("redis", redis("no such thing"), "protocol-error", "protocol", None),
    "redis, an error": ("redis", redis("-ERR unknown command"), "protocol-error", "protocol", None),
    "redis, protected mode": ("redis", redis(PROTECTED), "denied", "protocol", None),
    "redis, a password is wanted": ("redis", redis("-NOAUTH Authentication required."), "denied", "protocol", None),
    "redis, no place left": ("redis", redis("-ERR max number of clients reached"), "exhausted", "protocol", None),
    "psycopg, nobody listens": ("psycopg", nobody, "refused", "connect", "ECONNREFUSED"),
    "psycopg, the accept queue is full": ("psycopg", full, "timed-out", None, None),
    "psycopg, the server hangs up": ("psycopg", lambda: serving(hang_up), "closed", "receive", None),
    "psycopg, the server resets": ("psycopg", lambda: serving(reset), "closed", "receive", None),
    "psycopg, nonsense": ("psycopg", lambda: serving(answer(b"HTTP/1.1 400")), "protocol-error", None, None),
    "psycopg, no line lets it in": ("psycopg", postgres(NO_ENTRY), "denied", "protocol", None),
    "psycopg, only reserved slots": ("psycopg", postgres(RESERVED), "exhausted", "protocol", None),
    "psycopg, no slot": ("psycopg", postgres("sorry, too many clients already"), "exhausted", "protocol", None),
    "psycopg, starting": (
        "psycopg",
        postgres("the database system is starting up"),
        "protocol-error",
        None,
        None,
    ),
}


def attempt(client: str, url: str) -> None:
    [scheme] = MODULES[client].SCHEMES
    MODULES[client].attempt(Target.parse(url.replace("http", scheme, 1)), SOON, Staged())


@pytest.mark.parametrize("met", MET)
def test_what_a_client_of_a_service_raises_is_judged(met: str) -> None:
    client, place, outcome, stage, number = MET[met]
    with place() as url:
        told = judge(raised(lambda: attempt(client, url)), None)
    assert (told["outcome"], told["stage"], told["errno"]) == (outcome, stage, number), told["details"]


@pytest.mark.parametrize("client", ["redis", "psycopg"])
def test_a_name_that_nobody_has_is_a_name_error(client: str) -> None:
    told = judge(raised(lambda: attempt(client, "http://nobody.invalid:1/lab")), None)
    assert (told["outcome"], told["stage"], told["errno"]) == ("name-error", "resolve", None), told["details"]


def test_redis_is_content_with_a_pong(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says the password of the environment, where there is one: HELLO with AUTH (redis.io, HELLO)."""
    said = []

    def serve(connection: Any) -> None:
        while asked := connection.recv(4096):
            said.append(asked)
            hello = b"%1\r\n$5\r\nproto\r\n:3\r\n"
            connection.sendall(hello if b"HELLO" in asked else b"+PONG\r\n" if b"PING" in asked else b"+OK\r\n")

    monkeypatch.setenv("REDISCLI_AUTH", "of-this-test-alone")
    with serving(serve) as url:
        attempt("redis", url)
    assert b"of-this-test-alone" in said[0]


def test_clients_that_say_nothing_understand_every_target_and_others_their_own() -> None:
    assert all({"nc", "telnet"} <= set(of(scheme)) for scheme in PORTS)
    assert of("redis") == ["nc", "redis", "telnet"]
    assert of("postgresql") == ["nc", "psycopg", "telnet"]
    assert {scheme for module in MODULES.values() for scheme in module.SCHEMES} == {*PORTS, UNIX}


def test_the_clients_of_services_load_their_libraries_when_they_are_first_asked() -> None:
    """Both together take two thirds of a second of processor time, which no other target is to cost."""
    for client in ("redis", "psycopg"):
        assert client not in vars(MODULES[client])
