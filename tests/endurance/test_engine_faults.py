"""The engine dies, hangs, is out of subnets or of disk: a clear end in bounded time, and nothing is left."""

from __future__ import annotations

import gc
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labctl.engine.connection import Connection
from labctl.engine.labels import SESSION
from labctl.errors import EngineUnavailable
from labctl.lab.session import Session
from labctl.lab.subnets import POOL
from labctl.model import Phase, Verdict
from labctl.run.run import Options, run
from labctl.system.waiting import poll
from support.amounts import EVERYTHING
from support.faulty import left, loaded, session_at, struck
from support.spare import Spare, needed, spare

pytestmark = needed
PHASES = [Phase.HEALTHY, Phase.FAULTED, Phase.FIXED] if EVERYTHING else [Phase.FAULTED]
BOUND = 60.0  # seconds: an engine's start, and two removals that wait for it
FULL = "mount -t tmpfs -o size=900m none {state}"


@pytest.fixture(scope="module")
def engine(session: Session, connection: Connection) -> Iterator[Spare]:
    """Start an engine that may be killed."""
    with spare(session.image, connection) as started:
        yield started


def dies_and_comes_back(engine: Spare) -> None:
    engine.send(signal.SIGKILL)
    engine.start()


def restarts(engine: Spare) -> None:
    engine.send(signal.SIGTERM)
    engine.start()


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("strike", [dies_and_comes_back, restarts])
def test_an_engine_that_dies_and_comes_back(
    phase: Phase, strike: Callable[[Spare], None], engine: Spare, session: Session, options: Options, tmp_path: Path
) -> None:
    """The run is inconclusive, and what the engine still has of it is removed."""
    began = time.monotonic()
    with session_at(engine.address, session.images) as own:
        result = struck(loaded(tmp_path, "dies"), own, options, phase, partial(strike, engine))
    assert result.verdict is Verdict.INCONCLUSIVE, result.reason
    assert "Docker Engine" in result.reason or "has lost its" in result.reason
    assert time.monotonic() - began < BOUND
    assert left(engine.connect(), f"{SESSION}={own.id}") == []


def test_an_engine_that_stays_away_is_named_and_what_it_left_is_removed_when_it_comes_back(
    engine: Spare, session: Session, options: Options, tmp_path: Path
) -> None:
    """The session says that something is left; its watchdog removes it once the engine answers."""
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with (  # noqa: PT012 - it is the end of the session that raises
            pytest.raises(EngineUnavailable, match="Its containers and networks are still there") as said,
            session_at(engine.address, session.images) as own,
        ):
            result = struck(loaded(tmp_path, "gone"), own, options, Phase.FAULTED, partial(engine.send, signal.SIGKILL))
            assert result.verdict is Verdict.INCONCLUSIVE
        todo, label = said.value.todo, f"{SESSION}={own.id}"
        del said, own  # with them go requests that were refused, and a watchdog that nobody waits for
        gc.collect()
    assert "labctl clean" in todo
    assert time.monotonic() - began < BOUND
    connection = engine.start()
    poll(lambda: not left(connection, label), 20, "the watchdog to remove everything", every=0.2)


def test_a_matrix_ends_once_its_engine_has_fallen_silent_for_good(
    session: Session, connection: Connection, tmp_path: Path
) -> None:
    """Nothing is told of the runs that are left, and nobody waits for the engine in each of them.

    One run is told to have passed, and the next may have, while that is read.
    """
    names = [loaded(tmp_path, f"silent-{number}").file for number in range(8)]
    with spare(session.image, connection) as dying:
        program = [sys.executable, "-m", "labctl", "matrix", *map(str, names), "-j", "1", "--client", "socket"]
        with subprocess.Popen(
            program, env=dying.environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout is not None
            line = next(line for line in running.stdout if line.startswith("[1/8]"))
            dying.send(signal.SIGKILL)
            said, complaint = running.communicate(timeout=3 * BOUND)
    assert "passed silent-0" in line
    counted = re.search(r"interrupted: (\d+) passed, 3 inconclusive", said)
    assert counted, said
    assert said.partition("not finished")[2].count("silent-") == 8 - int(counted[1]) - 3
    assert all(
        "the Docker Engine does not answer" in one for one in said.splitlines() if " inconclusive silent-" in one
    )
    assert "Docker Engine" in complaint
    assert running.returncode == 3


def test_an_engine_that_hangs_for_a_moment_changes_nothing(
    engine: Spare, session: Session, options: Options, tmp_path: Path
) -> None:
    def hang() -> None:
        engine.send(signal.SIGSTOP)
        subprocess.run(["sleep", "2"], check=True)
        engine.send(signal.SIGCONT)

    with session_at(engine.address, session.images) as own:
        result = struck(loaded(tmp_path, "hangs"), own, options, Phase.FAULTED, hang)
    assert result.verdict is Verdict.PASSED, result.reason
    assert left(engine.connect(), f"{SESSION}={own.id}") == []


def test_an_engine_without_a_free_subnet(engine: Spare, session: Session, options: Options, tmp_path: Path) -> None:
    connection = engine.connect()
    pool: Any = {"Driver": "default", "Config": [{"Subnet": str(POOL)}], "Options": None}
    network = connection.api.create_network("everything", internal=True, ipam=pool)["Id"]
    try:
        with session_at(engine.address, session.images) as own:
            result = run(loaded(tmp_path, "no-subnet"), own, options)
    finally:
        connection.api.remove_network(network)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert f"no subnet of {POOL} is free" in result.reason
    assert "labctl clean" in result.advice
    assert left(connection, f"{SESSION}={own.id}") == []


def test_an_engine_without_room_on_its_disk(
    session: Session, connection: Connection, options: Options, tmp_path: Path
) -> None:
    with spare(session.image, connection, mounts=FULL) as engine, session_at(engine.address, session.images) as own:
        engine.fill()
        result = run(loaded(tmp_path, "no-room"), own, options)
        assert result.verdict is Verdict.INCONCLUSIVE
        assert "no space left on device" in result.reason
        assert left(engine.connect(), f"{SESSION}={own.id}") == []
