"""matrix: run all scenarios, several at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli import complete
from labctl.cli.commands._controls import NO_JSON, controlled_too, with_controls
from labctl.cli.common import allow_image, console, exit_with, loaded_scenarios, only_clients
from labctl.cli.reports import Wanted, as_json, report, runs_of, wanted, write
from labctl.errors import Interrupted, LabctlError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from labctl.model import Result
    from labctl.scenario.load import Loaded


@click.command(epilog="Example: labctl matrix -j 4 -k 'firewall or backlog' --junit results.xml")
@click.argument("names", metavar="[NAME|PATH]", nargs=-1, shell_complete=complete.scenarios)
@click.option("-j", "--jobs", type=click.IntRange(1, 32), default=2, show_default=True, help="Runs at once.")
@click.option(
    "-k", "keyword", metavar="EXPRESSION", default="", help="Run only what matches, such as 'firewall and not ufw'."
)
@click.option("--repeat", type=click.IntRange(1, 1000), default=1, metavar="N", help="Run each N times.")
@click.option("--fail-fast", is_flag=True, help="Start no more runs after the first that does not pass.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Also write the results as JUnit XML.")
@only_clients
@allow_image
@with_controls
@report
@as_json
def command(
    names: tuple[str, ...],
    jobs: int,
    keyword: str,
    repeat: int,
    fail_fast: bool,
    junit: Path | None,
    clients: tuple[str, ...],
    images: tuple[str, ...],
    with_controls: bool,
    reports: tuple[Wanted, ...],
    as_json: bool,
) -> int:
    """Run all scenarios, or those named, and print each verdict.

    By default it runs the scenarios in `./scenarios`, or those that came with labctl if there are none.
    """
    from labctl.lab.session import ready
    from labctl.report.estimate import earlier
    from labctl.report.many import Many
    from labctl.run.matrix import matrix, repeated
    from labctl.run.run import Options
    from labctl.scenario import catalogue

    every = wanted(reports, as_json=as_json, junit=junit)
    printed = any(one.printed for one in every)
    if with_controls and printed:
        raise UsageError(NO_JSON)
    chosen = _selected(loaded_scenarios(names or sorted(catalogue.own()), clients), keyword)
    options = Options(clients=clients, allow_images=images)
    planned = repeated(chosen, options, repeat)
    out = console(stderr=printed, quiet=printed)
    many = Many(out, [one.loaded.scenario.name for one in planned], jobs, earlier(options.runs))
    began = time.monotonic()
    cut_off = "labctl broke"
    try:
        with ready(chosen, images) as session, many.shown():
            matrix(planned, session, jobs=jobs, fail_fast=fail_fast, watcher=many)
        cut_off = ""
    except (LabctlError, Interrupted, KeyboardInterrupt) as error:
        cut_off = str(error) or "interrupted"
        raise
    finally:
        results = [many.ended.get(number) for number in range(len(planned))]
        try:
            _tell(out, chosen * repeat, results, seconds=time.monotonic() - began, cut_off=cut_off)
        finally:
            write(every, runs_of(chosen * repeat, results, cut_off))
    code = exit_with([one for one in results if one], repeated=repeat > 1)
    return controlled_too(code, out, chosen, clients, images, jobs=jobs) if with_controls else code


def _selected(loaded: Sequence[Loaded], keyword: str) -> list[Loaded]:
    """Return what an expression takes; raises LabctlError where that is nothing."""
    from labctl.run.selection import parse

    takes = parse(keyword)
    chosen = [one for one in loaded if takes((one.scenario.name, one.scenario.cause))]
    if not chosen:
        raise LabctlError(
            f"nothing to run: none of {len(loaded)} scenarios matches {keyword!r}.",
            todo="`labctl list` shows their names and causes.",
        )
    return chosen


def _tell(
    out: Console,
    planned: Sequence[Loaded],
    results: Sequence[Result | None],
    *,
    seconds: float,
    cut_off: str,
) -> None:
    """Say what all runs came to; nothing where none has."""
    from labctl.report.many import summary

    ended = [one for one in results if one]
    if cut_off and not ended:
        return
    unrun = dict.fromkeys(one.scenario.name for one, result in zip(planned, results, strict=True) if result is None)
    summary(out, ended, seconds=seconds, unrun=list(unrun), cut_off=bool(cut_off))
