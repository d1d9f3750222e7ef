"""Imports go one way: down the list in `labctl`'s docstring, and within a folder in no circle."""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import labctl

PACKAGE = Path(labctl.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)
ORDER = re.findall(r"^    (\w+) {2,}", labctl.__doc__ or "", re.MULTILINE)
INSIDE_HOSTS = ("agent", "clients/__init__.py", "clients/outcomes.py")
"""What is read outside of the image too, or before the libraries are loaded."""


def part_of(file: Path) -> str:
    """Return the name under which a file's module stands in the list: its package, or its own."""
    first = file.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    """Yield the full name of every module that a file imports, also within functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are written in full"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def shown(file: Path) -> str:
    return str(file.relative_to(PACKAGE))


def test_the_list_names_every_module_once() -> None:
    on_disk = {part_of(file) for file in FILES} - {"__init__", "_installed"}
    assert sorted(ORDER) == sorted(on_disk)


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_a_module_imports_only_from_modules_above_it(file: Path) -> None:
    own = part_of(file)
    above = ORDER[: ORDER.index(own)] if own in ORDER else []
    parts = {name.split(".")[1] for name in imports(file) if name.startswith("labctl.")}
    below = parts.intersection(ORDER) - {own, *above}
    assert not below


def module_of(file: Path) -> str:
    """Return the full name of a file's module."""
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("folder", FOLDERS, ids=shown)
def test_no_circle_is_inside_a_folder(folder: Path) -> None:
    """A name that is imported from a folder is one of its modules, or defined in its `__init__`."""
    modules = {module_of(file): file for file in folder.glob("*.py")}
    graph = {
        module: {name if name in modules else name.rpartition(".")[0] for name in imports(file)} & modules.keys()
        for module, file in modules.items()
    }
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(modules)


@pytest.mark.parametrize("file", FILES, ids=shown)
def test_docker_is_imported_in_the_engine_folder_only(file: Path) -> None:
    """Apart from the client that is the SDK itself."""
    foreign = {name.split(".")[0] for name in imports(file)}
    assert part_of(file) == "engine" or shown(file) == "clients/docker.py" or "docker" not in foreign


@pytest.mark.parametrize("file", [file for file in FILES if shown(file).startswith(INSIDE_HOSTS)], ids=shown)
def test_what_runs_inside_a_host_needs_the_standard_library_only(file: Path) -> None:
    roots = {name.split(".")[0] for name in imports(file)}
    assert roots <= sys.stdlib_module_names | {"labctl"}
    ours = {name.split(".")[1] for name in imports(file) if name.startswith("labctl.")}
    assert ours <= {"agent", "clients"}
