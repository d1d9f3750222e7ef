"""What people use instead of labctl, each in a file under `rivals/`, as they would write it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from bench.ground import Ground
from labctl.cli.common import agreed
from labctl.errors import HostError
from labctl.provision import debian
from labctl.system.progress import Progress

RIVALS = Path(__file__).resolve().parent / "rivals"
DEBIANS_DOCKER = Path("/usr/bin/docker")  # of the package docker.io, beside its engine; another may come first on PATH
PATIENCE = 120.0  # seconds for one run of anybody


def docker() -> str | None:
    """Return the docker command: Debian's, or else the first on PATH; None where there is none."""
    return str(DEBIANS_DOCKER) if DEBIANS_DOCKER.exists() else shutil.which("docker")


def missing(key: str) -> str:
    """Return why somebody cannot take part, or nothing."""
    if key == "testcontainers":
        return "" if find_spec("testcontainers") else "the package testcontainers is not installed"
    if key == "compose" and shutil.which("docker-compose") is None:
        return "docker-compose is not installed (Debian: apt-get install docker-compose)"
    if key in ("shell", "rule-exec", "rule-container") and docker() is None:
        return "the docker command is not installed (Debian: apt-get install docker.io)"
    return ""


def fetch(tell: Progress) -> None:
    """Install docker-compose where it is missing, can be had and nobody minds; else `missing` says why it takes no part.

    Raises HostError where apt fails.
    """
    if shutil.which("docker-compose") or not (debian.here() and debian.is_root()):
        return
    if agreed("docker-compose is compared with, and is not installed. Install the package docker-compose now?"):
        debian.install(["docker-compose"], progress=tell)


def script(ground: Ground, name: str) -> float:
    """Run one of the scripts; return its seconds, from its start to its end.

    Raises HostError with what it printed where it failed.
    """
    environment = {**ground.environment, "DOCKER": docker() or "docker", "NAME": ground.name()}
    return program(["bash", str(RIVALS / name)], environment)


def testcontainers(ground: Ground) -> float:
    """Run the program written with testcontainers-python in this process, where all that it imports is loaded."""
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # no registry, so no Ryuk; it would only take longer
    os.environ["DOCKER_HOST"] = ground.connection.address
    from bench.rivals import with_testcontainers

    environment = ground.environment
    began = time.monotonic()
    with_testcontainers.run(environment["IMAGE"], environment["SUBNET"], ground.labels)
    return time.monotonic() - began


def program(argv: Sequence[str], environment: dict[str, str] | None = None) -> float:
    """Run a program to its end and return its seconds; it ends with this process, and all that it has started too.

    Raises HostError with what it printed where it failed or took too long.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        printed, _ = process.communicate(timeout=PATIENCE)
    except BaseException as error:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise HostError(f"`{' '.join(argv)}` took more than {PATIENCE:g} s.") from error
        raise
    took = time.monotonic() - began
    if process.returncode:
        raise HostError(f"`{' '.join(argv)}` failed with exit {process.returncode}.", means=printed.strip())
    return took
