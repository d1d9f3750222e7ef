"""Disks that are too small, and folders that cannot be written, for programs that run in a mount namespace of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.variants import clean

MOUNTED = 'mount -t tmpfs -o "size=$1" labctl-tests "$2" && cd "$2" && shift 2 && exec "$@"'
APART = ("unshare", "--mount", "--propagation", "private")
FULL = "head -c 1G /dev/zero > filler 2> /dev/null; "
READ_ONLY = 'mount -o remount,ro "$PWD"; '
PYTHON = f'"{sys.executable}"'
LABCTL = f"{PYTHON} -m labctl"


def demand_mounts() -> None:
    """Skip a test where no file system can be mounted out of sight of everybody else."""
    probe = [*APART, "mount", "-t", "tmpfs", "labctl-tests", "/mnt"]
    if shutil.which("unshare") is None or subprocess.run(probe, check=False, capture_output=True).returncode:
        pytest.skip("a file system of its own needs root, and a mount namespace")


def on_disk(folder: Path, size: str, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a shell's script in a folder where a disk of this size is mounted, which nobody else sees."""
    demand_mounts()
    folder.mkdir(exist_ok=True)
    return shell([*APART, "sh", "-c", MOUNTED, "sh", size, str(folder), "sh", "-c", script], folder, **environment)


def shell(argv: Sequence[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder and return what it printed."""
    return subprocess.run(
        argv, cwd=folder, env=clean(environment), capture_output=True, text=True, check=False, timeout=120
    )


def as_owner_only(*without: str) -> list[str]:
    """Return the beginning of a command that may write what its user's bits allow; root may do more otherwise.

    It is also `without` other capabilities, each with a minus sign before its name.
    """
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root writes everywhere, and there is no setpriv(1) to change that")
    return ["setpriv", "--bounding-set", ",".join(["-dac_override", *without])]
