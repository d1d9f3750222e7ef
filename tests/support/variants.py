"""Scenarios made from those on disk, with something changed, and labctl and pytest run on them as people do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from labctl.system.places import installed

yaml = YAML(typ="safe", pure=True)

WRONG = {"expect": {"outcome": "refused", "errno": "ECONNRESET"}}
"""Fails: the error is another."""
STUCK = {"fault": [{"stop": "server", "until": {"listens": "0.0.0.0:1", "within": "300ms"}}]}
"""Is inconclusive: the fault is never in place."""


def variant(folder: Path, name: str, changes: Mapping[str, Any] | None = None, of: str = "server-down") -> Path:
    """Write a scenario that is another one with other values for some keys; return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.yaml"
    yaml.dump({**yaml.load(installed("scenarios") / f"{of}.yaml"), "name": name, **(changes or {})}, file)
    return file


def python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, without what the pytest that calls this has set in the environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=clean(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without pytest's own variables, and with others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {**kept, **environment}


def labctl(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run labctl in a folder."""
    return python(folder, "-m", "labctl", *arguments, **environment)


def pytest_in(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder."""
    return python(folder, "-m", "pytest", "-p", "no:cacheprovider", *arguments, **environment)
