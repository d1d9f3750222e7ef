"""The image of the hosts: built from this repository's own files, named by the hash of what it is made of.

It is built in layers, so that a changed line of the agent reinstalls nothing:

    labctl-tools    a Debian base and the tools         Dockerfile.tools, packages.txt
    labctl-python   the Python packages                 Dockerfile.python, requirements.txt
    labctl          agent, clients, the stock server    Dockerfile, bin/, serve.py, labctl/agent, labctl/clients

Each tag is the hash of everything that goes into the layer, its parent's tag included; so an image that is there is
the right one, and finding out costs one request.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from labctl import __version__, base, places, wheels
from labctl.engine import images, once
from labctl.engine.connection import Connection
from labctl.errors import HostError, Taken
from labctl.lock import alone
from labctl.progress import Progress

PACKAGES = "/usr/share/labctl/packages.txt"
"""The file in the image that lists every Debian package and its version."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of the image: its name, its files by their path in the build, and what it stands on."""

    name: str
    files: Mapping[str, Path] = field(repr=False)
    parent: str  # the parent's tag, or the choice of the base

    @property
    def tag(self) -> str:
        """The name under which the engine knows it: the hash of all that goes in."""
        digest = hashlib.sha256(self.parent.encode())
        for path, file in sorted(self.files.items()):
            content = file.read_bytes()
            digest.update(f"\0{path}\0{len(content)}\0".encode())
            digest.update(content)
        return f"{self.name}:{digest.hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Image:
    """The image of the hosts, as the engine has it."""

    tag: str
    id: str
    base: str  # what it stands on: a digest, or the distribution
    created: str  # RFC 3339
    size: int  # bytes
    architecture: str


def layers(environment: Mapping[str, str] = os.environ) -> tuple[Layer, Layer, Layer]:
    """Return the layers as the files say now, the lowest first."""
    source = sources()
    programs = {
        f"labctl/{path}": file
        for path, file in _folder(places.PACKAGE).items()
        if path == "__init__.py" or (path.startswith(("agent/", "clients/")) and path.endswith(".py"))
    }
    programs |= {"Dockerfile": source / "Dockerfile", "serve.py": source / "serve.py"} | _folder(source / "bin", "bin/")
    wanted = {"Dockerfile": source / "Dockerfile.tools", "packages.txt": source / "packages.txt"}
    locked = {"Dockerfile": source / "Dockerfile.python", "requirements.txt": source / "requirements.txt"}
    tools = Layer("labctl-tools", wanted, f"base {base.choice(environment)}")
    python = Layer("labctl-python", locked, tools.tag)
    return tools, python, Layer("labctl", programs, python.tag)


def sources() -> Path:
    """Return the folder with the image's own files."""
    return places.installed("compose") / "images" / "labctl"


def find(connection: Connection, environment: Mapping[str, str] = os.environ) -> Image | None:
    """Return the image that fits the files as they are now, or None where it has to be built. About 5 ms."""
    return _image(connection, layers(environment)[-1].tag)


def ensure(
    connection: Connection,
    *,
    progress: Progress,
    refresh: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> Image:
    """Return the image, built where it is missing; `refresh` builds it anew with the newest packages.

    A second process that wants the same waits for the first, and then finds it there.
    """
    if not refresh and (image := find(connection, environment)) is not None:
        return image
    lock = places.state_folder(environment) / "image.lock"
    with alone(lock, waiting=lambda: progress("waiting for another labctl, which is building the image")):
        if not refresh and (image := find(connection, environment)) is not None:
            return image
        began = time.monotonic()
        _build(connection, environment, refresh=refresh, progress=progress)
        image = find(connection, environment)
        if image is None:
            raise HostError("files of the image changed while it was being built.", todo="Run this again.")
        progress(f"the image {image.tag} is ready, after {time.monotonic() - began:.0f} s")
        return image


def packages(connection: Connection, image: Image) -> list[str]:
    """Return the Debian packages in an image, each as `name version`, and the Python ones as `name==version`."""
    listed = once.read_file(connection, image.tag, PACKAGES).decode().splitlines()
    locked = (sources() / "requirements.txt").read_text().splitlines()
    return listed + [line.split()[0] for line in locked if "==" in line and not line.startswith((" ", "#"))]


def prune(connection: Connection, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Remove labctl's images that the files as they are now do not need, and return their names."""
    wanted = {layer.tag for layer in layers(environment)} | {base.package_tag()}
    removed: list[str] = []
    for image in images.labelled(connection, "labctl.image"):
        if wanted.isdisjoint(image.tags):
            with suppress(Taken):  # a container uses it, or an image that stays stands on it
                images.remove(connection, image.name)
                removed.append(image.name)
    return removed


def _build(connection: Connection, environment: Mapping[str, str], *, refresh: bool, progress: Progress) -> None:
    """Build every layer that is missing, or all of them."""
    sparse = images.sparsely(progress)
    tools, python, programs = layers(environment)
    if refresh or images.find(connection, tools.tag) is None:
        below = base.prepare(connection, base.choice(environment), refresh=refresh, progress=progress)
        progress(f"building {tools.name}: the tools, on {below.description}")
        labels = {"labctl.base": below.description, "labctl.base.id": below.id}
        _build_layer(connection, tools, below.reference, labels=labels, fresh=refresh, progress=sparse)
    if refresh or images.find(connection, python.tag) is None:
        with tempfile.TemporaryDirectory(prefix="labctl-site-") as folder:
            site = Path(folder)
            wheels.fetch(python.files["requirements.txt"], _python_of(connection, tools), site, progress=progress)
            progress(f"building {python.name}: the Python packages")
            _build_layer(connection, python, tools.tag, more=_folder(site, "site/"), progress=sparse)
    progress(f"building {programs.name}: agent, clients and server")
    _build_layer(connection, programs, python.tag, progress=sparse)


def _build_layer(
    connection: Connection,
    layer: Layer,
    below: str,
    *,
    progress: Progress,
    labels: Mapping[str, str] | None = None,
    more: Mapping[str, Path] | None = None,
    fresh: bool = False,
) -> None:
    with tempfile.TemporaryFile() as context:
        with tarfile.open(fileobj=context, mode="w") as archive:
            for path, file in sorted({**layer.files, **(more or {})}.items()):
                content = file.read_bytes()
                member = tarfile.TarInfo(path)
                member.size = len(content)
                member.mode = 0o755 if path.startswith("bin/") else 0o644
                archive.addfile(member, io.BytesIO(content))
        context.seek(0)
        images.build(
            connection,
            context,
            layer.tag,
            arguments={"BASE": below},
            labels={**(labels or {}), "labctl.image": layer.name, "labctl.version": __version__},
            fresh=fresh,
            progress=progress,
        )


def _python_of(connection: Connection, tools: Layer) -> wheels.Python:
    """Ask the image with the tools which Python it has."""
    ran = once.run_once(connection, tools.tag, ["python3", "-c", wheels.ASK], purpose="ask for its Python")
    return wheels.Python.parse(ran.output)


def _image(connection: Connection, tag: str) -> Image | None:
    stored = images.find(connection, tag)
    if stored is None:
        return None
    below = stored.labels.get("labctl.base", "unknown")
    return Image(tag, stored.id, below, stored.created, stored.size, stored.architecture)


def _folder(root: Path, prefix: str = "") -> dict[str, Path]:
    """Return the files under `root` by their path there, Python's caches aside."""
    return {
        prefix + path.relative_to(root).as_posix(): path
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
