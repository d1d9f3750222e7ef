"""The scenarios there are: a folder's own, and those that came with labctl. Found by name, without reading them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from labctl.errors import UnknownName, UsageError
from labctl.language.bounds import SUFFIXES
from labctl.stack.find import is_stack
from labctl.system.places import installed

FOLDER = Path("scenarios")  # below the folder that labctl is called in
Wrong = Callable[[UsageError], None]


def fail(error: UsageError) -> None:
    """Raise the error: what is done about a mistake where nobody says otherwise."""
    raise error


def within(folder: Path, wrong: Wrong = fail) -> dict[str, Path]:
    """Return the scenarios of a folder and those below it by name; stacks that lie beside them are left out.

    Where two have one name nobody knows which is meant, so `wrong` is called, which raises UsageError; if it does not,
    the first stands.
    """
    found: dict[str, Path] = {}
    for file in sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file()):
        if not is_stack(file):
            try:
                demand_one(file.stem, found.setdefault(file.stem, file), file)
            except UsageError as error:
                wrong(error)
    return found


def everything(folder: Path = FOLDER, wrong: Wrong = fail) -> dict[str, Path]:
    """Return all scenarios by name, those of the folder before the installed ones of the same name."""
    return within(installed("scenarios")) | within(folder, wrong)


def own(folder: Path = FOLDER) -> dict[str, Path]:
    """Return what is run where nothing is named: the folder's scenarios, or the installed ones where it has none."""
    return within(folder) or within(installed("scenarios"))


def find(name: str, folder: Path = FOLDER) -> Path:
    """Return the file of one scenario, as `find_all` does."""
    [file] = find_all([name], folder)
    return file


def find_all(names: Sequence[str], folder: Path = FOLDER) -> list[Path]:
    """Return the files of scenarios: paths, or names in `./scenarios` or among the installed ones.

    Raises UnknownName with the nearest names, UsageError where there is no such file, or where two different files have
    one name.
    """
    known = {} if all(map(_is_path, names)) else everything(folder)
    first: dict[str, Path] = {}
    files = [_at(name) if _is_path(name) else _named(name, known) for name in names]
    for file in files:
        demand_one(file.stem, first.setdefault(file.stem, file), file)
    return files


def _is_path(name: str) -> bool:
    return "/" in name or name.startswith(".") or name.endswith(SUFFIXES)


def _at(path: str) -> Path:
    if Path(path).is_file():
        return Path(path)
    what = f"{path} is a folder" if Path(path).is_dir() else f"there is no file {path}"
    raise UsageError(f"{what}.", todo="Give the path of a scenario's file, or a name of `labctl list`.")


def _named(name: str, known: Mapping[str, Path]) -> Path:
    if name not in known:
        raise UnknownName("scenario", name, known, see="labctl list")
    return known[name]


def demand_one(name: str, one: Path, other: Path) -> None:
    """Raise UsageError where a name stands for two different files."""
    if not one.samefile(other):
        raise UsageError(
            f"two scenarios are called {name!r}: {one} and {other}.",
            todo="Rename one of them, its file and the `name` in it.",
        )
