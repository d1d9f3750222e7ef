"""A lab that the tests of one file share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from labctl import scenario
from labctl.journal import Journal, new_folder
from labctl.lab import Lab, deployed
from labctl.places import installed
from labctl.run import Options
from labctl.session import Session


class Deploy(Protocol):
    """Brings up the stack of a scenario."""

    def __call__(self, name: str = ...) -> AbstractContextManager[Lab]:
        """Return a lab that stands for as long as the block lasts."""


@pytest.fixture(scope="session")
def deploy(session: Session, options: Options) -> Deploy:
    """Return a function that brings up a lab."""

    @contextmanager
    def up(name: str = "loopback-bind") -> Iterator[Lab]:
        loaded = scenario.load(installed("scenarios") / f"{name}.yaml")
        journal = Journal(new_folder(options.runs, name))
        with deployed(loaded.stack, "tests", loaded.scenario.client.host, session, journal) as lab:
            yield lab

    return up


@pytest.fixture(scope="module")
def lab(deploy: Deploy) -> Iterator[Lab]:
    """Bring up a client and a server that answers."""
    with deploy() as standing:
        yield standing


@pytest.fixture
def scenarios() -> Path:
    """Return the folder of the scenarios on disk."""
    return installed("scenarios")
