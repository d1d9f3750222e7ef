"""Reports as they are printed, each kept in a file of tests/data/golden, so that a wording is changed in one place.

After a change that is meant: LABCTL_GOLDEN=write .venv/bin/pytest tests/unit/report/test_golden.py, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "golden"


def golden(name: str, text: str) -> str:
    """Return what is kept under a name; with LABCTL_GOLDEN=write the text is kept first."""
    file = FOLDER / name
    if os.environ.get("LABCTL_GOLDEN") == "write":
        file.write_text(text)
    return file.read_text()
