"""Which clients understand a target."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from labctl.clients import FOLDER, file_of, in_folder
from labctl.scenario.model import Client

MODULES: dict[str, ModuleType] = {
    name: importlib.import_module(f"labctl.clients.{Path(file_of(name)).stem}") for name in in_folder(FOLDER)
}


def of(scheme: str) -> list[str]:
    """Return the names of labctl's own clients that understand targets with a scheme."""
    return [name for name, module in MODULES.items() if scheme in module.SCHEMES]


def of_client(client: Client) -> list[str]:
    """Return the names of those that try in a scenario: they understand its target, and ask again where it says so."""
    asked_again = client.again is not None
    return [name for name in of(client.scheme) if not asked_again or hasattr(MODULES[name], "attempt_twice")]
