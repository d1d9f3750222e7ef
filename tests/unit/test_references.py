"""What docs and docstrings name exists: modules, what they define, files, and lists of these."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.stack import compose
from labctl.stack.model import MOST_NETWORKS
from labctl.stack.service import Service

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/glossary.md")]
WRITTEN = [*PAGES, *sorted((ROOT / "labctl").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
DOTTED = re.compile(r"`(labctl(?:\.\w+)+)`")
OWN_FILE = re.compile(r"`((?:labctl|compose|tests|scenarios)/[\w./-]+\w/?)`")
MADE_UP = {"labctl/actions/names.py", "scenarios/records/NAME.json"}  # an example's, and any scenario's
LISTED = re.compile(r"^(\w+)\.py +\w", re.MULTILINE)
NUMBERS = {4: "four"}


def found(pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield the file that names something, and what it names."""
    for file in WRITTEN:
        for name in pattern.findall(file.read_text()):
            yield str(file.relative_to(ROOT)), name


def resolves(dotted: str) -> bool:
    """Tell whether a dotted name is a module, or something that is defined in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(thing, part):
                return part in getattr(thing, "__dataclass_fields__", {})
            thing = getattr(thing, part)
        return True
    return False


def test_every_dotted_name_of_ours_is_there() -> None:
    named = {(file, name) for file, name in found(DOTTED) if not (ROOT / name.removeprefix("labctl.")).exists()}
    assert len(named) > 10
    assert not [(file, name) for file, name in sorted(named) if not resolves(name)]


def test_every_file_of_ours_that_is_named_is_there() -> None:
    named = {(file, name) for file, name in found(OWN_FILE) if name not in MADE_UP}
    assert len(named) > 10
    assert not [(file, name) for file, name in sorted(named) if not (ROOT / name).exists()]


@pytest.mark.parametrize(
    "package",
    [file for file in sorted((ROOT / "labctl").rglob("__init__.py")) if LISTED.search(file.read_text())],
    ids=lambda file: file.parent.name,
)
def test_a_package_that_lists_its_modules_lists_them_all(package: Path) -> None:
    listed = LISTED.findall(package.read_text())
    assert sorted(listed) == sorted(file.stem for file in package.parent.glob("*.py") if file.stem != "__init__")


def test_what_contributing_says_is_not_there_yet_is_what_stacks_refuse() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = " ".join(text.partition("## Not there yet")[2].partition("\n## ")[0].split())
    refused = re.search(r"of Compose's keys for a service: ([^;]*);", section)
    assert refused is not None
    assert re.findall(r"`(\w+)`", refused[1]) == sorted(compose.REFUSED)
    assert f"up to {NUMBERS[MOST_NETWORKS]} networks" in section
    assert not set(compose.REFUSED) & {field.alias or name for name, field in Service.model_fields.items()}
