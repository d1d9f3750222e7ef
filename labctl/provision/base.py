"""The base image: Debian, pulled where a registry answers, else made from this machine's own package sources.

LABCTL_BASE chooses: `pull`, `packages`, or the name of any image with apt. Unset, labctl chooses by itself: what the
engine has, else one pull, else packages.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labctl.engine import images
from labctl.engine.connection import Connection
from labctl.engine.labels import BASE, IMAGE
from labctl.errors import EngineError, HostError, UsageError, indented
from labctl.provision import debian
from labctl.system import files
from labctl.system.progress import Progress

PULLED = "debian:bookworm-slim"
REPOSITORY = "labctl-base"
EPOCH = "1700000000"
"""Seconds since 1970 to which the base's files are dated: any fixed moment makes two builds alike bit for bit."""
TIME_LIMIT = 900.0
"""Seconds for mmdebstrap, which takes 13 on two cores with a near mirror."""


@dataclass(frozen=True, slots=True)
class Base:
    """What the image is built upon."""

    reference: str  # what the Dockerfile's FROM names
    description: str  # where it comes from, for people: a digest, or the distribution
    id: str


def choice(environment: Mapping[str, str] = os.environ) -> str:
    """Return what LABCTL_BASE asks for: `auto`, `pull`, `packages`, or an image's name."""
    return environment.get("LABCTL_BASE", "").strip() or "auto"


def prepare(connection: Connection, chosen: str, *, refresh: bool, progress: Progress) -> Base:
    """Return the base that `chosen` names, fetched or made where the engine does not have it, or when `refresh`."""
    match chosen:
        case "pull":
            return pulled(connection, PULLED, refresh=refresh, progress=progress)
        case "packages":
            return from_packages(connection, refresh=refresh, progress=progress)
        case "auto":
            return whichever(connection, refresh=refresh, progress=progress)
        case _:
            return named(connection, chosen, refresh=refresh, progress=progress)


def whichever(connection: Connection, *, refresh: bool, progress: Progress) -> Base:
    """Return a base in the way that works here; a registry is asked at most once."""
    if not refresh:
        if (image := images.find(connection, PULLED)) is not None:
            return _pulled(image, PULLED)
        if (image := images.find(connection, package_tag())) is not None:
            return _packaged(image)
    try:
        return pulled(connection, PULLED, refresh=True, progress=progress)
    except EngineError as error:
        if error.status is None and not isinstance(error, images.StreamStopped) and "in time" not in error.what:
            raise
        progress(f"no registry gives {PULLED} ({_short(error)}); making it from packages instead")
    return from_packages(connection, refresh=refresh, progress=progress)


def pulled(connection: Connection, reference: str, *, refresh: bool, progress: Progress) -> Base:
    """Return an image of a registry, pulled unless the engine has it."""
    image = None if refresh else images.find(connection, reference)
    if image is None:
        progress(f"pulling {reference}")
        image = images.pull(connection, reference, progress=images.sparsely(progress))
    return _pulled(image, reference)


def named(connection: Connection, reference: str, *, refresh: bool, progress: Progress) -> Base:
    """Return the image that the user named."""
    try:
        return pulled(connection, reference, refresh=refresh, progress=progress)
    except EngineError as error:
        raise UsageError(
            f"there is no base image {reference!r}: {error.what}",
            means="It was asked for by LABCTL_BASE.",
            todo="Unset LABCTL_BASE to let labctl choose, or name an image that this engine can have.",
        ) from error


def from_packages(connection: Connection, *, refresh: bool, progress: Progress) -> Base:
    """Return Debian's minimal system, made by mmdebstrap(1) from this machine's own apt sources."""
    tag = package_tag()
    if not refresh and (image := images.find(connection, tag)) is not None:
        return _packaged(image)
    _fit(connection)
    if debian.program("mmdebstrap") is None:
        debian.install(["mmdebstrap"], progress=progress)
    suite, sources = _sources(progress)
    progress(f"making a minimal {suite} system from packages")
    with files.scratch_folder("labctl-base-") as folder:
        tarball = folder / "base.tar"
        _debootstrap(suite, sources, tarball)
        progress("importing it into the engine")
        pretty = debian.release().get("PRETTY_NAME", suite)
        labels = {IMAGE: "base", BASE: f"{pretty}, made from packages"}
        return _packaged(images.import_tarball(connection, tarball, tag, labels=labels, changes=['CMD ["bash"]']))


def package_tag() -> str:
    """Return the name of the base made from packages: it differs by distribution and by how it is made."""
    suite = debian.release().get("VERSION_CODENAME", "unknown")
    made = hashlib.sha256("\0".join([suite, EPOCH, *_arguments(suite)]).encode()).hexdigest()
    return f"{REPOSITORY}:{suite}-{made[:12]}"


def _arguments(suite: str) -> list[str]:
    """Return mmdebstrap's arguments; the certificates let apt in the image use sources over https.

    mmdebstrap copies this machine's resolver and name, which are nobody else's business.
    """
    own = '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"'
    return ["--variant=minbase", "--include=ca-certificates", own, suite]


def _debootstrap(suite: str, sources: list[str], tarball: Path) -> None:
    try:
        done = debian.run(
            ["mmdebstrap", *_arguments(suite), str(tarball), "-"],
            env={**debian.environment(), "SOURCE_DATE_EPOCH": EPOCH},
            given="\n".join(sources),
            timeout=TIME_LIMIT,
        )
    except subprocess.TimeoutExpired as error:
        raise HostError(f"mmdebstrap did not end within {TIME_LIMIT:g} s.", todo=OTHERWISE) from error
    if done.returncode != 0:
        raise HostError(
            f"mmdebstrap could not make a minimal {suite} system.",
            means=f"It said:\n{indented(debian.last_lines(done.stdout))}",
            todo=files.ran_out(done.stdout, files.TEMPORARY) or OTHERWISE,
        )


OTHERWISE = f"LABCTL_BASE=pull pulls {PULLED}; LABCTL_BASE=NAME takes any image with apt that the engine has."


def _fit(connection: Connection) -> None:
    """Raise HostError where this machine's packages cannot become the engine's base."""
    if not debian.here():
        raise HostError("a base from packages needs Debian or Ubuntu on this machine.", todo=OTHERWISE)
    engine, machine = connection.versions["architecture"], debian.architecture()
    if engine != machine:
        raise HostError(f"this machine's packages are for {machine}, the engine wants {engine}.", todo=OTHERWISE)
    if debian.program("mmdebstrap") is None and not debian.is_root():
        raise HostError(
            "a base from packages needs mmdebstrap, which is not installed.",
            todo=f"`sudo apt-get install mmdebstrap`. {OTHERWISE}",
        )


def _sources(progress: Progress) -> tuple[str, list[str]]:
    """Return this machine's release and its sources, whose lists are fetched where they never were."""
    sources = debian.sources()
    if not sources and debian.is_root():
        debian.update(progress=progress)
        sources = debian.sources()
    if not sources:
        raise HostError("apt knows no source of Debian's or Ubuntu's packages on this machine.", todo=OTHERWISE)
    return debian.release()["VERSION_CODENAME"], sources


def _pulled(image: images.Stored, reference: str) -> Base:
    return Base(reference, image.digests[0] if image.digests else f"{reference} ({image.id[:19]})", image.id)


def _packaged(image: images.Stored) -> Base:
    return Base(image.name, image.labels.get(BASE, "made from packages"), image.id)


def _short(error: EngineError) -> str:
    """Return what lies at the bottom of a refusal: the engine puts what it was doing before it, colon by colon."""
    return error.what.rstrip(".").rpartition(": ")[2]
