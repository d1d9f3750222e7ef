"""The clients of a host, loaded and warm: labctl's own, and those that other packages put beside them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from labctl.clients import PLUGINS, Target, file_of, in_folder
from labctl.clients._trying import attempt

FOLDERS = {"labctl.clients": Path(__file__).parent, "labctl_plugins": Path(PLUGINS)}  # by their modules' package
WARM_UP = "http://127.0.0.1:1/"  # nothing listens there
WARM_UP_TIMEOUT = 0.2


@dataclass(frozen=True, slots=True)
class Client:
    """A client that can be used: its module, what it says of its version, and the targets it understands."""

    module: ModuleType
    version: str
    schemes: Sequence[str]


def load(only: Collection[str] | None = None) -> tuple[dict[str, Client], dict[str, str]]:
    """Load every client there is, or only some, by name; those that cannot be used come second, each with the reason.

    What one does to be ready overlaps with the loading of the next.
    """
    clients: dict[str, Client] = {}
    broken: dict[str, str] = {}
    with ThreadPoolExecutor() as pool:
        beginning = [
            (name, _begin(f"{package}.{Path(file_of(name)).stem}", folder / file_of(name), pool))
            for package, folder in FOLDERS.items()
            for name in in_folder(folder)
            if only is None or name in only
        ]
        for name, client in beginning:
            try:
                clients[name] = client.result()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - one client must not stop the others
                broken[name] = f"{type(error).__name__}: {error}"
    return dict(sorted(clients.items())), broken


def _begin(module: str, file: Path, pool: ThreadPoolExecutor) -> Future[Client]:
    """Import a client, and have it prepared while others are imported."""
    try:
        imported = _imported(module, file)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is raised again where the result is asked for
        failed: Future[Client] = Future()
        failed.set_exception(error)
        return failed
    return pool.submit(_prepared, imported)


def _imported(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _prepared(module: ModuleType) -> Client:
    """Return a client that has told its version and, where it is a library, has loaded what it loads at first use."""
    if isinstance(module.SCHEMES, str):
        raise TypeError("SCHEMES is a text, where a tuple of schemes is wanted")
    client = Client(module, str(module.version()), [str(scheme) for scheme in module.SCHEMES])
    if not hasattr(module, "command"):
        attempt(module, Target.parse(WARM_UP), WARM_UP_TIMEOUT)
    elif not hasattr(module, "read"):
        raise AttributeError("it defines `command`, but no `read`")
    return client
