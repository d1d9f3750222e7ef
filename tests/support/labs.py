"""What tests on a real engine say of labs."""

from __future__ import annotations

import io
import tarfile
from contextlib import AbstractContextManager
from typing import Any, Protocol

from labctl.lab.lab import Lab
from labctl.lab.session import Session


class Deploy(Protocol):
    """Brings up the stack of a scenario."""

    def __call__(self, name: str = ...) -> AbstractContextManager[Lab]:
        """Return a lab that stands for as long as the block lasts."""


def inspect(session: Session, container: str) -> dict[str, Any]:
    """Return all that the engine says of a container."""
    told: dict[str, Any] = session.connection.api.inspect_container(container)
    return told


def sandbox_of(session: Session, lab: Lab, host: str) -> str:
    """Return the id of the container whose namespaces a host's service has joined."""
    joined = str(inspect(session, lab.pod(host).service)["HostConfig"]["NetworkMode"])
    return joined.removeprefix("container:")


def context(**files: str) -> io.BytesIO:
    """Return a build's files as a tar archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    archive.seek(0)
    return archive
