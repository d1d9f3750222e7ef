"""What a server answers can make a run inconclusive, and neither pass, nor fall over, nor go on for ever."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labctl.clients._trying import MOST_DETAILS, MOST_WORDS
from labctl.engine.labels import ROLE, SESSION
from labctl.lab.session import Session
from labctl.model import Result, Verdict
from labctl.results.journal import REMOVING, Event
from labctl.results.result import parse
from labctl.run import phases
from labctl.run.run import Options, run
from support.hostile import loaded

HEALTHY_WITHIN = 3.0  # seconds, in place of the 20 that a stack is given
SOON = 40.0  # seconds for a run that hears nothing but nonsense, on a busy machine; one alone takes 6
MOST_MEMORY = 200 << 20  # bytes by which labctl may grow
SERVE = """
import socket, struct, threading, zlib
def bomb():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([packer.compress(bytes(1 << 20)) for _ in range(1024)]) + packer.flush()
def answer(connection):
    try:
        connection.recv(65536)
        {answer}
    except OSError:
        pass
    finally:
        connection.close()
listener = socket.create_server(("0.0.0.0", 8080), backlog=128)
while True:
    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
"""
HEAD = r"HTTP/1.1 200 OK\r\n"
NASTY = {
    "huge-answer": rf'connection.sendall(b"{HEAD}Content-Length: %d\r\n\r\n" % (1 << 40))' + "\n        while True: connection.sendall(bytes(1 << 20))",
    "endless-body": rf'connection.sendall(b"{HEAD}\r\n")' + "\n        while True: connection.sendall(b'x' * 65536)",
    "endless-header": rf'connection.sendall(b"{HEAD}X-Never-Ends: ")' + "\n        while True: connection.sendall(b'x' * 65536)",
    "endless-headers": rf'connection.sendall(b"{HEAD}")' + "\n        while True: connection.sendall(b'X: y\\r\\n' * 4096)",
    "endless-first-line": "while True: connection.sendall(b'HTTP/1.1 ' * 4096)",
    "always-continue": r"while True: connection.sendall(b'HTTP/1.1 100 Continue\r\n\r\n' * 2048)",
    "drip": rf'connection.sendall(b"{HEAD}Content-Length: 1000000\r\n\r\n")' + "\n        while True: connection.sendall(b'x'); threading.Event().wait(0.2)",
    "never": "threading.Event().wait()",
    "binary-junk": "connection.sendall(bytes(range(256)) * 4096)",
    "bomb": rf'body = bomb(); connection.sendall(b"{HEAD}Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)',
    "resets": 'connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))',
    "long-reason": r'connection.sendall(b"HTTP/1.1 503 " + b"\x1b[31m:: ]]>" * 5000 + b"\r\nContent-Length: 0\r\n\r\n")',
    "redirects": r'connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")',
}  # fmt: skip


def resident() -> int:
    """Return this process's memory in bytes (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def most_memory() -> Iterator[list[int]]:
    """Watch this process's memory; the one value is by how much it has grown at most."""
    most = [0]
    before, over = resident(), threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            most[0] = max(most[0], resident() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        over.set()
        watcher.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a stack less time to become healthy: these never do."""
    monkeypatch.setattr(phases, "HEALTHY_WITHIN", HEALTHY_WITHIN)


def ran(folder: Path, name: str, program: str, session: Session, options: Options) -> Result:
    of = loaded(folder, name, program, client={"host": "client", "target": "http://server:8080/", "timeout": "500ms"})
    began = time.monotonic()
    with most_memory() as grown:
        result = run(of, session, options)
    assert time.monotonic() - began < SOON
    assert grown[0] < MOST_MEMORY, f"{grown[0] >> 20} MiB"
    return result


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_answer_leaves_the_run_without_a_verdict_in_bounded_time_and_memory(
    name: str, tmp_path: Path, session: Session, options: Options
) -> None:
    """All eleven clients ask, and the stack was never healthy: nothing is said of the scenario."""
    result = ran(tmp_path, name, SERVE.replace("{answer}", NASTY[name]), session, options)
    assert result.verdict is Verdict.INCONCLUSIVE, result.reason
    file = Path(result.folder) / "result.json"
    assert parse(file.read_bytes()).reason == result.reason
    for one in (one for phase in result.phases for look in phase.observations for one in look.tries):
        assert max([len(one.says), *(len(link.message) for link in one.chain)]) <= MOST_WORDS
        assert len(one.details) <= 2 * MOST_DETAILS


def test_a_good_answer_passes_by_the_same_way(tmp_path: Path, session: Session, options: Options) -> None:
    good = rf'connection.sendall(b"{HEAD}Content-Length: 2\r\nConnection: close\r\n\r\nhi")'
    result = ran(tmp_path, "good", SERVE.replace("{answer}", good), session, options)
    assert result.verdict is Verdict.PASSED, f"{result.reason} {result.advice}"


def test_tries_that_are_killed_leave_no_process_behind(tmp_path: Path, session: Session, options: Options) -> None:
    """Also where the clients have processes of their own, and are the first of them: nobody else would reap."""
    seen: list[str] = []

    def look(event: Event) -> None:
        for one in session.containers.labelled(f"{SESSION}={session.id}") if event.kind == REMOVING else ():
            if one["Labels"][ROLE] == "clients":
                seen.extend(row[-1] for row in session.connection.api.top(one["Id"], "-eo pid,args")["Processes"])

    of = loaded(
        tmp_path,
        "unreaped",
        SERVE.replace("{answer}", NASTY["always-continue"]),
        services={"client": {"image": "labctl", "command": ["sleep", "600"]}},
        client={"host": "client", "target": "http://server:8080/", "timeout": "300ms"},
    )
    result = run(of, session, Options(runs=options.runs, listeners=(look,)))
    assert result.verdict is Verdict.INCONCLUSIVE, result.reason
    assert "killed" in result.reason
    assert any("bin/clients" in command for command in seen), seen
    assert not [command for command in seen if "defunct" in command]
