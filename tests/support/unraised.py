"""Exceptions that nobody can catch fail the test where they happen, in pytest's own process and in those it starts.

pytest makes a warning of one, and warnings are errors. It looks for them after each test, so one that waits for the
garbage collector is found by whichever test follows, and one of the last test only as pytest ends; a worker of xdist
drops that. So garbage is collected after each file.
"""

from __future__ import annotations

import gc
import subprocess
from collections.abc import Iterator

import pytest

COMPLAINTS = ("Exception ignored ", "Exception in thread ")  # of sys.unraisablehook, of threading.excepthook


@pytest.fixture(scope="module", autouse=True)
def garbage_collected() -> Iterator[None]:
    """Collect what the tests of a file left, after its other fixtures; pytest blames the file's last test."""
    yield
    gc.collect()


@pytest.fixture(scope="session", autouse=True)
def garbage_collected_at_last() -> Iterator[None]:
    """Collect what the fixtures of all files left."""
    yield
    gc.collect()


@pytest.fixture(scope="session", autouse=True)
def complaints_seen() -> Iterator[None]:
    """Look at the standard error of every process whose output a test takes, by `subprocess.run` as well."""
    communicate = subprocess.Popen.communicate

    def communicate_and_look(
        self: subprocess.Popen[str],
        input: str | None = None,  # noqa: A002
        timeout: float | None = None,
    ) -> tuple[str, str]:
        out, err = communicate(self, input, timeout)
        demand_none(out if err is None else err)
        return out, err

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "communicate", communicate_and_look)
        yield


def demand_none(said: str | bytes | None) -> None:
    """Fail where a process says on its standard error that nobody could catch an exception."""
    text = said.decode(errors="replace") if isinstance(said, bytes) else said or ""
    assert not any(words in text for words in COMPLAINTS), text
