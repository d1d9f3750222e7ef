"""The scenarios there are: a folder's own, and those that came with labctl. Found by name, without reading them."""

from __future__ import annotations

import re
from pathlib import Path

from labctl.errors import UnknownName, UsageError
from labctl.places import installed

FOLDER = Path("scenarios")  # below the folder that labctl is called in
SUFFIXES = (".yaml", ".yml")
SERVICES = re.compile(r"""^["']?services["']?\s*:""", re.MULTILINE)


def is_stack(file: Path) -> bool:
    """Tell whether a YAML file is a stack: only Compose files have `services` at the top."""
    try:
        return SERVICES.search(file.read_text(errors="replace")) is not None
    except OSError:
        return False


def within(folder: Path) -> dict[str, Path]:
    """Return the scenarios of a folder and those below it by name; stacks that lie beside them are left out.

    Raises UsageError where two have one name, for then nobody knows which is meant.
    """
    found: dict[str, Path] = {}
    for file in sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file()):
        if not is_stack(file):
            _demand_one(file.stem, found.setdefault(file.stem, file), file)
    return found


def everything(folder: Path = FOLDER) -> dict[str, Path]:
    """Return all scenarios by name, those of the folder before the installed ones of the same name."""
    return within(installed("scenarios")) | within(folder)


def own(folder: Path = FOLDER) -> dict[str, Path]:
    """Return what is run where nothing is named: the folder's scenarios, or the installed ones where it has none."""
    return within(folder) or within(installed("scenarios"))


def find(name: str, folder: Path = FOLDER) -> Path:
    """Return the file of a scenario: a path, or a name in `./scenarios` or among the installed ones.

    Raises UnknownName with the nearest names, UsageError where there is no such file.
    """
    if "/" in name or name.startswith(".") or name.endswith(SUFFIXES):
        if Path(name).is_file():
            return Path(name)
        what = f"{name} is a folder" if Path(name).is_dir() else f"there is no file {name}"
        raise UsageError(f"{what}.", todo="Give the path of a scenario's file, or a name of `labctl list`.")
    known = everything(folder)
    if name not in known:
        raise UnknownName("scenario", name, known)
    return known[name]


def find_all(names: list[str], folder: Path = FOLDER) -> list[Path]:
    """Return the files of several scenarios; raises as `find`, and where two different files have one name."""
    files = [find(name, folder) for name in names]
    first: dict[str, Path] = {}
    for file in files:
        _demand_one(file.stem, first.setdefault(file.stem, file), file)
    return files


def _demand_one(name: str, one: Path, other: Path) -> None:
    if not one.samefile(other):
        raise UsageError(
            f"two scenarios are called {name!r}: {one} and {other}.",
            todo="Rename one of them, its file and the `name` in it.",
        )
