"""labctl's images: built from this repository's own files, named by the hash of what they are made of.

Each folder of `compose/images/` is one, and its Dockerfile names the folder that it stands on (`ARG BASE=python`), or
none, for the base; other arguments name images that it copies from. So the image of the hosts is built in layers, and a
changed line of the agent reinstalls nothing:

    tools     a Debian base and the tools
    python    the Python packages
    labctl    agent, clients, the stock server

The others hold a server that a stack names by `image: labctl-FOLDER`, and are built when a scenario first needs them.
A folder's `requirements.txt` is fetched on this machine and reaches the build as `site/`.

Each tag is the hash of everything that goes into the layer, its parent's tag included; so an image that is there is
the right one, and finding out costs one request.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from labctl import __version__
from labctl.engine import images, once
from labctl.engine.connection import Connection
from labctl.engine.labels import BASE, BASE_ID, IMAGE, VERSION
from labctl.errors import HostError, Taken
from labctl.provision import base, wheels
from labctl.system import files, places
from labctl.system.lock import alone
from labctl.system.places import OWN_IMAGE
from labctl.system.progress import Progress

PACKAGES = "/usr/share/labctl/packages.txt"
"""The file in the image that lists every Debian package and its version."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of an image: its name, its files by their path in the build, and what it stands on."""

    name: str
    files: Mapping[str, Path] = field(repr=False)
    parents: Mapping[str, str]  # tags, by the arguments that name them; for the lowest, the choice of the base

    @property
    def tag(self) -> str:
        """The name under which the engine knows it: the hash of all that goes in."""
        digest = hashlib.sha256("\0".join(self.parents.values()).encode())
        for path, file in sorted(self.files.items()):
            content = file.read_bytes()
            digest.update(f"\0{path}\0{len(content)}\0".encode())
            digest.update(content)
        return f"{self.name}:{digest.hexdigest()[:16]}"

    @property
    def holds(self) -> str:
        """What it holds, in the words that its Dockerfile begins with."""
        return self.files["Dockerfile"].read_text().partition("\n")[0].removeprefix("# ")

    @property
    def packages(self) -> Path | None:
        """The locked list of its Python packages, where it has any."""
        return self.files.get("requirements.txt")


@dataclass(frozen=True, slots=True)
class Image:
    """The image of the hosts, as the engine has it."""

    tag: str
    id: str
    base: str  # what it stands on: a digest, or the distribution
    created: str  # RFC 3339
    size: int  # bytes
    architecture: str


def layers(name: str = OWN_IMAGE, environment: Mapping[str, str] = os.environ) -> tuple[Layer, ...]:
    """Return the layers of an image, each after those that it stands on, as the files say now."""
    chains = {argument: layers(parent, environment) for argument, parent in places.parents(name).items()}
    parts = {path: file for path, file in _folder(places.images()[name]).items() if not path.endswith(".in")}
    if name == OWN_IMAGE:
        parts |= {
            f"labctl/{path}": file
            for path, file in _folder(places.PACKAGE).items()
            if path == "__init__.py" or (path.startswith(("agent/", "clients/")) and path.endswith(".py"))
        }
    parents = {argument: chain[-1].tag for argument, chain in chains.items()}
    own = Layer(name, parts, parents or {"BASE": f"base {base.choice(environment)}"})
    below = {layer.tag: layer for chain in chains.values() for layer in chain}
    return *below.values(), own


def find(connection: Connection, name: str = OWN_IMAGE, environment: Mapping[str, str] = os.environ) -> Image | None:
    """Return the image that fits the files as they are now, or None where it has to be built. About 5 ms."""
    return _image(connection, layers(name, environment)[-1].tag)


