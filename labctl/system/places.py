"""Folders: what is installed, and where labctl keeps what lives longer than a run."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path

OWN_IMAGE = "labctl"  # what every host runs, and what the names of all our images begin with
RUNS = Path(".labctl", "runs")  # below the folder that labctl is called in
CONTROLS = Path(".labctl", "controls")  # the same of the runs beside a scenario's own
PARENT = re.compile(r"^ARG ([A-Z]+)=([a-z]+)$", re.MULTILINE)  # in a Dockerfile: a folder beside its own
PACKAGE = Path(__file__).resolve().parents[1]


def home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the user's home folder."""
    return Path(environment.get("HOME") or Path.home())


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return LABCTL_STATE, or the folder that the XDG base directory specification names; it need not exist yet.

    The specification has it that a relative XDG_STATE_HOME is to be ignored.
    """
    if environment.get("LABCTL_STATE"):
        return Path(environment["LABCTL_STATE"]).absolute()
    xdg = Path(environment.get("XDG_STATE_HOME", ""))
    return (xdg if xdg.is_absolute() else home(environment) / ".local" / "state") / "labctl"


def instead_of(runs: Path) -> Path | None:
    """Return where runs are kept if they cannot be in their usual folder; None where somebody chose the folder."""
    return state_folder() / runs.name if runs in (RUNS, CONTROLS) else None


def writable(folder: Path) -> bool:
    """Tell whether a folder can be written, or made: access(2) knows of owners and of read-only file systems."""
    there = next((one for one in (folder, *folder.absolute().parents) if os.path.lexists(one)), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def all_kept(runs: Path) -> list[Path]:
    """Return the folders where runs are to be looked for: also the other one, where the usual one cannot be written."""
    other = None if writable(runs) else instead_of(runs)
    return [runs] if other is None else [runs, other]


def readable(runs: Path) -> list[Path]:
    """Return those of these folders that are there and can be read."""
    return [one for one in all_kept(runs) if os.path.isdir(one) and os.access(one, os.R_OK | os.X_OK)]  # noqa: PTH112 - no error


def private_engine(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of labctl's own engine."""
    return state_folder(environment) / "engine"


def installed(part: str) -> Path:
    """Return the folder `scenarios` or `compose`: inside the package, or beside it in a checkout."""
    inside = PACKAGE / "_installed" / part
    return inside if inside.is_dir() else PACKAGE.parent / part


def leads_out(file: Path, folder: Path) -> bool:
    """Tell whether a file, its links followed, lies neither below a folder nor below the one that labctl is called in.

    What is wrong with a file is told, and with it some of what it holds: somebody's repository may have a link to what
    is none of its business. What is installed is trusted, however it was linked.
    """
    if any(file.absolute().is_relative_to(installed(part)) for part in ("scenarios", "compose")):
        return False
    return not any(file.resolve().is_relative_to(one.resolve()) for one in (folder, Path()))


def images() -> dict[str, Path]:
    """Return the folders that labctl's own images are built from, by the names that stacks use."""
    folders = sorted(file.parent for file in (installed("compose") / "images").glob("*/Dockerfile"))
    return {image_of(folder.name): folder for folder in folders}


@functools.cache
def with_agent() -> tuple[str, ...]:
    """Return the images that a host's sandbox can run: labctl's first, and those that copy its programs from it.

    Their folders are looked at once in a process, which takes a millisecond or more.
    """
    return OWN_IMAGE, *(name for name in images() if OWN_IMAGE in parents(name).values())


def parents(image: str) -> dict[str, str]:
    """Return the images that one stands on, or copies from, by the arguments of its Dockerfile that name them."""
    named = PARENT.findall((images()[image] / "Dockerfile").read_text())
    return {argument: image_of(folder) for argument, folder in named}


def image_of(folder: str) -> str:
    """Return the name of the image that a folder of `compose/images/` is built into."""
    return folder if folder == OWN_IMAGE else f"{OWN_IMAGE}-{folder}"
