"""What README and CONTRIBUTING tell a person to write and to type works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from labctl.engine import images
from labctl.engine.connection import Connection
from labctl.lab.session import Session
from labctl.scenario import catalogue
from labctl.system.places import installed

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"# (\S+/\S+)\n")
LABCTL = re.compile(r"^labctl (.*?) *(?:#.*)?$", re.MULTILINE)
PARTS = ("labctl", "compose", "scenarios")


def blocks(text: str, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(text) if kind == language]


def files(text: str) -> dict[str, str]:
    """Return the blocks that begin with a path, by that path."""
    bodies = [body for _, body in BLOCK.findall(text)]
    return {found[1]: body[found.end() :] for body in bodies if (found := PATH.match(body))}


def write(folder: Path, written: dict[str, str]) -> None:
    for path, body in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(body)


def run(folder: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run labctl, of the checkout `root`, in a folder."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "labctl", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


@pytest.fixture(scope="module")
def five_minutes(readme: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do in an empty repository what the README says: write its files."""
    folder = tmp_path_factory.mktemp("theirs")
    write(folder, files(readme))
    return folder


def test_the_scenario_of_five_minutes_is_written_and_runs_as_told(five_minutes: Path, readme: str, root: Path) -> None:
    section = readme.partition("## Your own failure")[2].partition("\n## ")[0]
    [script] = blocks(section, "sh")
    commands = LABCTL.findall(script)
    assert [command.split()[0] for command in commands] == ["lint", "run", "matrix"]
    for command in commands:
        done = run(five_minutes, root, *command.split())
        assert done.returncode == 0, done.stdout + done.stderr
    assert (five_minutes / "labctl.xml").is_file()


def test_what_the_workflow_runs_is_what_labctl_understands(five_minutes: Path, root: Path) -> None:
    workflow: Any = YAML(typ="safe", pure=True).load(five_minutes / ".github" / "workflows" / "failures.yaml")
    lines = [step["run"] for step in workflow["jobs"]["labctl"]["steps"] if "run" in step]
    commands = [line.removeprefix("labctl ") for line in lines if line.startswith("labctl ")]
    assert len(commands) == 2
    for command in commands:
        done = run(five_minutes, root, *command.split())
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_catalogue_in_the_readme_is_that_on_disk(readme: str) -> None:
    table = readme.partition("## The scenarios there are")[2].partition("\n\n`labctl show")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")]
    named = [name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row)]
    assert sorted(named) == sorted(catalogue.within(installed("scenarios")))


@pytest.fixture(scope="module")
def grown(root: Path, connection: Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Do in a copy of the checkout what CONTRIBUTING says; the image that its client needs is removed afterwards."""
    folder = tmp_path_factory.mktemp("ours")
    for part in PARTS:
        shutil.copytree(root / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    write(folder, files((root / "CONTRIBUTING.md").read_text()))
    yield folder
    told = "from labctl.provision import image; print(image.layers()[-1].tag)"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    grew = subprocess.run(
        [sys.executable, "-P", "-c", told], env=environment, capture_output=True, text=True, check=True
    )
    if images.find(connection, grew.stdout.strip()) is not None:
        images.remove(connection, grew.stdout.strip())


@pytest.mark.parametrize(
    "command", ["run alias-down -q", "run hosts-line -q", "run hosts-line --client bash -q", "lint", "clients"]
)
def test_what_contributing_grows_works(grown: Path, session: Session, command: str) -> None:
    del session  # the images that the copy builds upon are there
    done = run(grown, grown, *command.split())
    assert done.returncode == 0, done.stdout + done.stderr
    if command == "clients":
        assert "bash  " in done.stdout


def test_contributing_grows_one_of_each(root: Path) -> None:
    written = files((root / "CONTRIBUTING.md").read_text())
    assert {str(Path(path).parent) for path in written} == {"compose", "scenarios", "labctl/actions", "labctl/clients"}
    assert not [path for path in written if (root / path).exists()]
