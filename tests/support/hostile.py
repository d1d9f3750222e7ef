"""Services that have been taken over: stacks in which a program of the tests' own runs in place of a server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from labctl.lab.deploy import deployed
from labctl.lab.lab import Lab
from labctl.lab.request import LabRequest
from labctl.lab.session import Session
from labctl.model import Result, Verdict
from labctl.results.journal import Journal, new_folder
from labctl.run.run import Options
from labctl.scenario.load import Loaded, load

IDLE = "import signal; signal.pause()"
ANSWERS = """
import socket, threading
listener = socket.create_server(("0.0.0.0", 8080), backlog=128)
def answer(connection):
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\nConnection: close\\r\\n\\r\\nyes")
def serve():
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
"""
"""Defines `serve`, which answers HTTP as it should, for programs that do something else besides."""
MACHINE: dict[str, Any] = {
    "services": {"machine": {"image": "labctl", "command": ["clients"], "network_mode": "host"}},
    "networks": {"default": {"internal": False}},
}
"""What makes the machine itself a part of a lab."""
NO_ROOM = {"diagnose": [], "recover": {"within": "300ms"}}

yaml = YAML(typ="safe", pure=True)
yaml.width = 1 << 20  # a long text that is folded loses the escapes at its folds


def written(
    folder: Path,
    name: str,
    program: str | Sequence[str],
    *,
    service: Mapping[str, Any] | None = None,
    services: Mapping[str, Any] | None = None,
    networks: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Write a scenario, and a stack whose server runs a program of Python; return the scenario's file.

    `service` changes how the server runs, `services` and `networks` add others, all else changes the scenario.
    """
    command = ["python3", "-u", "-c", program] if isinstance(program, str) else list(program)
    server = {"image": "labctl", "command": [word.replace("$", "$$") for word in command], **(service or {})}
    client = {"image": "labctl", "command": ["clients"]}
    stack = {
        "services": {"server": server, "client": client, **(services or {})},
        "networks": {"default": {}, **(networks or {})},
    }
    claim = {
        "name": name,
        "title": "The server has been taken over",
        "cause": "not-running",
        "stack": f"./{name}-stack.yaml",
        "client": {"host": "client", "target": "http://server:8080/", "timeout": "1s"},
        "fault": [{"stop": "server"}],
        "expect": {"outcome": "refused", "errno": "ECONNREFUSED"},
        "fix": [{"start": "server", "until": {"listens": "0.0.0.0:8080"}}],
        "recover": {"within": "300ms"},
        "explain": "It does what it likes.",
    }
    folder.mkdir(parents=True, exist_ok=True)
    yaml.dump(stack, folder / f"{name}-stack.yaml")
    yaml.dump({**claim, **changes}, folder / f"{name}.yaml")
    return folder / f"{name}.yaml"


def loaded(folder: Path, name: str, program: str | Sequence[str], **changes: Any) -> Loaded:
    """Write such a scenario and read it."""
    return load(written(folder, name, program, **changes), recorded=False)


@contextmanager
def standing(of: Loaded, session: Session, options: Options, *, clients: Sequence[str] = ("socket",)) -> Iterator[Lab]:
    """Bring the stack of a scenario up, with some clients, for as long as the block lasts; with all where none is named."""
    name = of.scenario.name
    journal = Journal(new_folder(options.runs, name, since=session.began))
    try:
        with deployed(LabRequest.of(of, clients=clients), session, journal) as lab:
            yield lab
    finally:
        journal.conclude(Result("tests", name, "", "", Verdict.SKIPPED, "", "", journal.now, ()))


def told(lab: Lab, host: str, program: str, *arguments: str, seconds: float = 20) -> Any:
    """Run a program of Python in a service's container, as its user, and return the JSON that it prints last."""
    ran = lab.execute(host, ["python3", "-c", program, *arguments], seconds)
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout.strip().splitlines()[-1])
