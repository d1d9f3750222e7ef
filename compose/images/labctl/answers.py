"""What the stock server says to whom it accepted."""

import re
import socket
import sys
from http.server import BaseHTTPRequestHandler

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


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
        """Answer with a line of plain text."""
        body = b"hello\n"
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
