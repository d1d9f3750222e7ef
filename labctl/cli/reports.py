"""Reports of what many runs came to: `--report KIND=FILE`, with `--junit FILE` and `--json` as short forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labctl.errors import NotWritten, UsageError
from labctl.report.report import Case, Runs, kinds, of_kind
from labctl.system import files

if TYPE_CHECKING:
    from labctl.model import Result
    from labctl.scenario.load import Loaded

PRINTED = "-"  # in place of a file: standard output


@dataclass(frozen=True, slots=True)
class Wanted:
    """A report that somebody asked for: where it goes, and what they typed."""

    kind: str
    file: str
    option: str

    @property
    def printed(self) -> bool:
        """Whether it goes to standard output, where nothing else is printed then."""
        return self.file == PRINTED


class _Kind(click.ParamType[Wanted]):
    """KIND=FILE."""

    name = "report"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Wanted:
        """Read it; raises click's error where the kind is not one."""
        kind, _, file = str(value).partition("=")
        if kind not in kinds() or not file:
            self.fail(f"{value!r} is not KIND=FILE, where KIND is {', '.join(kinds())}.", param, ctx)
        return Wanted(kind, file, f"--report {kind}=")


report = click.option(
    "--report",
    "reports",
    type=_Kind(),
    multiple=True,
    metavar="KIND=FILE",
    help=f"Also write a report of the results ({', '.join(kinds())}); - is standard output. May be given again.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print only the results, as JSON.")


def wanted(reports: Sequence[Wanted], *, as_json: bool, junit: Path | None = None) -> list[Wanted]:
    """Return all reports that were asked for, once each file is known to be writable.

    Raises UsageError where it is not, and where two are to be printed.
    """
    short = [Wanted("json", PRINTED, "--json")] if as_json else []
    short += [Wanted("junit", str(junit), "--junit")] if junit is not None else []
    every = [*reports, *short]
    if sum(one.printed for one in every) > 1:
        raise UsageError(
            "two reports cannot be printed at once.",
            means=f"{' and '.join(one.option for one in every if one.printed)} both go to standard output.",
            todo="Give one of them a file.",
        )
    for one in every:
        if not one.printed:
            files.demand_room(Path(one.file), one.option)
    return every


def runs_of(planned: Sequence[Loaded], results: Sequence[Result | None], cut_off: str = "") -> Runs:
    """Return what was planned with what it came to."""
    cases = [
        Case(one.scenario.name, one.scenario.cause, one.scenario.stack, result)
        for one, result in zip(planned, results, strict=True)
    ]
    return Runs(cases, cut_off)


def write(every: Sequence[Wanted], runs: Runs) -> None:
    """Write each report to its file, or print it; where nothing ran to its end, nothing is printed.

    Raises NotWritten where a file cannot be written.
    """
    refused: NotWritten | None = None
    for one in every:
        content = of_kind(one.kind).render(runs)
        if one.printed:
            if runs.results or not runs.cut_off:
                click.echo(content, nl=False)
            continue
        try:
            files.write(Path(one.file), content)
        except NotWritten as error:  # the others are written all the same
            refused = refused or error
    if refused is not None:
        raise refused
