"""Finding an engine that answers; it is used as it is and never reconfigured."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests
from docker.context import ContextAPI

from labctl.errors import EngineUnavailable
from labctl.places import private_engine

TIMEOUT = 60  # seconds for one answer of the engine; a removal under load may take many


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address where an engine may answer, and why it is looked for there."""

    address: str
    source: str
    tls: Any = None

    @property
    def local(self) -> bool:
        """Whether the engine there runs on this machine."""
        return self.address.startswith("unix://")


@dataclass(frozen=True, slots=True)
class Connection:
    """An engine that answered."""

    api: docker.APIClient
    candidate: Candidate
    versions: Mapping[str, str]  # engine, api, kernel, system, architecture

    @property
    def local(self) -> bool:
        """Whether the engine runs on this machine."""
        return self.candidate.local


def candidates(environment: Mapping[str, str]) -> Iterator[Candidate]:
    """Yield where to look, in order. A DOCKER_HOST or DOCKER_CONTEXT that is set is the only place."""
    if environment.get("DOCKER_HOST"):
        yield Candidate(environment["DOCKER_HOST"], "DOCKER_HOST", docker.utils.kwargs_from_env(environment).get("tls"))
        return
    chosen = environment.get("DOCKER_CONTEXT")
    context = ContextAPI.get_context(chosen) if chosen else ContextAPI.get_current_context()
    if context is not None and context.name != "default":
        yield Candidate(str(context.Host), f"the context {context.name!r}", context.TLSConfig)
        return
    yield Candidate("unix:///var/run/docker.sock", "the default socket")
    if environment.get("XDG_RUNTIME_DIR"):
        yield Candidate(f"unix://{environment['XDG_RUNTIME_DIR']}/docker.sock", "the rootless socket")
    yield Candidate(f"unix://{private_engine(environment)}/docker.sock", "labctl's own engine")


def connect(environment: Mapping[str, str] | None = None) -> Connection:
    """Return the first engine that answers.

    Raises EngineUnavailable, with every address tried and what it said.
    """
    tried = []
    for candidate in candidates(os.environ if environment is None else environment):
        try:
            return _open(candidate)
        except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
            tried.append(f"  {candidate.address} ({candidate.source}): {_cause(candidate, error)}")
    raise EngineUnavailable(
        "no Docker Engine answers. Tried:\n" + "\n".join(tried),
        means="labctl breaks and mends real containers, so it needs one.",
        todo="Start the machine's own engine, set DOCKER_HOST, or run `labctl engine start` for a private one.",
    )


def _open(candidate: Candidate) -> Connection:
    api = docker.APIClient(
        base_url=candidate.address, version="auto", timeout=TIMEOUT, tls=candidate.tls or False, max_pool_size=64
    )
    told = api.version(api_version=False)
    versions = {
        "engine": told["Version"],
        "api": str(api._version),  # noqa: SLF001 - the negotiated one has no public name
        "kernel": told.get("KernelVersion", ""),
        "architecture": told.get("Arch", ""),
    }
    return Connection(api, candidate, versions)


def _cause(candidate: Candidate, error: Exception) -> str:
    if candidate.local and not Path(candidate.address.removeprefix("unix://")).exists():
        return "there is no such socket"
    innermost: BaseException = error
    while innermost.__cause__ or innermost.__context__:
        innermost = innermost.__cause__ or innermost.__context__ or innermost
    return str(innermost)
