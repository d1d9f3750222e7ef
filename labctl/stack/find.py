"""Which YAML files are stacks, and where the one lies that a scenario names."""

from __future__ import annotations

import re
from pathlib import Path

from labctl.errors import UnknownName, UsageError
from labctl.language.bounds import SUFFIXES, beginning
from labctl.system.places import installed, leads_out

SERVICES = re.compile(r"""^["']?services["']?\s*:""", re.MULTILINE)


def is_stack(file: Path) -> bool:
    """Tell whether a YAML file is a stack: only Compose files have `services` at the top."""
    return SERVICES.search(beginning(file)) is not None


def find_stack(written: str, beside: Path) -> Path:
    """Return the file that a scenario's `stack:` names: relative to the scenario, or one of the installed stacks.

    Raises UnknownName with the nearest stacks there are, and UsageError where it is neither below the scenario's folder
    nor below the one that labctl is called in: what is wrong with a file is told, and so is some of what it holds.
    """
    if "/" in written or written.endswith(SUFFIXES):
        path = beside / written
        if leads_out(path, beside):
            what = f"{written!r} leads out of the scenario's folder, and out of the one that labctl is called in."
            raise UsageError(what, todo="Put the stack beside the scenario.")
        if _is_file(path):
            return path
        raise UnknownName("stack file", written, (f"./{p.name}" for p in beside.glob("*.y*ml") if is_stack(p)))
    path = installed("compose") / f"{written}.yaml"
    if not _is_file(path):
        raise UnknownName("stack", written, (p.stem for p in installed("compose").glob("*.yaml")))
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # too long for a name
        return False
