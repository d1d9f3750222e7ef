"""How much the endurance tests do: a selection in every test run, everything in `make endurance`."""

from __future__ import annotations

import os

EVERYTHING = bool(os.environ.get("LABCTL_ENDURANCE"))


def amount(selection: int, everything: int) -> int:
    """Return how often something is to be done."""
    return everything if EVERYTHING else selection
