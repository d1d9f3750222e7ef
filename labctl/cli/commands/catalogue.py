"""catalogue: all scenarios by symptom and by cause, as a Markdown page."""

from __future__ import annotations

import click

from labctl.cli.common import loaded_scenarios
from labctl.errors import UsageError
from labctl.system import files

PAGE = "CATALOGUE.md"  # next to the scenarios


@click.command(epilog="Example: labctl catalogue --write")
@click.option("--write", is_flag=True, help=f"Write it to {PAGE} next to the scenarios.")
def command(*, write: bool) -> None:
    """Print the exact errors of all scenarios, what distinguishes them, and their fixes."""
    from labctl.knowledge.entries import atlas
    from labctl.report.catalogue import catalogue as page
    from labctl.scenario import catalogue

    own = catalogue.own()
    text = page(atlas(loaded_scenarios(sorted(own))))
    if not write:
        click.echo(text, nl=False)
        return
    folder = catalogue.FOLDER
    if not catalogue.within(folder):
        raise UsageError(f"there are no scenarios in {folder}.", todo="Leave --write out to see labctl's own.")
    file = folder / PAGE
    files.write(file, text.encode())
    click.echo(f"wrote {file}")
