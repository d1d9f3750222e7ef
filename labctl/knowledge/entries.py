"""What is known of scenarios without running any: their claims, the errors on record, what their controls showed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from labctl.errors import Mistakes
from labctl.knowledge import truths
from labctl.knowledge.truths import Shown, Table
from labctl.results.record import Recorded
from labctl.scenario.catalogue import Wrong, fail
from labctl.scenario.load import Loaded
from labctl.scenario.model import DiagnosisStep, Scenario
from labctl.scenario.questions import question


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one scenario."""

    loaded: Loaded
    shown: Shown

    @property
    def scenario(self) -> Scenario:
        """What it claims."""
        return self.loaded.scenario

    @property
    def name(self) -> str:
        """Its name."""
        return self.scenario.name

    @property
    def recorded(self) -> dict[str, Recorded]:
        """What each client sees, where it was recorded."""
        return self.loaded.record.clients if self.loaded.record else {}

    @property
    def steps(self) -> dict[str, DiagnosisStep]:
        """Its judged diagnosis steps, by what they ask of whom."""
        client = self.scenario.client.host
        return {question(step, client): step for step in self.scenario.diagnose if step.judges}


def atlas(scenarios: Iterable[Loaded], wrong: Wrong = fail) -> tuple[Entry, ...]:
    """Return what is known of scenarios, in the order of their names.

    Where a table cannot be read `wrong` is called, which raises its Mistakes; if it does not, the table is taken as
    empty.
    """

    @cache
    def table_of(file: Path) -> Table:
        try:
            return truths.read(file)
        except Mistakes as mistakes:
            wrong(mistakes)
            return Table()

    entries = (
        Entry(one, table_of(truths.file_of(one.file)).scenarios.get(one.scenario.name, Shown())) for one in scenarios
    )
    return tuple(sorted(entries, key=lambda entry: entry.name))
