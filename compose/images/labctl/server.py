"""The stock server: answers HTTP, and misbehaves as its environment says.

    HOST          the address it listens on (0.0.0.0), or a name, of which it takes the first address
    V6ONLY        whether an address of IPv6 is for IPv6 alone: "0", "1" (0: `::` is every address, also of IPv4)
    PORT          the port (8080)
    BACKLOG       the second argument of listen(2) (128)
    ACCEPT        "always", or "never": it listens and accepts nothing
    START_DELAY   how long after its start it begins to listen ("0s")
    CACHE         MiB of memory that it fills before it listens (0)

and what answers.py says.
"""

import os
import selectors
import signal
import socket
import sys
import threading
import time

from answers import handle, number, seconds

AGAIN = 0.1  # seconds after which a connection that could not be accepted is tried again


def main() -> None:
    """Listen, and accept as the environment says."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    time.sleep(seconds(os.environ.get("START_DELAY", "0s")))
    cache = [bytes([1]) * (1 << 20) for _ in range(number("CACHE", "0"))]
    if cache:
        print(f"{len(cache)} MiB of cache are filled", flush=True)
    host = os.environ.get("HOST", "0.0.0.0")
    port = number("PORT", "8080")
    backlog = number("BACKLOG", "128")
    [(family, _, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    listener = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, number("V6ONLY", "0"))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(backlog)
    listener.setblocking(False)
    print(f"listening on {host}:{port}, backlog {backlog}", flush=True)
    if os.environ.get("ACCEPT", "always") == "never":
        signal.pause()
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        selector.select()
        try:
            connection, address = listener.accept()
        except BlockingIOError:
            continue
        except OSError as error:  # such as EMFILE: who waits goes on waiting, and a busy loop would help nobody
            print(f"accept: {error}", flush=True)
            time.sleep(AGAIN)
            continue
        connection.setblocking(True)
        threading.Thread(target=handle, args=(connection, address), daemon=True).start()
