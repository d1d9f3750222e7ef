"""What the clients of the standard library share."""

from __future__ import annotations

import sys


def python_version() -> str:
    """Return the version of the Python that has them; `platform` would take 2 ms to load."""
    return "Python " + sys.version.partition(" ")[0]
