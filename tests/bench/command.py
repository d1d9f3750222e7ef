"""The command line of `make bench`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from bench.agenda import Agenda
from bench.ground import prepared
from bench.scoreboard import as_json, table
from bench.targets import TARGETS
from labctl.errors import LabctlError, LabError
from labctl.report.text import plain
from labctl.system.progress import timed

PAIRS = 7
QUICK = 2


@click.command()
@click.option(
    "--pairs",
    type=click.IntRange(1),
    default=PAIRS,
    show_default=True,
    help="How many pairs of each; more where the target is close.",
)
@click.option("--quick", is_flag=True, help=f"{QUICK} pairs, nothing that takes minutes: whether it works.")
@click.option("--only", multiple=True, type=click.Choice(sorted(TARGETS)), help="Only this; may be given again.")
@click.option("--strict", is_flag=True, help="Exit with 1 where a target is missed.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write everything here, too.")
def command(*, pairs: int, quick: bool, only: tuple[str, ...], strict: bool, file: Path | None) -> int:
    """Measure labctl against the bare Docker calls, and against what people use instead. Everything takes over an hour.

    Exit 0 whatever the ratios are, 1 where one misses its target and --strict is given, 3 where something broke.
    """
    load = os.getloadavg()[0]
    tell = timed()
    if load > (os.cpu_count() or 1) / 2:
        tell(f"the load is {load:.1f}: something else runs, and the ratios will spread")
    with prepared(tell) as ground:
        agenda = Agenda(ground, QUICK if quick else pairs, only, tell, quick=quick)
        agenda.all_of_it()
        board = agenda.board()
    click.echo(plain(table(board)))
    if file is not None:
        file.write_text(json.dumps(as_json(board), indent=1, ensure_ascii=False) + "\n")
    if board.broken:
        return LabError.exit_code
    return 1 if strict and board.missed else 0


def main() -> int:
    """Run it; return the exit code. What went wrong is told in a person's words."""
    try:
        code: int = command.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    except LabctlError as error:
        sys.stderr.write(f"bench: {plain(str(error))}\n")
        return error.exit_code
    return code
