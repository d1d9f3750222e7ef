"""`labctl matrix` before it needs an engine: what is chosen, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.calling import labctl
from support.variants import variant

NOWHERE = {"DOCKER_HOST": "tcp://127.0.0.1:1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one scenario."""
    variant(tmp_path / "scenarios", "own-one")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["-k", "own and"], 2, "the expression 'own and' cannot be read: it ends where a word"),
        (["-k", "own and not own"], 3, "matches 'own and not own'.\n`labctl list` shows their names and causes."),
        (["--junit", "no/such/r.xml"], 2, "no/such/r.xml cannot be written: there is no folder no/such."),
        (["--junit", "scenarios"], 2, "scenarios cannot be written."),
        (["--repeat", "0"], 2, "Invalid value for '--repeat'"),
        (["--client", "crul"], 2, "Did you mean curl?"),
        (["own-oen"], 2, "Did you mean own-one?"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(folder: Path, arguments: list[str], code: int, said: str) -> None:
    done = labctl(folder, "matrix", *arguments, **NOWHERE)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / ".labctl").exists()


def test_without_an_engine_the_file_says_that_nothing_has_run(folder: Path) -> None:
    done = labctl(folder, "matrix", "-k", "own-one", "--junit", "r.xml", **NOWHERE)
    assert (done.returncode, done.stdout) == (3, "")
    assert "no Docker Engine answers" in done.stderr
    assert 'errors="1"' in (folder / "r.xml").read_text()
    assert "no Docker Engine answers" in (folder / "r.xml").read_text()
