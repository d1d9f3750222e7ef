"""A stand-in for a Docker Engine: its socket, and what its API answers before any container exists.

What it answers, and how it treats its socket, is what dockerd does (moby: api/server/middleware/version.go and
daemon/listeners; tests/engine/test_standin.py compares it with an engine). It makes no container, and knows no other
question.
"""

from __future__ import annotations

import json
import os
import re
import socketserver
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from labctl.standin.settings import GROUP_VARIABLE, setting

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
            os.chown(path, -1, int(os.environ.get(GROUP_VARIABLE, os.getgid())))

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
