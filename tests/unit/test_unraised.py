"""What nobody can catch fails a test: at once, in a thread, at garbage collection, in a process that a test starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.unraised import COMPLAINTS
from support.variants import pytest_in

RAISES = "class Raises:\n    def __del__(self):\n        raise ValueError\n\n"
IN_A_CYCLE = RAISES + "def test():\n    one = Raises()\n    one.itself = one\n"
OF_A_FIXTURE = (
    RAISES
    + """
import pytest

@pytest.fixture(scope="session")
def one():
    yield 1
    made = Raises()
    made.itself = made

def test(one):
    assert one
"""
)
AT_ONCE = (
    RAISES
    + """
import threading

def test_object():
    Raises()

def test_thread():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()

def test_file():
    open("/dev/null")
"""
)


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(
    ("tests", "fails"),
    [(AT_ONCE, "3 failed"), (IN_A_CYCLE, "1 error"), (OF_A_FIXTURE, "1 error")],
    ids=["at once", "in a cycle", "of a fixture"],
)
def test_it_fails_a_test_with_the_settings_of_this_checkout(
    tests: str, fails: str, workers: str, root: Path, tmp_path: Path
) -> None:
    """Also in a worker of xdist, which drops what is collected only as it ends."""
    (tmp_path / "conftest.py").write_text("from support.unraised import *\n")
    (tmp_path / "test_it.py").write_text(tests)
    settings = ["-c", str(root / "pyproject.toml"), "--rootdir", str(tmp_path), "-n", workers]
    ran = pytest_in(tmp_path, *settings, "test_it.py", PYTHONPATH=str(root / "tests"))
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout + ran.stderr
    assert fails in ran.stdout


@pytest.mark.parametrize(
    "code", [RAISES + "Raises()", "import threading\nthreading.Thread(target=lambda: 1 / 0).start()"]
)
@pytest.mark.parametrize("text", [True, False], ids=["text", "bytes"])
@pytest.mark.parametrize("stderr", [subprocess.PIPE, subprocess.STDOUT], ids=["apart", "with its output"])
def test_a_process_that_says_so_fails_the_test_that_started_it(code: str, text: bool, stderr: int) -> None:
    with pytest.raises(AssertionError, match="|".join(COMPLAINTS)):
        subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=stderr, text=text, check=False)
