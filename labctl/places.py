"""Folders: what is installed, and where labctl keeps what lives longer than a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

RUNS = Path(".labctl", "runs")  # below the folder that labctl is called in


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return LABCTL_STATE, or the folder that the XDG base directory specification names."""
    if environment.get("LABCTL_STATE"):
        return Path(environment["LABCTL_STATE"])
    home = Path(environment.get("HOME") or Path.home())
    return Path(environment.get("XDG_STATE_HOME") or home / ".local" / "state") / "labctl"


def private_engine(environment: Mapping[str, str]) -> Path:
    """Return the folder of labctl's own engine."""
    return state_folder(environment) / "engine"


def installed(part: str) -> Path:
    """Return the folder `scenarios` or `compose`: inside the package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "_installed" / part
    return inside if inside.is_dir() else package.parent / part
