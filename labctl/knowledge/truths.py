"""What the controls of all scenarios in a folder have shown, on file: one table, reviewed as it changes.

`labctl controls --write` writes it, every later run of the controls is compared with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from labctl.language import jsonfile
from labctl.language.fields import Name, Written

COLUMNS = ("fixes", "traps", "answers")
FILE = "controls.json"  # in the folder of the scenarios
TODO = "`labctl controls --all --write` writes it anew."


class Effect(StrEnum):
    """What the clients see of a failure in the end."""

    MENDED = "mended"
    SAME = "the same failure"
    OTHER = "another failure"
    IMPOSSIBLE = "cannot be applied"


class Shown(Written):
    """What the controls of one scenario have shown; what has never run is not there."""

    without_fault: Effect | None = Field(default=None, description="What the clients get while nothing is broken.")
    fixes: dict[Name, Effect] = Field(default={}, description="What the fix of another scenario does, by its name.")
    traps: dict[str, Effect] = Field(default={}, description="What each trap does, by its remedy.")
    answers: dict[str, bool] = Field(
        default={}, description="Whether a diagnosis step holds while this is broken, by what it asks of whom."
    )


class Table(Written):
    """The table of a folder."""

    format: Literal[1] = 1
    scenarios: dict[Name, Shown] = Field(default={}, description="What was shown of each scenario, by its name.")


def file_of(scenario_file: Path) -> Path:
    """Return the file of the table in which a scenario stands."""
    return scenario_file.parent / FILE


def read(file: Path) -> Table:
    """Return a table; an empty one where there is none. Raises Mistakes."""
    return jsonfile.read(file, Table, TODO) or Table()


def write(file: Path, table: Table) -> None:
    """Write a table, sorted by names. Raises NotWritten."""
    jsonfile.write(file, jsonfile.encoded(_sorted(table.model_dump(mode="json", exclude_none=True))))


def _sorted(value: Any) -> Any:
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


def merged(table: Table, seen: Table, known: Collection[str], *, whole: bool) -> Table:
    """Return a table with what was seen now in it; the `whole` of a scenario replaces what it had.

    What is of a scenario that is not `known` any more is left out.
    """
    rows = {name: shown for name, shown in table.scenarios.items() if name in known}
    for name, shown in seen.scenarios.items():
        rows[name] = shown if whole else _over(rows.get(name, Shown()), shown)
    return Table(scenarios={name: _pruned(row, known) for name, row in rows.items()})


def _over(old: Shown, new: Shown) -> Shown:
    columns = {name: {**getattr(old, name), **getattr(new, name)} for name in COLUMNS}
    return Shown(without_fault=new.without_fault or old.without_fault, **columns)


def _pruned(row: Shown, known: Collection[str]) -> Shown:
    return row.model_copy(update={"fixes": {name: cell for name, cell in row.fixes.items() if name in known}})


@dataclass(frozen=True, slots=True)
class Difference:
    """One cell that is not as it stands in the table; None where it does not stand there."""

    scenario: str
    column: str
    key: str
    was: Effect | bool | None
    now: Effect | bool

    @property
    def wrong(self) -> bool:
        """Whether it is more than something that nobody looked at before."""
        if self.column in ("without_fault", "traps"):
            return self.now is not Effect.MENDED
        return self.was is not None or self.now is Effect.MENDED


def differences(table: Table, seen: Table) -> Iterator[Difference]:
    """Yield in what the cells that were seen differ from those of the table."""
    for name, now in seen.scenarios.items():
        was = table.scenarios.get(name, Shown())
        if now.without_fault is not None and now.without_fault != was.without_fault:
            yield Difference(name, "without_fault", "", was.without_fault, now.without_fault)
        for column in COLUMNS:
            old = getattr(was, column)
            for key, cell in getattr(now, column).items():
                if cell != old.get(key):
                    yield Difference(name, column, key, old.get(key), cell)
