"""Packages of other people, as an installer leaves them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


def install(folder: Path, group: str, name: str, module: str, content: str | None) -> None:
    """Put a distribution into a folder: one entry point, and the module that it names, unless that is missing."""
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(METADATA.format(name=module))
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")
    if content is not None:
        (folder / f"{module}.py").write_text(content)


def python(folder: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with what is installed there, on the labctl of the checkout."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(root)])}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
