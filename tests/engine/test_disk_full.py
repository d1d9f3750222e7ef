"""labctl's own disk fills up at each moment of a run: one message, and labctl itself removes the lab."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labctl.engine.labels import SCENARIO
from labctl.engine.sweep import look
from labctl.lab.session import Session
from labctl.results.journal import DOCKER, PHASE, REMOVING
from support.small import on_disk
from support.variants import variant

SIZE = "1m"
PROGRAM = """
import subprocess, sys, threading
from pathlib import Path
from labctl.cli.main import main
from labctl.system.waiting import poll

scenario, word, fill, *arguments = sys.argv[1:]

def written():
    return any(word in file.read_text() for file in Path(".labctl").glob("*/*/journal.jsonl"))

def spoil():
    poll(written, 60, word, every=0.002)
    subprocess.run(["sh", "-c", fill], check=False)

thread = threading.Thread(target=spoil, daemon=True)
thread.start()
code = main([*arguments, scenario, "--client", "curl", "--client", "http.client"])
thread.join(60)
sys.exit(code)
"""
FILL = "cat /dev/zero > filler 2> /dev/null"
READ_ONLY = 'mount -o remount,ro "$PWD"'
CASES = {
    "network": ("making the network", FILL, "No space left on device"),
    "healthy": (f'"kind": "{PHASE}", "text": "healthy"', FILL, "No space left on device"),
    "faulted": (f'"kind": "{PHASE}", "text": "faulted"', FILL, "No space left on device"),
    "unfixed": (f'"kind": "{PHASE}", "text": "unfixed"', FILL, "No space left on device"),
    "fixed": (f'"kind": "{PHASE}", "text": "fixed"', FILL, "No space left on device"),
    "removing": (f'"kind": "{REMOVING}"', FILL, "No space left on device"),
    "removed": (f'"kind": "{DOCKER}", "text": "ending the hosts"', FILL, "No space left on device"),
    "read-only": (f'"kind": "{PHASE}", "text": "faulted"', READ_ONLY, "Read-only file system"),
}


def spoilt(folder: Path, moment: str, name: str, *arguments: str, into: str = "") -> subprocess.CompletedProcess[str]:
    """Run labctl on a scenario of this name while its disk is spoilt at a moment; see that nothing of it is left."""
    word, spoil, _ = CASES[moment]
    file = variant(folder, name)
    argv = [sys.executable, "-c", PROGRAM, str(file), word, spoil, *arguments]
    script = f"head -c 3900 /dev/zero > {into}; {shlex.join(argv)} >> {into}" if into else shlex.join(argv)
    return on_disk(folder / "small", SIZE, script)


@pytest.mark.parametrize("moment", CASES)
def test_the_lab_is_removed_whenever_the_disk_fills_up(moment: str, tmp_path: Path, session: Session) -> None:
    """By labctl itself: its watchdog begins only once labctl has ended, and takes longer than to look."""
    name = f"disk-{moment}-{time.time_ns() % 10**9}"
    done = spoilt(tmp_path, moment, name, "run")
    left = look(session.containers, f"{SCENARIO}={name}")
    why = CASES[moment][-1]
    assert not left
    assert (done.returncode, done.stderr, done.stdout.count(why)) == (3, "", 1)
    assert done.stdout.count(f"\ninconclusive {name} in ") == 1
    assert f" cannot be written: {why}.\n" in done.stdout


def test_the_lab_is_removed_where_what_is_printed_goes_to_a_full_disk(tmp_path: Path, session: Session) -> None:
    """The heading has room in the last block of the file; what is printed of the healthy phase has none."""
    name = f"disk-out-{time.time_ns() % 10**9}"
    done = spoilt(tmp_path, "network", name, "run", into="out.txt")
    assert not look(session.containers, f"{SCENARIO}={name}")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("labctl: what labctl prints cannot be written: No space left on device.\n")
    assert "Traceback" not in done.stderr


def test_of_a_matrix_only_what_has_begun_says_so(tmp_path: Path, session: Session) -> None:
    name = f"disk-matrix-{time.time_ns() % 10**9}"
    done = spoilt(tmp_path, "faulted", name, "matrix", "-j", "2", "--repeat", "8", "--junit", f"{tmp_path}/r.xml")
    assert not look(session.containers, f"{SCENARIO}={name}")
    assert (done.returncode, done.stderr) == (3, "")
    assert f"not run       {name}" in done.stdout
    junit = (tmp_path / "r.xml").read_text()
    assert 'tests="8"' in junit
    assert 1 <= junit.count('type="inconclusive"') <= 4
