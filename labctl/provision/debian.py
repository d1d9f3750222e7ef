"""Debian's and Ubuntu's packages on this machine: what is there, where it comes from, adding what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from labctl.errors import HostError, indented
from labctl.system import files
from labctl.system.progress import Progress

ORIGINS = frozenset({"Debian", "Ubuntu"})
"""The origins, as their Release files name them, whose packages go into the base image."""
LOCK_PATIENCE = 120
"""Seconds to wait for another apt, such as one that runs at boot."""
LAST_LINES = 15
TOOLS_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
"""Where system programs are; the PATH of an ordinary login lacks the sbin folders."""


def is_root() -> bool:
    """Whether this process may install packages and start daemons."""
    return os.geteuid() == 0


def here() -> bool:
    """Whether this machine installs its packages with apt."""
    return program("apt-get") is not None and release().get("ID", "") != ""


def release(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Return what the distribution says about itself (os-release(5)), empty where it says nothing."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}


def program(name: str) -> str | None:
    """Return the path of a program, also one for administrators only, or None."""
    return shutil.which(name) or shutil.which(name, path=TOOLS_PATH)


def environment(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment in which package programs and daemons run: nothing asks, every tool is found."""
    path = given.get("PATH", "")
    return {**given, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "PATH": f"{path}:{TOOLS_PATH}"}


def install(packages: Sequence[str], *, progress: Progress) -> None:
    """Install packages with apt; the package lists are fetched only where they do not suffice. Needs root."""
    progress(f"installing {' and '.join(packages)} with apt")
    command = [
        "apt-get",
        "install",
        "--yes",
        "--no-install-recommends",
        "-qq",
        "-o=Dpkg::Use-Pty=0",
        f"-o=DPkg::Lock::Timeout={LOCK_PATIENCE}",
        *packages,
    ]
    first = run(command)
    if first.returncode == 0:
        return
    update(progress=progress)
    second = run(command)
    if second.returncode != 0:
        raise HostError(
            f"could not install {' and '.join(packages)} with apt.",
            means=f"apt said:\n{indented(last_lines(second.stdout))}",
            todo=files.ran_out(second.stdout) or "Install them by hand, or name an engine elsewhere by DOCKER_HOST.",
        )


def update(*, progress: Progress) -> None:
    """Fetch the package lists. Needs root."""
    progress("fetching the package lists")
    done = run(["apt-get", "update", "-qq", f"-o=DPkg::Lock::Timeout={LOCK_PATIENCE}"])
    if done.returncode != 0:
        raise HostError(
            "could not fetch the package lists with apt.",
            means=f"apt said:\n{indented(last_lines(done.stdout))}",
            todo=files.ran_out(done.stdout) or "See that `apt-get update` works on this machine.",
        )


def sources(listing: str | None = None) -> list[str]:
    """Return this machine's own sources of Debian's or Ubuntu's packages, in the one-line form of sources.list(5).

    Sources of other origins stay out, as do those whose lists were never fetched, since nobody knows their origin.
    `listing` is the output of `apt-get indextargets`, asked for where it is not given.
    """
    if listing is None:
        form = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
        listing = run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"]).stdout
    found: dict[tuple[str, str], list[str]] = {}
    for line in listing.splitlines():
        origin, uri, suite, component = line.split("|", 3)
        components = found.setdefault((uri, suite), []) if origin in ORIGINS else []
        if component not in components:
            components.append(component)
    return [f"deb {uri} {suite} {' '.join(components)}" for (uri, suite), components in found.items()]


def architecture() -> str:
    """Return this machine's architecture as Debian names it; Docker says the same for amd64 and arm64."""
    return run(["dpkg", "--print-architecture"]).stdout.strip()


def last_lines(output: str, count: int = LAST_LINES) -> str:
    """Return the end of a program's output, for quoting it."""
    return "\n".join(output.strip().splitlines()[-count:])


def run(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, given: str = "", timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and keep all that it prints as its `stdout`; the caller looks at the exit code.

    `env` is that of package programs unless named, `given` its standard input. Raises subprocess.TimeoutExpired.
    """
    return subprocess.run(
        argv,
        env=environment() if env is None else env,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )
