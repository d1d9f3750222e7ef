"""Finding an engine that answers; it is used as it is and never reconfigured.

The order is Docker's own (DOCKER_HOST, the current context, the default socket), then the rootless socket, then the
private engine that `labctl engine start` leaves running. An address that the user chose, by DOCKER_HOST or by a
context, is the only one tried: another engine in its place would be a surprise.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.engine.translate import reason, sentence, socket_error, translated
from labctl.errors import EngineUnavailable, UsageError
from labctl.system.places import home, private_engine

if TYPE_CHECKING:
    import docker
    from docker.tls import TLSConfig

TIMEOUT = 60  # seconds for one answer of the engine; a removal under load may take many
PATIENCE = 5  # seconds for its first answer, which takes 2 to 40 ms when it is idle
DEFAULT_SOCKET = "unix:///var/run/docker.sock"
PASSWORD = re.compile(r"(://[^/@\s]*:)\S*@")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address where an engine may answer, and why it is looked for there."""

    address: str  # unix://…, tcp://…, ssh://…, npipe://…
    source: str
    chosen: bool = False  # the user asked for this one, so no other will do
    certificates: Path | None = None  # a folder with ca.pem, cert.pem and key.pem
    verify: bool = True

    @property
    def local(self) -> bool:
        """Whether the engine there runs on this machine."""
        return self.address.startswith("unix://")

    @property
    def socket(self) -> Path | None:
        """The Unix socket, where it is one."""
        return Path(self.address.removeprefix("unix://")) if self.local else None


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What an engine says about itself."""

    version: str
    api: str
    kernel: str
    system: str  # the distribution, as it names itself
    os: str  # linux or windows
    architecture: str  # amd64, arm64, …
    cgroup: str  # version and driver
    storage: str
    security: tuple[str, ...]  # seccomp, apparmor, rootless, …


@dataclass(frozen=True, slots=True)
class Connection:
    """An engine that answered. Its `api` may be used from many threads at once."""

    api: docker.APIClient
    candidate: Candidate
    versions: Mapping[str, str]  # engine, api, kernel, architecture

    @property
    def local(self) -> bool:
        """Whether the engine runs on this machine, so that this machine's routes are its routes."""
        return self.candidate.local

    @property
    def address(self) -> str:
        """Where it answered, as it is shown: without a password."""
        return without_password(self.candidate.address)

    @property
    def source(self) -> str:
        """Why this engine and no other."""
        return self.candidate.source

    def facts(self) -> EngineFacts:
        """Ask the engine about itself. One request, 10 to 30 ms."""
        with translated("ask about the engine"):
            told: Mapping[str, Any] = self.api.info()
        options = (dict(pair.partition("=")[::2] for pair in line.split(",")) for line in told["SecurityOptions"] or ())
        return EngineFacts(
            version=self.versions["engine"],
            api=self.versions["api"],
            kernel=told.get("KernelVersion", ""),
            system=told.get("OperatingSystem", ""),
            os=told.get("OSType", ""),
            architecture=self.versions["architecture"],
            cgroup=f"v{told.get('CgroupVersion', '1')}, {told.get('CgroupDriver', 'unknown')}",
            storage=told.get("Driver", ""),
            security=tuple(option.get("name", "") for option in options),
        )

    def close(self) -> None:
        """Close every pooled connection."""
        self.api.close()


def candidates(environment: Mapping[str, str]) -> Iterator[Candidate]:
    """Yield where to look, in order. A DOCKER_HOST or a context that is set is the only place."""
    if environment.get("DOCKER_HOST"):
        verify = bool(environment.get("DOCKER_TLS_VERIFY"))
        folder = environment.get("DOCKER_CERT_PATH")
        certificates = Path(folder) if folder else docker_folder(environment) if verify else None
        yield Candidate(environment["DOCKER_HOST"], "DOCKER_HOST", True, certificates, verify)
        return
    context = current_context(environment)
    if context is not None:
        yield context
        return
    yield Candidate(DEFAULT_SOCKET, "the default socket")
    if environment.get("XDG_RUNTIME_DIR"):
        yield Candidate(f"unix://{environment['XDG_RUNTIME_DIR']}/docker.sock", "the rootless socket")
    yield Candidate(f"unix://{private_engine(environment)}/docker.sock", "labctl's own engine")


