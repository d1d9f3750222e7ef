"""The lines of a text that belong to one error, as each family of programs reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from labctl.symptoms.reading import Line
from labctl.symptoms.symptom import Symptom


class Episode(Protocol):
    """One error that is being read."""

    def takes(self, line: Line, *, hinted: bool) -> bool:
        """Read the next line of the same stream; False where it does not belong to this error."""

    def symptom(self) -> Symptom | None:
        """Return what was read, None where it is no failed connection."""


class Single:
    """An error that one line tells in full."""

    def __init__(self, symptom: Symptom | None) -> None:
        self.told = symptom

    def takes(self, line: Line, *, hinted: bool) -> bool:  # noqa: ARG002 - the protocol's
        """Take no other line."""
        return False

    def symptom(self) -> Symptom | None:
        """Return what the line told."""
        return self.told


Recogniser = Callable[[Line], Episode | None]
"""Begins an error where a line does."""
