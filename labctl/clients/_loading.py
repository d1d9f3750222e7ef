"""The clients of a host, loaded and warm: labctl's own, and those that other packages put beside them."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import NamedTuple

from labctl.clients import FOLDER, PLUGINS, UNIX, Target, file_of, in_folder
from labctl.clients._trying import attempt

FOLDERS = {"labctl.clients": FOLDER, "labctl_plugins": PLUGINS}  # by their modules' package
WARM_UP = "://127.0.0.1:1/"  # with a scheme before it; nothing listens there
NO_SOCKET = f"{UNIX}:///proc/no/socket"
WARM_UP_TIMEOUT = 0.2


class Client(NamedTuple):
    """A client that can be used: its module, what it says of its version, and the targets it understands."""

    module: ModuleType
    version: str
    schemes: Sequence[str]


def load(only: Collection[str] | None = None, warm: str = "http") -> tuple[dict[str, Client], dict[str, str]]:
    """Load every client there is, or only some, by name; those that cannot be used come second, each with the reason.

    Those that understand targets with the scheme `warm` are made ready for them. What one does to be ready overlaps
    with the loading of the next.
    """
    clients: dict[str, Client] = {}
    broken: dict[str, str] = {}

    def prepare(name: str, module: ModuleType) -> None:
        with _or_broken(name, broken):
            if (ready := _prepared(module, warm)) is not None:
                clients[name] = ready

    with _nothing_collected(), _authorities_when_needed():
        found = [(package, folder, name) for package, folder in FOLDERS.items() for name in in_folder(folder)]
        preparing = []
        for package, folder, name in found:
            if only is None or name in only:
                with _or_broken(name, broken):
                    file = file_of(name)
                    module = _imported(f"{package}.{file.removesuffix('.py')}", f"{folder}/{file}")
                    preparing.append(threading.Thread(target=prepare, args=(name, module)))
                    preparing[-1].start()
        for one in preparing:
            one.join()
    return dict(sorted(clients.items())), broken


@contextmanager
def _or_broken(name: str, broken: dict[str, str]) -> Iterator[None]:
    """Have a client that cannot be used among the broken ones, with the reason: it must not stop the others."""
    try:
        yield
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is
        broken[name] = f"{type(error).__name__}: {error}"


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep the garbage collector away while modules are imported: a tenth of the time, for next to no garbage.

    What is there afterwards stays, so it need not be looked at again, nor be copied when a try is forked (`gc.freeze`);
    nor is it collected first, which takes all clients 20 ms and finds nothing to speak of.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


@contextmanager
def _authorities_when_needed() -> Iterator[None]:
    """Spare libraries the reading of all certificate authorities, 20 ms for each context that one makes at import.

    OpenSSL reads a file of them at once, and looks one up in their folder, where Debian has them too, only when it
    meets one: SSL_CTX_set_default_verify_paths(3).
    """
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = os.devnull
    yield
    del os.environ["SSL_CERT_FILE"]
    if before is not None:
        os.environ["SSL_CERT_FILE"] = before


def _imported(name: str, file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _prepared(module: ModuleType, warm: str) -> Client | None:
    """Return a client that has told its version and, where it is a library, has loaded what it loads at first use.

    One that does not understand the targets in question is never used, and loads nothing. None where it is for an
    engine's socket alone, and the targets are none: its library is not in the image.
    """
    if isinstance(module.SCHEMES, str):
        raise TypeError("SCHEMES must be a tuple of schemes, not text")
    if warm != UNIX and {*module.SCHEMES} == {UNIX}:
        return None
    client = Client(module, str(module.version()), [str(scheme) for scheme in module.SCHEMES])
    if hasattr(module, "command"):
        if not hasattr(module, "read"):
            raise AttributeError("it defines `command`, but no `read`")
    elif warm in client.schemes:
        attempt(module, Target.parse(NO_SOCKET if warm == UNIX else warm + WARM_UP), WARM_UP_TIMEOUT)
    return client
