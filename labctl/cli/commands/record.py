"""record: record the errors that each run of a scenario is compared with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli import complete
from labctl.cli.common import allow_image, console, loaded_scenarios
from labctl.errors import Mistakes, UsageError
from labctl.model import Result, Verdict
from labctl.system.places import PACKAGE

if TYPE_CHECKING:
    from rich.console import Console

    from labctl.results.record import Record
    from labctl.scenario.load import Loaded

TIMES = 2  # so often each runs, both at once: what differs between them is no fact about the scenario
INSTALLED = PACKAGE / "_installed"


@click.command(epilog="Example: labctl record loopback-bind")
@click.argument("names", metavar="NAME|PATH", nargs=-1, required=True, shell_complete=complete.scenarios)
@click.option("--check", is_flag=True, help="Only compare with the record; write nothing.")
@allow_image
def command(names: tuple[str, ...], images: tuple[str, ...], *, check: bool) -> int:
    """Record each client's exact error next to the scenario; later runs are compared with it.

    Each scenario runs twice; it is recorded if both runs pass with the same errors, apart from what always varies.
    """
    from labctl.lab.session import ready
    from labctl.report.estimate import earlier
    from labctl.report.many import Many
    from labctl.results import record
    from labctl.run.matrix import matrix, repeated
    from labctl.run.run import Options

    chosen = list({one.file.resolve(): one for one in loaded_scenarios(names, recorded=check)}.values())
    if not check:
        for one in chosen:
            demand_writable(one.file)
    options = Options(record=False, allow_images=images)
    planned = repeated(chosen, options, TIMES)
    out = console()
    many = Many(out, [one.loaded.scenario.name for one in planned], TIMES, earlier(options.runs))
    with ready(chosen, images) as session, many.shown():
        results = matrix(planned, session, jobs=TIMES, fail_fast=False, watcher=many)
    verdicts = []
    for number, one in enumerate(chosen):
        ended = [result for result in results[number :: len(chosen)] if result]
        if len(ended) < TIMES:  # a full disk ends a matrix early
            _say(out, f"{record.file_of(one.file)} is left as it is: {one.scenario.name} did not run {TIMES} times")
        verdicts.append(conclude(out, one, ended, check=check) if len(ended) == TIMES else Verdict.INCONCLUSIVE)
    return Verdict.overall(verdicts).exit_code


def demand_writable(scenario: Path) -> None:
    """Raise UsageError where no record can be written next to a scenario."""
    from labctl.results.record import file_of

    name = scenario.stem
    if scenario.resolve().is_relative_to(INSTALLED):
        raise UsageError(
            f"{name} came with labctl: it lies in labctl's own folder, and so would its record.",
            todo=f"Copy it to ./scenarios first: labctl new {name} --from {name}",
        )
    file = file_of(scenario).absolute()
    if file.exists() and not file.is_file():
        raise UsageError(f"no record can be written to {file}: it is not a regular file.")
    folder = file.parent
    there = folder if folder.exists() else folder.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(
            f"no record can be written to {folder}.",
            todo="Make the folder writable, or copy the scenario to a folder of your own.",
        )


def conclude(out: Console, one: Loaded, results: Sequence[Result], *, check: bool) -> Verdict:
    """Write or compare the record of one scenario, say what came of it, and return what it comes to."""
    from labctl.results import record

    file = record.file_of(one.file)
    if any(result.verdict is not Verdict.PASSED for result in results):
        _say(out, f"{file} is left as it is: a run of {one.scenario.name} did not pass, see above")
        return Verdict.overall(result.verdict for result in results if result.verdict is not Verdict.PASSED)
    first, *others = map(record.of, results)
    varying = [line for other in others for line in _varying(first, other)]
    if varying:
        _say(out, f"{file} is left as it is: the text varies from run to run", *varying)
        return Verdict.INCONCLUSIVE
    return _compared(out, file, one.record, first) if check else _written(out, file, first)


def _varying(first: Record, other: Record) -> Iterator[str]:
    """Yield in what two runs of a scenario differ."""
    from labctl.results import record

    yield from record.differences(first, other)
    for client in record.unrecorded(first, other) + record.untried(first, other):
        yield f"{client}: tried in one of the runs only"


def _compared(out: Console, file: Path, recorded: Record | None, seen: Record) -> Verdict:
    from labctl.results import record

    if recorded is None:
        _say(out, f"{file} is not there: `labctl record {seen.scenario}` writes it")
        return Verdict.FAILED
    differences = record.differences(recorded, seen)
    differences += [f"{client}: not recorded" for client in record.unrecorded(recorded, seen)]
    differences += [f"{client}: recorded, and did not try" for client in record.untried(recorded, seen)]
    if differences:
        _say(out, f"{file} is not what is seen: `labctl record {seen.scenario}` writes it anew", *differences)
        return Verdict.FAILED
    _say(out, f"{file} is what is seen")
    return Verdict.PASSED


def _written(out: Console, file: Path, seen: Record) -> Verdict:
    from labctl.results import record

    recorded: Record | None = None
    with suppress(Mistakes):  # what cannot be read is written anew
        recorded = record.read(file)
    if recorded == seen:
        _say(out, f"{file} is as it was")
        return Verdict.PASSED
    record.write(file, seen)
    changed = [] if recorded is None else record.differences(recorded, seen)
    clients = f"{len(seen.clients)} client{'' if len(seen.clients) == 1 else 's'}"
    _say(out, f"wrote {file}: {clients}", *changed)
    return Verdict.PASSED


def _say(out: Console, what: str, *lines: str) -> None:
    """Print what came of one scenario's record, and in what it differs."""
    from rich.text import Text

    from labctl.report.text import plain

    for line in (what, *(f"  {line}" for line in lines)):
        out.print(Text(plain(line)), soft_wrap=True)
