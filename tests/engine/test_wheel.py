"""labctl as a wheel, in an environment with nothing else, called in a folder with nothing of the checkout in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from labctl.lab.session import Session
from labctl.provision import image
from labctl.scenario import catalogue
from labctl.system.places import installed

PINNED = re.compile(r"^([a-z0-9.-]+==[^ \\;]+)", re.MULTILINE)
STACK = """\
services:
  api:
    image: labctl
    command: [serve]
    environment: {PORT: "7000"}
  caller:
    image: labctl
    command: [clients]
"""
SCENARIO = """\
name: api-stopped
title: The API of another repository is stopped
cause: not-running
stack: ./compose.yaml
client: {host: caller, target: "http://api:7000/"}
fault:
  - stop: api
expect: {outcome: refused, errno: ECONNREFUSED}
fix:
  - start: api
explain: Somebody stopped it.
"""
Labctl = Callable[..., subprocess.CompletedProcess[str]]


def run(*argv: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with nothing of this environment's Python."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=root)
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def labctl(wheel: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Labctl:
    """Install the wheel, with the versions that are locked, and return its command."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder / "venv", with_pip=True)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(PINNED.findall((root / "requirements" / "dev.txt").read_text())))
    python = folder / "venv" / "bin" / "python"
    done = run(python, "-m", "pip", "install", "-q", wheel, "--constraint", constraints, folder=folder)
    assert done.returncode == 0, done.stderr
    return lambda *argv, at=folder: run(python.parent / "labctl", *argv, folder=at)


def test_scenarios_stacks_and_the_sources_of_the_images_are_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for part in ("scenarios", "compose"):
        files = [path for path in installed(part).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert len(files) > 10
        for path in files:
            assert f"labctl/_installed/{part}/{path.relative_to(installed(part)).as_posix()}" in names
    assert not [name for name in names if name.endswith(".pyc") or name.startswith("tests/")]


def test_it_has_every_scenario_and_they_are_sound(labctl: Labctl) -> None:
    listed = labctl("list").stdout
    for name in catalogue.within(installed("scenarios")):
        assert f"  {name} " in listed
    assert labctl("lint").returncode == 0


def test_a_scenario_of_it_runs_on_the_same_image(labctl: Labctl, session: Session) -> None:
    """The image's name is the hash of everything that it is made of, so nothing of it was lost on the way."""
    done = labctl("run", "server-down", "--client", "socket", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("passed server-down")
    for name, tag in session.images.items():
        assert f"image     {tag}\n" in labctl("image", "show", name).stdout
    assert image.layers()[-1].tag == session.image


def test_a_scenario_of_another_repository_runs_with_the_stack_beside_it(labctl: Labctl, tmp_path: Path) -> None:
    folder = tmp_path / "failures"
    folder.mkdir()
    (folder / "compose.yaml").write_text(STACK)
    (folder / "api-stopped.yaml").write_text(SCENARIO)
    done = labctl("run", "./failures/api-stopped.yaml", "-q", at=tmp_path)
    assert done.stdout.startswith("passed api-stopped"), done.stderr


def test_a_matrix_in_another_repository_is_of_its_own_scenarios(labctl: Labctl, tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "compose.yaml").write_text(STACK)
    (tmp_path / "scenarios" / "api-stopped.yaml").write_text(SCENARIO)
    done = labctl("matrix", "--client", "socket", at=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "passed api-stopped" in done.stdout
    assert "passed: 1 passed" in done.stdout
    assert "server-down" in labctl("list", at=tmp_path).stdout
