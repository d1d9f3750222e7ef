"""The stock server: answers HTTP, and misbehaves as its environment says.

    HOST          the address it listens on (0.0.0.0)
    PORT          the port (8080)
    BACKLOG       the second argument of listen(2) (128)
    ACCEPT        "always", or "never": it listens and accepts nothing
    START_DELAY   how long after its start it begins to listen ("0s")

It listens before it loads what it answers with: that takes 30 ms, and who is refused needs none of it.
"""

import os
import selectors
import signal
import socket
import sys
import threading
import time


def number(name: str, default: str) -> int:
    """Read a whole number from the environment."""
    text = os.environ.get(name, default)
    if not text.isdecimal():
        sys.exit(f"serve: error: {name}={text!r} is no number")
    return int(text)


def main() -> None:
    """Listen, and accept as the environment says."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if delay := os.environ.get("START_DELAY"):
        from answers import seconds

        time.sleep(seconds(delay))
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
    from answers import handle

    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        selector.select()
        try:
            connection, address = listener.accept()
        except BlockingIOError:
            continue
        connection.setblocking(True)
        threading.Thread(target=handle, args=(connection, address), daemon=True).start()


if __name__ == "__main__":
    main()
