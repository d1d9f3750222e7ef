"""What all tests share: the checkout's own files and, for the tests in `engine/` and `endurance/`, a real Docker engine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest

from labctl.engine.connection import Connection, connect
from labctl.errors import EngineUnavailable
from labctl.lab.deploy import deployed
from labctl.lab.lab import Lab
from labctl.lab.request import LabRequest
from labctl.lab.session import Session
from labctl.lab.session import session as begin_session
from labctl.model import Result, Verdict
from labctl.results.journal import Journal, new_folder
from labctl.run.run import Options
from labctl.scenario.load import load
from labctl.system.places import images, installed
from support.labs import Deploy
from support.unraised import complaints_seen, garbage_collected, garbage_collected_at_last

__all__ = ["complaints_seen", "garbage_collected", "garbage_collected_at_last"]  # fixtures that every test has

ROOT = Path(__file__).resolve().parents[1]
OF_THE_MACHINE = [path for path in map(Path, ("/etc/resolv.conf", "/etc/hosts")) if path.exists()]
ENGINE_TESTS = [ROOT / "tests" / folder for folder in ("engine", "endurance")]

# a slow machine is no defect: what must be fast says so in a test of its own
hypothesis.settings.register_profile("labctl", deadline=None)
hypothesis.settings.load_profile("labctl")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything under tests/engine and tests/endurance, before `-m` looks for the marks."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in ENGINE_TESTS):
            item.add_marker("engine")


def engine_required() -> bool:
    """Whether a missing engine is an error; otherwise the tests that need one are skipped."""
    return os.environ.get("LABCTL_TEST_ENGINE") == "required" or os.environ.get("CI") == "true"


@pytest.fixture(scope="session", autouse=True)
def _machine_unchanged() -> Iterator[None]:
    """See that what labs write into their own hosts is never written on the machine."""
    before = {file: file.read_bytes() for file in OF_THE_MACHINE}
    yield
    assert {file: file.read_bytes() for file in OF_THE_MACHINE} == before


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def connection() -> Iterator[Connection]:
    """Connect to the engine that labctl itself would use."""
    try:
        found = connect()
    except EngineUnavailable as silence:
        if engine_required():
            raise
        pytest.skip(str(silence))
    yield found
    found.close()


@pytest.fixture(scope="session")
def session(connection: Connection) -> Iterator[Session]:
    """Begin the one session of this test run, on labctl's own images."""
    from labctl.provision import image

    built = image.ensure(connection, *images(), progress=print)
    # Ctrl-C is pytest's to handle, not the session's: it ends all tests, and then the session removes everything
    with begin_session(connection, {name: one.tag for name, one in built.items()}, signals=False) as begun:
        yield begun


@pytest.fixture(scope="session")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """Return how tests run scenarios: everything as people do, but the runs are kept in a folder of the tests' own."""
    return Options(runs=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def deploy(session: Session, options: Options) -> Deploy:
    """Return a function that brings up the stack of a scenario, and nothing else of it."""

    @contextmanager
    def up(name: str = "loopback-bind") -> Iterator[Lab]:
        loaded = load(installed("scenarios") / f"{name}.yaml")
        journal = Journal(new_folder(options.runs, name, since=session.began))
        try:
            with deployed(LabRequest(loaded.stack, "tests", loaded.scenario.client.host), session, journal) as standing:
                yield standing
        finally:
            journal.conclude(Result("tests", name, "", "", Verdict.SKIPPED, "", "", journal.now, ()))

    return up


@pytest.fixture(scope="module")
def lab(deploy: Deploy) -> Iterator[Lab]:
    """Bring up a client and a server that answers, for all tests of one file."""
    with deploy() as standing:
        yield standing
