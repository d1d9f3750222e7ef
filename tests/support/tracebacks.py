"""Tracebacks as Python prints them, of the chains that are on record, which keep no frames."""

from __future__ import annotations

from collections.abc import Iterable

BETWEEN = {
    "cause": "\nThe above exception was the direct cause of the following exception:\n\n",
    "context": "\nDuring handling of the above exception, another exception occurred:\n\n",
}
LIBRARY = "/usr/lib/python3.11"
CONNECTING = {  # what each client passes through before it is connected
    "aiohttp": (
        ("site-packages/aiohttp/connector", "_wrap_create_connection"),
        ("site-packages/aiohappyeyeballs/impl", "_connect_sock"),
    ),
    "asyncio": (("asyncio/streams", "open_connection"), ("asyncio/base_events", "_connect_sock")),
    "docker": (("site-packages/docker/transport/unixconn", "connect"),),
    "http.client": (("http/client", "connect"), ("socket", "create_connection")),
    "socket": (("socket", "create_connection"),),
    "urllib": (("urllib/request", "do_open"), ("http/client", "connect"), ("socket", "create_connection")),
}
READING = {
    "asyncio": (("asyncio/streams", "readuntil"),),
    "http.client": (("http/client", "getresponse"),),
    "urllib": (("urllib/request", "do_open"), ("http/client", "getresponse")),
}
CONNECTED = ("send", "receive", "protocol")


def rendered(client: str, stage: str | None, chain: Iterable[tuple[str, str, str]]) -> str:
    """Write a chain of type, message and link, the outermost first, as Python does.

    What is kept in attributes and arguments only, which Python leaves out, is written as a cause.
    """
    passed = (READING if stage in CONNECTED else CONNECTING).get(client, ())
    frames = "".join(f'  File "{LIBRARY}/{file}.py", line 1, in {function}\n' for file, function in passed)
    text = ""
    for kind, message, link in reversed(list(chain)):
        said = f"{kind}: {message}" if message else kind
        text += f'Traceback (most recent call last):\n  File "/app/sync.py", line 1, in sync\n{frames}{said}\n'
        text += BETWEEN.get(link, BETWEEN["cause"]) if link else ""
        frames = ""
    return text


def of_files_too(errno: str | None, chain: list[str]) -> bool:
    """Tell whether the last line of a traceback could be a file's or a listener's error just as well.

    A builtin OSError tells nothing but its errno, and these errnos are given by open(2), bind(2) and others, too:
    only the frames say that it was a connection.
    """
    files = (["OSError"], ["PermissionError"], ["FileNotFoundError"])
    return errno in ("ENOENT", "EACCES", "EINVAL", "EADDRNOTAVAIL", "EMFILE") and chain in files
