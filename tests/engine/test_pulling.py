"""A base that comes from a registry: Debian's `docker-registry`, run by the test on loopback, and everything built on it.

The engine takes 127.0.0.0/8 for registries without TLS (docs.docker.com/reference/cli/dockerd, insecure registries).
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from labctl.engine import images, once
from labctl.engine.connection import Connection
from labctl.provision import base, debian, image
from labctl.system.places import OWN_IMAGE
from labctl.system.waiting import poll
from support.labs import context

PACKAGE = "docker-registry"
MARKER = "/labctl-test-marker"
CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/storage}}}}
http: {{addr: "{address}"}}
"""


@dataclass(frozen=True)
class Pushed:
    """An image that a registry has, and the engine has no more."""

    registry: str  # address and port
    name: str  # with a tag
    pinned: str  # with the digest
    marker: str  # what its file MARKER holds


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the registry's program; a package that is not installed is only unpacked, so that no service is started."""
    installed = debian.program(PACKAGE)
    if installed is not None:
        return installed
    if not debian.here():
        pytest.skip(f"{PACKAGE} is not installed, and only Debian's and Ubuntu's package of it is known here")
    folder = tmp_path_factory.mktemp("package")
    fetched = subprocess.run(
        ["apt-get", "download", "-qq", PACKAGE], cwd=folder, capture_output=True, text=True, check=False
    )
    if fetched.returncode != 0:
        pytest.skip(f"{PACKAGE} is not installed and cannot be fetched: {debian.last_lines(fetched.stderr, 1)}")
    [package] = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", str(package), str(folder / "unpacked")], check=True)
    return str(folder / "unpacked/usr/bin" / PACKAGE)


@pytest.fixture(scope="module")
def registry(program: str, connection: Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a registry on a free port of loopback and return its address."""
    if not connection.local:
        pytest.skip("the engine is on another machine, and its loopback is not ours")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    folder = tmp_path_factory.mktemp("registry")
    (folder / "config.yml").write_text(CONFIG.format(folder=folder, address=address))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        poll(lambda: answers(address), 10, "the registry to answer", last=(folder / "log").read_text)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
    assert not answers(address)


def answers(address: str) -> bool:
    with suppress(urllib.error.URLError, ConnectionError):
        return int(urllib.request.urlopen(f"http://{address}/v2/", timeout=1).status) == 200
    return False


@pytest.fixture(scope="module")
def pushed(registry: str, connection: Connection) -> Iterator[Pushed]:
    """Push a base with a file of its own, and have the engine forget it; in the end it knows none of it."""
    name, marker = f"{registry}/labctl-test/base:1", secrets.token_hex(8)
    below = base.prepare(connection, "auto", refresh=False, progress=print)
    dockerfile = f"ARG BASE\nFROM $BASE\nCOPY marker {MARKER}\n"
    images.build(
        connection,
        context(Dockerfile=dockerfile, marker=marker),
        name,
        arguments={"BASE": below.reference},
        labels={"labctl.image": "test", "labctl.base": "a test's own"},
        progress=print,
    )
    repository, _, tag = name.rpartition(":")
    said = [*connection.api.push(repository, tag, stream=True, decode=True)]
    [digest] = [line["aux"]["Digest"] for line in said if "aux" in line]
    images.remove(connection, name)
    assert images.find(connection, name) is None
    pinned = f"{repository}@{digest}"
    yield Pushed(registry, name, pinned, marker)
    for reference in (name, pinned):
        if images.find(connection, reference) is not None:
            images.remove(connection, reference)
        assert images.find(connection, reference) is None


class Labctl:
    """labctl on this engine and with a base of its own, its lock apart from everybody's."""

    def __init__(self, connection: Connection, chosen: str, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "LABCTL_BASE": chosen,
            "LABCTL_STATE": str(folder / "state"),
            "DOCKER_HOST": connection.address,
        }

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "labctl", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def tags(self) -> list[str]:
        """The names of everything that is built on this base, the highest first."""
        return [layer.tag for layer in reversed(image.layers(OWN_IMAGE, self.environment))]


@pytest.fixture(scope="module")
def labctl(pushed: Pushed, connection: Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labctl]:
    """Build labctl's image on a base that is pulled; in the end nothing of it is left in the engine."""
    ours = Labctl(connection, pushed.name, tmp_path_factory.mktemp("labctl"))
    try:
        built = ours("image", "build")
        assert built.returncode == 0, built.stderr
        assert f"pulling {pushed.name}" in built.stderr
        yield ours
    finally:
        for tag in ours.tags:
            if images.find(connection, tag) is not None:
                images.remove(connection, tag)
    assert not [tag for tag in ours.tags if images.find(connection, tag) is not None]


def test_the_base_is_pulled_and_its_digest_recorded(pushed: Pushed, labctl: Labctl, connection: Connection) -> None:
    for tag in labctl.tags:
        stored = images.find(connection, tag)
        assert stored is not None
        assert stored.labels["labctl.base"] == pushed.pinned
    assert once.read_file(connection, labctl.tags[0], MARKER) == pushed.marker.encode()
    shown = labctl("image", "show").stdout
    assert f"\nbase      {pushed.pinned}\n" in shown
    assert shown.startswith(f"image     {labctl.tags[0]}\n")


def test_what_is_built_is_found_again(labctl: Labctl) -> None:
    again = labctl("image", "build")
    assert (again.returncode, again.stderr) == (0, "")


def test_a_scenario_passes_on_it(labctl: Labctl) -> None:
    ran = labctl("run", "--json", "--client", "curl", "server-down")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    [result] = json.loads(ran.stdout)
    assert result["versions"]["image"] == labctl.tags[0]


def test_a_base_may_be_pinned_by_its_digest(pushed: Pushed, connection: Connection) -> None:
    pinned = base.prepare(connection, pushed.pinned, refresh=True, progress=print)
    assert (pinned.reference, pinned.description) == (pushed.pinned, pushed.pinned)
    assert once.read_file(connection, pinned.id, MARKER) == pushed.marker.encode()


@pytest.mark.parametrize(
    "name",
    ["labctl-test/nothing:1", "labctl-test/base:2", f"labctl-test/base@sha256:{'0' * 64}"],
    ids=["name", "tag", "digest"],
)
def test_what_a_registry_does_not_have_is_the_user_s_mistake(
    name: str, pushed: Pushed, connection: Connection, tmp_path: Path
) -> None:
    refused = Labctl(connection, f"{pushed.registry}/{name}", tmp_path)("image", "build")
    assert refused.returncode == 2
    assert refused.stderr.count("labctl: there is no base image") == 1
    assert "unknown" in refused.stderr
    assert "LABCTL_BASE" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_registry_that_is_not_there_is_named(connection: Connection, tmp_path: Path) -> None:
    refused = Labctl(connection, "127.0.0.1:1/labctl-test/base:1", tmp_path)("run", "server-down")
    assert refused.returncode == 2
    assert "127.0.0.1:1" in refused.stderr
    assert "connection refused" in refused.stderr
    assert "LABCTL_BASE" in refused.stderr
    assert "Traceback" not in refused.stderr
