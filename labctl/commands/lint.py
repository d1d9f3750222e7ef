"""lint: look for mistakes in scenarios and stacks, without an engine."""

from __future__ import annotations

import click

from labctl.commands import _complete
from labctl.commands._common import loaded_scenarios


@click.command(epilog="Example: labctl lint scenarios/*.yaml")
@click.argument("names", metavar="[NAME|PATH]", nargs=-1, shell_complete=_complete.scenarios)
def command(names: tuple[str, ...]) -> None:
    """Read scenarios and their stacks, all there are where none is named, and tell every mistake at once."""
    from labctl import catalogue

    loaded = loaded_scenarios(names or sorted(catalogue.own()))
    click.echo(f"{len(loaded)} scenario{'s' * (len(loaded) != 1)} without a mistake")
