"""One at a time, across processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from labctl.system.lock import alone

HOLD = """
import sys, pathlib
from labctl.system.lock import alone
with alone(pathlib.Path(sys.argv[1]), waiting=lambda: None):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_waits_says_so_and_then_has_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "made" / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        said = []

        def waiting() -> None:
            said.append("waiting")
            assert holder.stdin is not None
            holder.stdin.close()

        with alone(path, waiting=waiting):
            assert said == ["waiting"]


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
        holder.wait()
    said: list[str] = []
    with alone(path, waiting=lambda: said.append("waiting")):
        assert not said
