"""A stand-in for a Docker Engine: its socket, and what its API answers before any container exists.

What it answers, and how it treats its socket, is what dockerd does (moby: api/server/middleware/version.go and
daemon/listeners; tests/engine/test_standin.py compares it with an engine). It makes no container, and knows no other
question. SETTINGS are what it takes from its environment. It ends with its standard input, as with SIGTERM.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socketserver
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

VERSION = r"\d{1,3}\.\d{1,3}"


class Setting(NamedTuple):
    """One setting: what it is unless set, and the pattern of what it may be."""

    default: str
    takes: str


SETTINGS = {
    "API": Setting("1.41", VERSION),  # the newest version of the API that it speaks
    "MINIMUM": Setting("1.12", VERSION),  # and the oldest
    "GROUP": Setting("clients", "clients|root|everybody"),  # who may use its socket besides its user
}
SOCKET = "docker.sock"
FOLDER = "LABCTL_FOLDER"  # in its environment: where its socket is
CLIENTS = "LABCTL_GROUP"  # the same: the number of the clients' group; its own unless set
MODE = 0o660  # of the socket: docker(1), "Manage Docker as a non-root user"
MODE_FOR_ALL = 0o666
ASKED = re.compile(r"(?:/v([0-9.]+))?(/\w+)")


class Engine(socketserver.ThreadingUnixStreamServer):
    """Listens on the socket until it ends; one that was left behind is replaced, as dockerd does it."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.path = path
        before = os.umask(0o777 & ~MODE)
        super().__init__(str(path), Answer)
        os.umask(before)
        if setting("GROUP") == "everybody":
            path.chmod(MODE_FOR_ALL)
        if setting("GROUP") == "clients":
            os.chown(path, -1, int(os.environ.get(CLIENTS, os.getgid())))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went before it had its answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def end(self) -> None:
        """End in good order: the socket is gone."""
        self.path.unlink(missing_ok=True)
        os._exit(0)


class Answer(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is sent as one piece

    def do_GET(self) -> None:
        """Answer a question."""
        found = ASKED.fullmatch(self.path)
        if found is None or found[2] not in ("/version", "/_ping"):
            self._say(404, json.dumps({"message": "page not found"}) + "\n")
        elif found[1] is not None and (wrong := refusal(found[1])):
            self._say(400, wrong)
        else:
            self._say(200, "OK" if found[2] == "/_ping" else json.dumps(described()) + "\n")

    def do_HEAD(self) -> None:
        """Answer as to GET, without the words."""
        self.do_GET()

    def _say(self, status: int, text: str) -> None:
        tell(f"{self.command} {self.path}: {status} {text.strip()}")
        body = text.encode()
        self.send_response(status)
        self.send_header("Api-Version", setting("API"))
        self.send_header("Content-Type", "application/json" if text.startswith("{") else "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def address_string(self) -> str:
        """Return who asks: a Unix socket does not tell."""
        return "@"

    def log_message(self, *_: object) -> None:
        """Say nothing: what was asked is told with what was answered."""


def tell(line: str) -> None:
    """Print a line for the log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def setting(name: str) -> str:
    """Return a setting, as it is in the environment, or as it is without."""
    return os.environ.get(name, SETTINGS[name].default)


def unknown(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each of these settings that is none, or that has no value of its own."""
    wrong = {}
    for name, value in settings.items():
        if name not in SETTINGS:
            wrong[name] = f"is no setting of a stand-in for an engine; it has {', '.join(SETTINGS)}"
        elif not re.fullmatch(SETTINGS[name].takes, value):
            wrong[name] = f"is {value!r}, which is none of {SETTINGS[name].takes}"
    return wrong


def described() -> dict[str, str]:
    """Return what an engine says of itself."""
    return {"Version": "labctl's stand-in", "ApiVersion": setting("API"), "MinAPIVersion": setting("MINIMUM")}


def refusal(asked: str) -> str:
    """Return why a version of the API is refused; nothing where it is spoken.

    The one is JSON, the other is not, as with engine 20.10.
    """
    newest, oldest = setting("API"), setting("MINIMUM")
    if _number(asked) > _number(newest):
        why = f"client version {asked} is too new. Maximum supported API version is {newest}"
        return json.dumps({"message": why}, separators=(",", ":")) + "\n"
    if _number(asked) < _number(oldest):
        wanted = f"Minimum supported API version is {oldest}, please upgrade your client to a newer version"
        return f"client version {asked} is too old. {wanted}\n"
    return ""


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part or 0) for part in version.split("."))


def main() -> None:
    """Serve until SIGTERM, or the end of the input."""
    engine = Engine(Path(os.environ[FOLDER]) / SOCKET)
    signal.signal(signal.SIGTERM, lambda *_: engine.end())
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    tell(f"API listen on {engine.path}")  # as dockerd has it
    sys.stdin.read()
    engine.end()


if __name__ == "__main__":
    main()