def ensure(
    connection: Connection,
    *names: str,
    progress: Progress,
    refresh: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> dict[str, Image]:
    """Return images by name, built where they are missing; `refresh` builds them anew with the newest packages.

    A second process that wants the same waits for the first, and then finds them there.
    """
    if not refresh and (there := _all(connection, names, environment)):
        return there
    lock = places.state_folder(environment) / "image.lock"
    with alone(lock, waiting=lambda: progress("waiting for another labctl, which is building the image")):
        if not refresh and (there := _all(connection, names, environment)):
            return there
        began = time.monotonic()
        _build(connection, names, environment, refresh=refresh, progress=progress)
        built = _all(connection, names, environment)
        if built is None:
            raise HostError("files of the image changed while it was being built.", todo="Run this again.")
        progress(f"{', '.join(one.tag for one in built.values())} ready, after {time.monotonic() - began:.0f} s")
        return built


def _all(connection: Connection, names: Iterable[str], environment: Mapping[str, str]) -> dict[str, Image] | None:
    found = {name: find(connection, name, environment) for name in names}
    there = {name: one for name, one in found.items() if one is not None}
    return there if len(there) == len(found) else None


def packages(connection: Connection, image: Image) -> list[str]:
    """Return the Debian packages in an image, each as `name version`, and the Python ones as `name==version`."""
    listed = once.read_file(connection, image.tag, PACKAGES).decode().splitlines()
    locks = [layer.packages for layer in layers(image.tag.partition(":")[0]) if layer.packages]
    locked = [line for lock in locks for line in lock.read_text().splitlines()]
    return listed + [line.split()[0] for line in locked if "==" in line and not line.startswith((" ", "#"))]


def prune(connection: Connection, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Remove labctl's images that the files as they are now do not need, and return their names."""
    wanted = {layer.tag for name in places.images() for layer in layers(name, environment)} | {base.package_tag()}
    removed: list[str] = []
    for image in images.labelled(connection, IMAGE):
        if wanted.isdisjoint(image.tags):
            with suppress(Taken):  # a container uses it, or an image that stays stands on it
                images.remove(connection, image.name)
                removed.append(image.name)
    return removed


def _build(
    connection: Connection, names: Iterable[str], environment: Mapping[str, str], *, refresh: bool, progress: Progress
) -> None:
    """Build every layer that is missing, or all of them, each once."""
    wanted = {layer.tag: layer for name in names for layer in layers(name, environment)}
    for layer in wanted.values():
        if not refresh and images.find(connection, layer.tag) is not None:
            continue
        parents, labels = dict(layer.parents), {}
        if parents["BASE"] not in wanted:
            stands_on = base.prepare(connection, base.choice(environment), refresh=refresh, progress=progress)
            parents["BASE"] = stands_on.reference
            labels = {BASE: stands_on.description, BASE_ID: stands_on.id}
        with files.scratch_folder("labctl-site-") as site:
            if layer.packages:
                python = _python_of(connection, parents["BASE"])
                wheels.fetch(layer.packages, python, site, progress=progress)
            progress(f"building {layer.name}: {layer.holds}")
            parts = {**layer.files, **_folder(site, "site/")}
            _build_layer(connection, layer, parents, parts, labels=labels, fresh=refresh, progress=progress)


def _build_layer(
    connection: Connection,
    layer: Layer,
    parents: Mapping[str, str],
    parts: Mapping[str, Path],
    *,
    labels: Mapping[str, str],
    fresh: bool,
    progress: Progress,
) -> None:
    contents = {path: file.read_bytes() for path, file in sorted(parts.items())}
    with files.scratch_file() as context:
        with files.written("what an image is built from", files.TEMPORARY):
            with tarfile.open(fileobj=context, mode="w") as archive:
                for path, content in contents.items():
                    member = tarfile.TarInfo(path)
                    member.size = len(content)
                    member.mode = 0o755 if path.startswith("bin/") else 0o644
                    archive.addfile(member, io.BytesIO(content))
            context.seek(0)
        images.build(
            connection,
            context,
            layer.tag,
            arguments=parents,
            labels={**labels, IMAGE: layer.name, VERSION: __version__},
            fresh=fresh,
            progress=images.sparsely(progress),
        )


def _python_of(connection: Connection, image: str) -> wheels.Python:
    """Ask an image which Python it has."""
    ran = once.run_once(connection, image, ["python3", "-c", wheels.ASK], purpose="ask for its Python")
    return wheels.Python.parse(ran.output)


def _image(connection: Connection, tag: str) -> Image | None:
    stored = images.find(connection, tag)
    if stored is None:
        return None
    below = stored.labels.get(BASE, "unknown")
    return Image(tag, stored.id, below, stored.created, stored.size, stored.architecture)


def _folder(root: Path, prefix: str = "") -> dict[str, Path]:
    """Return the files under `root` by their path there, Python's caches aside."""
    return {
        prefix + path.relative_to(root).as_posix(): path
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
