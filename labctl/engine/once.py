"""One-off containers: a command run to its end, a file read out of an image; removed however that ends."""

from __future__ import annotations

import io
import secrets
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from labctl.engine.connection import Connection
from labctl.engine.containers import Containers
from labctl.engine.labels import ONCE, SESSION, STARTED
from labctl.engine.translate import translated
from labctl.errors import NotThere
from labctl.model import Ran


@contextmanager
def one_off(connection: Connection, image: str, purpose: str, **settings: Any) -> Iterator[str]:
    """Create a container, not started, for as long as the block lasts; yields its id."""
    # the start tells `labctl clean` of another process that this one is young, and not left behind
    started = f"{time.time():.0f}"
    labels = {SESSION: f"once-{secrets.token_hex(4)}", STARTED: started, ONCE: purpose}
    with translated(f"create a container to {purpose}"):
        # without Docker's own settings for proxies, whose addresses may have a password in them
        made = connection.api.create_container(image, labels=labels, use_config_proxy=False, **settings)
    try:
        yield made["Id"]
    finally:
        with suppress(NotThere), translated(f"remove the container made to {purpose}"):
            connection.api.remove_container(made["Id"], force=True, v=True)


def run_once(
    connection: Connection,
    image: str,
    argv: Sequence[str],
    *,
    purpose: str,
    timeout: int = 30,
    user: str | None = None,
    capabilities: Sequence[str] = (),
    sysctls: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> Ran:
    """Run a command to its end in a container of its own that has no network, and return what it printed.

    `timeout` is in seconds; a command that takes longer is ended, and its exit code is None. `files` holds texts by the
    absolute paths that they have in there.
    """
    from docker.types import LogConfig

    api = connection.api
    host_config = api.create_host_config(
        network_mode="none",
        cap_drop=["ALL"],
        cap_add=list(capabilities),
        security_opt=["no-new-privileges"],
        sysctls=dict(sysctls or {}),
        pids_limit=256,
        log_config=LogConfig(type="json-file"),
    )
    settings = {"command": list(argv), "entrypoint": "", "host_config": host_config, "user": user}
    with one_off(connection, image, purpose, **settings) as container, translated(purpose):
        if files:
            Containers(connection).put(container, files)
        began = time.monotonic()
        api.start(container)
        code = _exit_code(connection, container, timeout)
        seconds = time.monotonic() - began
        stdout = api.logs(container, stdout=True, stderr=False)
        stderr = api.logs(container, stdout=False, stderr=True)
    return Ran(code, stdout.decode(errors="replace"), stderr.decode(errors="replace"), seconds)


def read_file(connection: Connection, image: str, path: str) -> bytes:
    """Return the content of one file in an image, about 50 ms. Raises NotThere where there is none."""
    with one_off(connection, image, f"read {path}", command=["true"]) as container:
        with translated(f"read {path} in {image}"):
            chunks, _ = connection.api.get_archive(container, path)
            archive = io.BytesIO(b"".join(chunks))
        with tarfile.open(fileobj=archive) as members:
            member = members.extractfile(members.getmembers()[0])
            return member.read() if member else b""


def _exit_code(connection: Connection, container: str, timeout: int) -> int | None:
    """Wait for a container's end and return its exit code, or None where the time is up."""
    import requests

    try:
        return int(connection.api.wait(container, timeout=timeout)["StatusCode"])
    except (requests.Timeout, requests.ConnectionError):  # the SDK raises either, by transport
        connection.api.kill(container)
        return None
