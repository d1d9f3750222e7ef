"""Ways to try to connect, one client a file, run inside the client host.

A client in Python defines `version()` and `attempt(target, timeout)`, which returns when the target was reached and
lets the library's own exception through when it was not. A command-line client defines `version()`,
`command(target, timeout)` and `read(ran)`. Both define `SCHEMES`, the targets they understand.

The list of clients is the list of files: those whose name has no underscore in front and that define `SCHEMES`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

PARTS = {"outcomes"}  # files of this folder that are no client
DEFAULT_PORTS = {"http": 80}


class Target(NamedTuple):
    """What a client tries to reach."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Target:
        """Read `http://host:port/path` or `tcp://host:port`.

        Raises ValueError, with a sentence, where it is neither.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "tcp"):
            raise ValueError(f"{url!r} begins with neither http:// nor tcp://.")
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
        if not parts.hostname or port is None:
            raise ValueError(f"{url!r} names no {'host' if not parts.hostname else 'port'}.")
        return cls(url, parts.scheme, parts.hostname, port, parts.path or "/")


def names() -> list[str]:
    """Return the names of all clients, as they are written in scenarios and on the command line."""
    files = (path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    return sorted(stem.replace("_", ".") for stem in files if stem not in PARTS)


def module_of(client: str) -> str:
    """Return the name of the module that defines a client."""
    return f"{__name__}.{client.replace('.', '_')}"