def current_context(environment: Mapping[str, str]) -> Candidate | None:
    """Return the docker context in use, or None for the default one.

    A context's files lie under the SHA-256 of its name (docs.docker.com/engine/manage-resources/contexts). They are
    read here because the SDK's own reader looks at the process's environment only.
    """
    folder = docker_folder(environment)
    name = environment.get("DOCKER_CONTEXT") or _json(folder / "config.json").get("currentContext") or "default"
    if name == "default":
        return None
    key = hashlib.sha256(name.encode()).hexdigest()
    endpoint = _json(folder / "contexts" / "meta" / key / "meta.json").get("Endpoints", {}).get("docker", {})
    if not endpoint.get("Host"):
        raise UsageError(
            f"there is no docker context called {name!r}.",
            means=f"DOCKER_CONTEXT asks for it, or currentContext in {folder / 'config.json'}.",
            todo="`docker context ls` lists them.",
        )
    certificates = folder / "contexts" / "tls" / key / "docker"
    return Candidate(
        endpoint["Host"],
        f"the docker context {name!r}",
        chosen=True,
        certificates=certificates if certificates.is_dir() else None,
        verify=not endpoint.get("SkipTLSVerify", False),
    )


def docker_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of Docker's own settings."""
    return Path(environment.get("DOCKER_CONFIG") or home(environment) / ".docker")


def connect(environment: Mapping[str, str] = os.environ) -> Connection:
    """Return the first engine that answers.

    Raises EngineUnavailable, with every address tried and what it said.
    """
    tried: list[tuple[Candidate, str]] = []
    for candidate in candidates(environment):
        answer = knock(candidate)
        if isinstance(answer, Connection):
            return answer
        tried.append((candidate, answer))
    raise silence(tried, may_start=environment.get("LABCTL_ENGINE") != "never")


def knock(candidate: Candidate) -> Connection | str:
    """Return the engine at an address, or the words that say why there is none."""
    if candidate.socket is not None and (why := closed(candidate.socket)):
        return why
    import docker
    from docker.errors import DockerException

    try:
        api = docker.APIClient(
            base_url=candidate.address,
            version="auto",
            timeout=PATIENCE,
            tls=_tls(candidate),
            num_pools=1,
            max_pool_size=64,
            use_ssh_client=True,
        )
        api.trust_env = not candidate.local  # no proxy leads to a socket; to look for one is a quarter of a call
        told = api.version()
    except (DockerException, OSError, ValueError) as error:
        bottom = socket_error(error)
        return reason(bottom) if bottom is not None else sentence(error).rstrip(".")
    api.timeout = TIMEOUT
    versions = {
        "engine": told["Version"],
        "api": api.api_version,
        "kernel": told.get("KernelVersion", ""),
        "architecture": told.get("Arch", ""),
    }
    return Connection(api, candidate, versions)


def silence(tried: list[tuple[Candidate, str]], *, may_start: bool = True) -> EngineUnavailable:
    """Return the error that says where no engine answered, what that means, and what to do about it."""
    lines = [without_password(f"  {one.address} ({one.source}): {said}") for one, said in tried]
    means = "labctl breaks and repairs real containers, so it needs one."
    todo = "Start the machine's own engine, set DOCKER_HOST, or run `labctl engine start` for a private one."
    if not may_start:
        todo = "Start the machine's own engine, or set DOCKER_HOST; LABCTL_ENGINE=never forbids a private one."
    if any("Permission denied" in said for _, said in tried):
        todo = "Run this as root, or as a member of the group `docker`; or set DOCKER_HOST to an engine elsewhere."
    if any(candidate.chosen for candidate, _ in tried):
        source = tried[0][0].source
        means = f"The address comes from {source}, so labctl looks for no other engine."
        undo = "unset DOCKER_HOST" if source == "DOCKER_HOST" else "run `docker context use default`"
        todo = f"Start the engine there, or {undo} to let labctl look for another."
    return EngineUnavailable("no Docker Engine answers. Tried:\n" + "\n".join(lines), means=means, todo=todo)


def without_password(text: str) -> str:
    """Return a text without the passwords of addresses such as tcp://user:password@host (RFC 3986, 3.2.1)."""
    return PASSWORD.sub(r"\1***@", text)


def closed(path: Path) -> str:
    """Return why nobody listens at a Unix socket, or nothing where somebody does, without loading the SDK."""
    with socket.socket(socket.AF_UNIX) as knocking:
        knocking.settimeout(PATIENCE)
        try:
            knocking.connect(str(path))
        except FileNotFoundError:
            return "there is no such socket"
        except OSError as error:
            return reason(error)
    return ""


def _tls(candidate: Candidate) -> TLSConfig | bool:
    if candidate.certificates is None:
        return False
    from docker.tls import TLSConfig

    pair = str(candidate.certificates / "cert.pem"), str(candidate.certificates / "key.pem")
    return TLSConfig(client_cert=pair, ca_cert=str(candidate.certificates / "ca.pem"), verify=candidate.verify)


def _json(path: Path) -> dict[str, Any]:
    """Return the object in one of Docker's files, empty where there is none that can be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
