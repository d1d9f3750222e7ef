"""A report says in one file what many runs came to; each file of `labctl/report/kinds/` is one kind of report.

It has a class `Kind`, a `Report`, and is loaded when such a report is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.errors import UnknownName

if TYPE_CHECKING:
    from labctl.model import Result

FOLDER = Path(__file__).parent / "kinds"


@dataclass(frozen=True, slots=True)
class Case:
    """One run that was planned, and what it came to, or None where it has not run to its end."""

    scenario: str
    cause: str
    stack: str
    result: Result | None


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs that were planned; `cut_off` is why they ended before their time, if they did."""

    cases: Sequence[Case]
    cut_off: str = ""

    @property
    def results(self) -> list[Result]:
        """The results of those that ran to their end."""
        return [case.result for case in self.cases if case.result is not None]


class Report(ABC):
    """One kind of report."""

    @abstractmethod
    def render(self, runs: Runs) -> bytes:
        """Return the file's content."""


def kinds() -> list[str]:
    """Return the kinds there are, without loading any."""
    return sorted(file.stem for file in FOLDER.glob("*.py") if file.stem != "__init__")


def of_kind(kind: str) -> Report:
    """Return the report of a kind; raises UnknownName."""
    if kind not in kinds():
        raise UnknownName("kind of report", kind, kinds())
    found: Report = import_module(f"labctl.report.kinds.{kind}").Kind()
    return found
