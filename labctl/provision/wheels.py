"""The Python packages of the image, fetched on this machine for the Python of the image.

They are not installed inside the build: what runs there does not know the certificate authorities, the indexes and
the proxies that pip is set up with here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import HostError, indented
from labctl.provision import debian
from labctl.system import files
from labctl.system.progress import Progress

OLDEST_GLIBC = 17
"""manylinux2014 is manylinux_2_17 (PEP 599, PEP 600): no package still made asks for less."""
TIME_LIMIT = 600.0
"""Seconds for pip; it takes 3 with a near index."""

ASK = "import platform, sys; print(*sys.version_info[:2], platform.libc_ver()[1], platform.machine())"
"""A program that prints what `Python.parse` reads."""


@dataclass(frozen=True, slots=True)
class Python:
    """A Python for which packages are fetched."""

    version: str  # 3.11
    glibc: int  # the minor version: 36 for glibc 2.36
    machine: str  # x86_64, aarch64

    @classmethod
    def parse(cls, printed: str) -> Python:
        """Read what the program ASK printed. Raises HostError where that makes no sense."""
        match printed.split():
            case [major, minor, glibc, machine] if glibc.startswith("2."):
                return cls(f"{major}.{minor}", int(glibc.split(".")[1]), machine)
        raise HostError(
            f"the image's Python cannot be used: it says {printed.strip()!r}.",
            means="labctl's base needs Python 3.11 or later and the GNU C library.",
            todo="Unset LABCTL_BASE, or name an image of Debian 12, Ubuntu 24.04 or later.",
        )

    @property
    def platforms(self) -> list[str]:
        """The wheel platforms that it takes, the best first (PEP 600)."""
        return [f"manylinux_2_{minor}_{self.machine}" for minor in range(self.glibc, OLDEST_GLIBC - 1, -1)] + [
            f"manylinux2014_{self.machine}"
        ]


def fetch(requirements: Path, python: Python, target: Path, *, progress: Progress) -> None:
    """Install the hashed `requirements` for `python` into the folder `target`. Raises HostError."""
    lines = requirements.read_text().splitlines()
    count = sum("==" in line and not line.startswith((" ", "#")) for line in lines)
    progress(f"fetching {count} Python packages for Python {python.version}")
    command = [
        *(sys.executable, "-P", "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input"),
        *("--root-user-action", "ignore", "--progress-bar", "off", "--no-warn-script-location"),
        *("--target", str(target), "--requirement", str(requirements)),
        *("--require-hashes", "--no-deps", "--no-compile", "--only-binary", ":all:"),
        *("--implementation", "cp", "--python-version", python.version),
        *(part for platform in python.platforms for part in ("--platform", platform)),
    ]
    try:
        done = debian.run(command, env=os.environ, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired as error:
        raise HostError(f"pip did not fetch the image's Python packages within {TIME_LIMIT:g} s.") from error
    if done.returncode != 0:
        raise HostError(
            "pip could not fetch the image's Python packages.",
            means=f"It said:\n{indented(debian.last_lines(done.stdout))}",
            todo=files.ran_out(done.stdout, files.TEMPORARY)
            or "pip on this machine needs a working index: see that `python -m pip download requests` works.",
        )
