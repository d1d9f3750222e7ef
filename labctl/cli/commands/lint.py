"""lint: check scenarios, stacks, records and controls, without an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli import complete
from labctl.cli.common import loaded_scenarios
from labctl.errors import Mistake, Mistakes, nearest

if TYPE_CHECKING:
    from labctl.results.record import Record

Records = Mapping[Path, "Record | None"]
"""By the file of its scenario, what is recorded, or None where nothing is; one that has mistakes is left out."""


@click.command(epilog="Example: labctl lint scenarios/*.yaml")
@click.argument("names", metavar="[NAME|PATH]", nargs=-1, shell_complete=complete.scenarios)
def command(names: tuple[str, ...]) -> None:
    """Check scenarios with their stacks and records, by default all, and list every mistake.

    A record without a scenario is reported when all scenarios of its folder are checked.
    """
    from labctl.scenario import catalogue

    chosen = names or tuple(sorted(catalogue.own()))
    files = list(dict.fromkeys(catalogue.find_all(chosen)))
    records = _read(files)
    mistakes = [*_orphaned(files), *_misspelt(records), *_in_tables(files)]
    try:
        loaded_scenarios(chosen)
    except Mistakes as error:
        mistakes += error.mistakes
    if mistakes:
        raise Mistakes(mistakes)
    click.echo(f"{len(files)} scenario{'s' * (len(files) != 1)} without a mistake")
    for line in _said(records):
        click.echo(line)


def _read(files: Sequence[Path]) -> Records:
    """Read what is recorded of scenarios; the mistakes in it are told where the scenarios are loaded."""
    from labctl.results import record

    read: dict[Path, Record | None] = {}
    for file in files:
        with suppress(Mistakes):
            read[file] = record.read(record.file_of(file))
    return read


def _orphaned(files: Sequence[Path]) -> Iterator[Mistake]:
    """Yield the records whose scenario there is no more, in every folder of which all scenarios are read."""
    from labctl.language.bounds import SUFFIXES
    from labctl.language.documents import quoted
    from labctl.report.text import plain
    from labctl.results import record
    from labctl.stack.find import is_stack

    read = {file.resolve() for file in files}
    for folder in dict.fromkeys(file.parent for file in files):
        there = [one for one in folder.glob("*") if one.suffix in SUFFIXES and one.is_file()]
        scenarios = {one.stem: one.resolve() for one in there if not is_stack(one)}
        if not read.issuperset(scenarios.values()):
            continue
        for orphan in record.orphans(folder, scenarios):
            near = nearest(orphan.stem, scenarios)
            hint = f"Did you mean {quoted(near[0])}? " if near else ""
            wrong = f"there is no scenario {quoted(orphan.stem)} for this record."
            yield Mistake(plain(str(orphan)), 1, 1, wrong, f"{hint}Rename this file with its scenario, or remove it.")


def _in_tables(files: Sequence[Path]) -> Iterator[Mistake]:
    """Yield what is wrong with the tables of what controls have shown."""
    from labctl.knowledge import truths

    for file in dict.fromkeys(map(truths.file_of, files)):
        try:
            truths.read(file)
        except Mistakes as error:
            yield from error.mistakes


def _misspelt(records: Records) -> Iterator[Mistake]:
    """Yield the clients of records that labctl does not know, where it knows one that was likely meant."""
    from labctl.language.documents import quoted
    from labctl.results import record

    for file, recorded in records.items():
        for client in _strangers(recorded):
            if recorded and (near := _meant(client, recorded)):
                todo = f"Did you mean {near!r}? `labctl record {file.stem}` writes it anew."
                wrong = f"clients: there is no client called {quoted(client)}."
                yield Mistake(str(record.file_of(file)), 1, 1, wrong, todo)


def _strangers(recorded: Record | None) -> list[str]:
    """Return the clients of a record that are not here."""
    from labctl import clients

    return sorted(recorded.clients.keys() - set(clients.names())) if recorded else []


def _meant(stranger: str, recorded: Record) -> str:
    """Return the client that was likely meant by another name, or nothing.

    A name that was misspelt, or is gone, stands where the right one does not. Any other may be that of another package,
    which is broken, or not installed on this machine.
    """
    from labctl import clients

    if stranger in clients.broken_plugins:
        return ""
    near = nearest(stranger, set(clients.names()) - recorded.clients.keys())
    return near[0] if near else ""


def _said(records: Records) -> Iterator[str]:
    """Yield what is no mistake, and yet nothing is compared for it."""
    from labctl.report.text import plain

    unrecorded = sorted(file.stem for file, recorded in records.items() if recorded is None)
    if unrecorded:
        yield f"not recorded yet: {', '.join(unrecorded)} (labctl record NAME writes down the exact errors)"
    strangers = sorted({client for recorded in records.values() for client in _strangers(recorded)})
    if strangers:
        yield f"recorded, and not among the clients here: {', '.join(map(plain, strangers))} (they are not compared)"
