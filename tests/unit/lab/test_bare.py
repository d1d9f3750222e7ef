"""Labs without an engine: they run where none answers, and nothing of them is left, whatever ends them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest

from labctl.lab.piped import Piped
from labctl.lab.session import ready
from labctl.model import Ran, Verdict
from labctl.run.observe import Observer
from labctl.run.run import Options, run
from labctl.scenario import abilities
from labctl.scenario.abilities import TWO_USERS
from labctl.scenario.load import Loaded, load
from labctl.standin.server import refusal
from labctl.standin.settings import FOLDER_VARIABLE, SOCKET
from labctl.system.places import installed
from labctl.system.processes import Process, look, running, with_descendants
from labctl.system.waiting import poll
from support.variants import labctl

BARE = [one for one in map(load, sorted(installed("scenarios").glob("engine-*.yaml"))) if one.stack.bare]
NO_ENGINE = {"DOCKER_HOST": "tcp://127.0.0.1:1", "LABCTL_ENGINE": "never"}
SOMETHING = "hunter2"


def begun_by(lab: subprocess.Popen[str]) -> list[Process]:
    """Return the processes that a labctl has started, and those that they started."""
    return [one for one in with_descendants(one for one in running() if one.pid == lab.pid) if one.pid != lab.pid]


def goes_on(one: Process) -> bool:
    """Tell whether a process still runs, and is not another one by now."""
    now = look(one.pid)
    return now is not None and now.argv == one.argv


def environment_of(process: Process) -> dict[str, str]:
    pairs = Path(f"/proc/{process.pid}/environ").read_bytes().decode().split("\0")
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs if pair)}


@contextmanager
def broken(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Have a labctl run a scenario, until its fault is in place."""
    command = [sys.executable, "-m", "labctl", "run", "engine-not-running"]
    given = {**os.environ, **NO_ENGINE}
    with subprocess.Popen(command, cwd=folder, env=given, stdout=PIPE, stderr=PIPE, text=True) as lab:
        assert lab.stdout is not None
        next(line for line in lab.stdout if line.startswith("faulted"))
        yield lab


@pytest.mark.parametrize("loaded", BARE, ids=lambda one: one.scenario.name)
def test_each_runs_where_no_engine_answers(loaded: Loaded, tmp_path: Path) -> None:
    able = os.geteuid() == 0 or TWO_USERS not in loaded.scenario.requires
    ran = labctl(tmp_path, "run", "--json", loaded.scenario.name, **NO_ENGINE)
    [told] = json.loads(ran.stdout)
    assert (told["verdict"], ran.returncode) == (("passed", 0) if able else ("skipped", 3)), told["reason"]
    assert not able or told["record"].startswith("as recorded")
    assert "image" not in told["versions"]
    assert not Path(told["names"]["folder"]).exists()


def test_one_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    with broken(tmp_path) as lab:
        begun = begun_by(lab)
        homes = {environment_of(process).get("HOME", "") for process in begun}
        [folder] = {Path(home) for home in homes if home.startswith("/tmp/labctl-")}  # noqa: S108 - as labctl makes it
        lab.send_signal(signal.SIGKILL)
    poll(lambda: not any(map(goes_on, begun)), 5, "what it started to end")
    poll(lambda: not folder.exists(), 5, "its folder to be gone")


def test_one_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    with broken(tmp_path) as lab:
        begun = begun_by(lab)
        lab.send_signal(signal.SIGTERM)
        _, said = lab.communicate(timeout=30)
    assert (lab.returncode, "stopped by SIGTERM; everything was removed." in said) == (130, True)
    assert begun
    assert not any(map(goes_on, begun))


def test_its_programs_know_nothing_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SOMETHING)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    program = Piped("labctl.standin", {FOLDER_VARIABLE: str(tmp_path)}, tmp_path)
    program.listen(lambda *_: None, lambda: None)
    try:
        poll((tmp_path / SOCKET).exists, 10, "its socket")
        [process] = (one for one in running() if one.parent == os.getpid() and "labctl.standin" in one.argv)
        names = environment_of(process).keys()
    finally:
        program.close()
    assert names <= {"PATH", "LANG", "HOME", "PYTHONPATH", "LC_CTYPE", FOLDER_VARIABLE}
    assert not (tmp_path / SOCKET).exists()


def test_no_engine_is_looked_for_where_none_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NO_ENGINE.items():
        monkeypatch.setenv(name, value)
    with ready(BARE) as session:
        assert (session.engine, session.versions, session.local) == (None, {}, True)


def test_who_is_not_root_has_no_two_users(monkeypatch: pytest.MonkeyPatch) -> None:
    def tool(_: list[str]) -> Ran:
        raise AssertionError("no tool tells who labctl is")

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "does not run as root" in abilities.missing(TWO_USERS, tool, local=True)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert abilities.missing(TWO_USERS, tool, local=True) == ""


@pytest.mark.parametrize(
    ("asked", "refused"),
    [("1.9", True), ("1.23", True), ("1.24", False), ("1.41", False), ("1.42", True), ("1.100", True), ("2.0", True)],
)
def test_a_version_is_compared_by_its_numbers(asked: str, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API", "1.41")
    monkeypatch.setenv("MINIMUM", "1.24")
    assert bool(refusal(asked)) is refused


def test_no_shell_opens_on_this_machine(tmp_path: Path) -> None:
    done = labctl(tmp_path, "shell", "engine-not-running", "--at", "faulted", **NO_ENGINE)
    assert done.returncode == 2
    assert "'client' is this machine itself" in done.stderr
    assert "labctl run engine-not-running --keep always" in done.stderr


def observed_by_nobody(*_: object) -> None:
    pytest.fail("somebody was let in")


@pytest.mark.parametrize("keep", [None, observed_by_nobody], ids=["plain", "with somebody who looks in"])
def test_a_client_that_cannot_try_skips_the_scenario_whoever_looks_in(
    tmp_path: Path, keep: Callable[[Observer, Verdict], None] | None
) -> None:
    """Nobody is let into a lab in which no client tries."""
    loaded = next(one for one in BARE if one.scenario.name == "engine-not-running")
    with ready([loaded], signals=False) as session:
        result = run(loaded, session, Options(clients=("requests",), runs=tmp_path, visit=keep))
    assert (result.verdict, "none of the clients requests" in result.reason) == (Verdict.SKIPPED, True)


def test_controls_skip_what_their_client_cannot_try(tmp_path: Path) -> None:
    ran = labctl(tmp_path, "controls", "engine-not-running", "--client", "requests", **NO_ENGINE)
    assert "bug in labctl" not in ran.stderr
    assert ran.returncode == 3, ran.stdout + ran.stderr
