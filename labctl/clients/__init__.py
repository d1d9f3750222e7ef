"""Ways to try to connect, one client a file, run inside the client host.

A client in Python defines `version()` and `attempt(target, timeout, stage)`, which returns when the target was reached
and lets the library's own exception through when it was not. A command-line client defines `version()`,
`command(target, timeout)` and `read(exit_code, stdout, stderr)`. Both define `SCHEMES`, the targets they understand.
One that understands https heeds `target.verify`, by which a scenario switches the verification of certificates off.

The list of clients is the list of files: those whose name has no underscore in front, a dot in a client's name being an
underscore in its file's. Another package adds its own through the entry-point group `labctl.clients`, which gives the
client's name and a module that is one file. It is never imported here, since it may need what only the image has: its
file is put into the client's host.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:  # a zygote loads this, and does without what takes long to load
    from pathlib import Path

FOLDER = os.path.dirname(__file__)
PARTS = {"outcomes"}  # files of this folder that are no client
PLUGINS = "/opt/labctl/plugins"  # inside a client's host: the files of other packages
ONLY = "LABCTL_CLIENTS"  # in the environment of a client host: the clients that are loaded there
REACH = "LABCTL_REACH"  # the same: the only addresses that clients there may reach, with commas; any unless it is set
WARM = "LABCTL_WARM"  # the same: the scheme of the targets that clients there are made ready for; http unless it is set
USER = "LABCTL_USER"  # the same: who the clients there become once they are loaded, UID:GID; nobody else unless set
UNIX = "unix"  # of a target: the API of a Docker Engine at a Unix socket, as DOCKER_HOST names it
PORTS = {"http": 80, "https": 443, "tcp": None, "redis": 6379, "postgresql": 5432}
"""What the address of a target with a port may begin with, and the port that is meant where it names none."""
SOCKET = re.compile(r"(/|\$\{)[\w./${}-]*")  # an absolute path, or one below a placeholder's
HOST = re.compile(r"[\w.:${}][\w.:${}-]*")  # a name, an address or a placeholder; with a hyphen in front, an option
LISTED = re.compile(r"^SCHEMES = \((.*)\)$", re.MULTILINE)  # in a client's file, where it does not compute them
broken_plugins: dict[str, str] = {}  # entry point to why it was left out


class Target(NamedTuple):
    """What a client tries to reach."""

    url: str
    scheme: str
    host: str  # of unix, the path of the socket
    port: int  # of unix, 0
    path: str  # with the query
    verify: bool = True  # of https: whether the server's certificate must hold

    @property
    def on_loopback(self) -> bool:
        """Whether the way to it leaves no host."""
        return self.scheme == UNIX or self.host in ("localhost", "::1") or self.host.startswith("127.")

    @classmethod
    def parse(cls, url: str) -> Target:
        """Read `http://host:port/path`, `tcp://host:port`, `unix:///path` or an address with another scheme of PORTS.

        Raises ValueError, with a sentence, where it is none of them.
        """
        if re.search(r"[\s\x00-\x1f\x7f]", url):  # urlsplit would take them out
            raise ValueError("has a blank or a control character in it")
        parts = urlsplit(url)
        if parts.scheme not in (*PORTS, UNIX):
            raise ValueError(f"begins with none of {', '.join(f'{scheme}://' for scheme in (*PORTS, UNIX))}")
        if "@" in parts.netloc:
            raise ValueError("contains a user name; targets are shown in reports, so they must hold no secret")
        if parts.scheme == UNIX:
            return cls._at_socket(url)
        port = PORTS[parts.scheme] if parts.port is None else parts.port
        if not parts.hostname or not port:
            raise ValueError(f"names no {'host' if not parts.hostname else 'port'}")
        if not HOST.fullmatch(parts.hostname):
            raise ValueError("names a host with a character that no name or address has")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(url, parts.scheme, parts.hostname, port, path)

    @classmethod
    def _at_socket(cls, url: str) -> Target:
        path = url.partition("://")[2]
        if not SOCKET.fullmatch(path) or ".." in path.split("/"):
            raise ValueError("names no socket; write one such as unix:///run/docker.sock")
        return cls(url, UNIX, path, 0, "/version")


def names() -> list[str]:
    """Return the names of all clients, as they are written in scenarios and on the command line."""
    return sorted([*in_folder(FOLDER), *plugins()])


def in_folder(folder: str) -> list[str]:
    """Return the names of the clients whose files are in a folder; none where there is no such folder."""
    files = os.listdir(folder) if os.path.isdir(folder) else ()
    stems = (file.removesuffix(".py") for file in files if file.endswith(".py") and file[0].islower())
    return sorted(stem.replace("_", ".") for stem in stems if stem not in PARTS)


@functools.cache
def speaking(scheme: str) -> tuple[str, ...]:
    """Return the clients of this folder that say that they understand targets with a scheme; none is imported."""
    return tuple(name for name in in_folder(FOLDER) if scheme in _schemes(f"{FOLDER}/{file_of(name)}"))


def _schemes(file: str) -> Collection[str]:
    """Return the schemes that a file lists; none where it computes them.

    Not by `ast`: in threads side by side it fails, now and then, with SystemError in Python 3.11 (gh-106905).
    """
    with open(file) as source:
        listed = LISTED.search(source.read())
    return re.findall(r'"(.+?)"', listed[1]) if listed else ()


def file_of(client: str) -> str:
    """Return the name of the file that defines a client."""
    return f"{client.replace('.', '_')}.py"


@functools.cache
def plugins() -> Mapping[str, Path]:
    """Return the source file of every client of another package; one that is no client is in `broken_plugins`."""
    from importlib.metadata import entry_points

    own = in_folder(FOLDER)
    found: dict[str, Path] = {}
    for entry in entry_points(group=__name__):
        try:
            found[entry.name] = _source(entry.name, entry.value, taken={*own, *found, *PARTS})
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's package does must not stop ours
            broken_plugins[entry.name] = f"{entry.value}: {type(error).__name__}: {error}"
    return found


def plugin_files() -> dict[str, str]:
    """Return the text of every plugin by the path that it has inside a client's host."""
    return {f"{PLUGINS}/{file_of(client)}": source.read_text() for client, source in plugins().items()}


def _source(name: str, module: str, *, taken: Collection[str]) -> Path:
    """Find a module's file; nothing of it is run, but the `__init__` of a package that it is in."""
    if name in taken:
        raise ValueError(f"the name {name!r} is taken")
    if not re.fullmatch(r"[a-z][a-z0-9.-]*", name):
        raise ValueError("a client's name is lower-case letters, digits, dots and hyphens")
    import importlib.util
    from pathlib import Path

    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {module!r}")
    if spec.origin is None or not spec.origin.endswith(".py") or spec.submodule_search_locations is not None:
        raise ValueError("a client is a module of one .py file")
    source = Path(spec.origin)
    source.read_text()
    return source
