"""The stock server: answers HTTP, and misbehaves as its environment says.

    HOST          the address it listens on (0.0.0.0)
    PORT          the port (8080)
    BACKLOG       the second argument of listen(2) (128)
    ACCEPT        "always", or "never": it listens and accepts nothing
    START_DELAY   how long after its start it begins to listen ("0s")

`GET /busy?for=1.5s` answers, and from that answer on nothing is accepted for 1.5 seconds: what waits, waits in the
kernel's accept queue, as it does while the one thread of a program is at work elsewhere.
"""

import os
import re
import selectors
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
accepting = threading.Lock()


def number(name: str, default: str) -> int:
    """Read a whole number from the environment."""
    text = os.environ.get(name, default)
    if not text.isdecimal():
        sys.exit(f"serve: error: {name}={text!r} is no number")
    return int(text)


def seconds(text: str) -> float:
    """Read a duration such as 300ms or 2s."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text)
    if not found:
        sys.exit(f"serve: {text!r} is no duration such as 300ms or 2s")
    return float(found[1]) * UNITS[found[2]]


class Handler(BaseHTTPRequestHandler):
    """One connection, in a thread of its own."""

    timeout = 30

    def do_GET(self) -> None:
        """Answer; hold back accepting where the path asks for it."""
        asked = urlsplit(self.path)
        if asked.path == "/busy":
            pause = seconds(parse_qs(asked.query).get("for", ["1s"])[0])
            with accepting:
                self.answer(f"busy for {pause:g} s\n")
                time.sleep(pause)
        else:
            self.answer("hello\n")

    def answer(self, text: str) -> None:
        """Send a whole answer of plain text."""
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, text: str, *args: object) -> None:
        """Print one line a request."""
        print(f"{self.client_address[0]} {text % args}", flush=True)


def handle(connection: socket.socket, address: tuple[str, int]) -> None:
    """Serve one connection to its end."""
    with connection:
        try:
            Handler(connection, address, None)
        except OSError as error:
            print(f"{address[0]} {error}", flush=True)


def main() -> None:
    """Listen, and accept as the environment says."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    time.sleep(seconds(os.environ.get("START_DELAY", "0s")))
    host = os.environ.get("HOST", "0.0.0.0")
    port = number("PORT", "8080")
    backlog = number("BACKLOG", "128")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(backlog)
    listener.setblocking(False)
    print(f"listening on {host}:{port}, backlog {backlog}", flush=True)
    if os.environ.get("ACCEPT", "always") == "never":
        signal.pause()
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        selector.select()
        with accepting:
            try:
                connection, address = listener.accept()
            except BlockingIOError:
                continue
        connection.setblocking(True)
        threading.Thread(target=handle, args=(connection, address), daemon=True).start()


if __name__ == "__main__":
    main()
