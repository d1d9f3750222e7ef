"""The Docker SDK for Python, as programs and testcontainers use it: a client, and a first question.

A version of the API that is pinned is in DOCKER_API_VERSION, where the docker command expects it, too; without one the
SDK asks the engine for its own. It takes 0.2 s of processor time to load, so only a target that asks for it makes it
load.
"""

from __future__ import annotations

from importlib.metadata import version as installed

from labctl.clients import Target, _engine
from labctl.clients.outcomes import Staged

SCHEMES = ("unix",)


def version() -> str:
    """Return the version of the SDK, and of the library that it connects by."""
    return f"docker {installed('docker')}, requests {installed('requests')}, urllib3 {installed('urllib3')}"


def attempt(target: Target, timeout: float, _: Staged) -> None:
    """Make a client, and ask for the engine's version."""
    import docker

    pinned = _engine.pinned()
    client = docker.DockerClient(base_url=target.url, version=pinned, timeout=timeout)  # type: ignore[arg-type]  # urllib3 takes parts of a second
    try:
        client.version()
    finally:
        client.close()
