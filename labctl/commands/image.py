"""Build, show or tidy up the image that every host runs."""

from __future__ import annotations

import click

from labctl.progress import timed


@click.group(epilog="Example: labctl image build")
def command() -> None:
    """Build, show or tidy up the image that every host runs.

    It is built on first use from labctl's own files. Its base is pulled where a registry answers, else made from
    Debian's packages; LABCTL_BASE=pull, LABCTL_BASE=packages or LABCTL_BASE=NAME chooses.
    """


@command.command(epilog="Example: labctl image build --refresh")
@click.option("--refresh", is_flag=True, help="Build everything anew, with the newest packages.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing where the image is there already.")
def build(*, refresh: bool, quiet: bool) -> None:
    """Build the image, unless the one that fits labctl's files is there."""
    from labctl import image
    from labctl.engine.connection import connect

    connection = connect()
    if quiet and not refresh and image.find(connection) is not None:
        return
    built = image.ensure(connection, progress=timed(), refresh=refresh)
    click.echo(f"{built.tag}, on {built.base}")


@command.command(epilog="Example: labctl image show")
def show() -> None:
    """Show the image, what it stands on, and every package in it with its version."""
    from labctl import image
    from labctl.engine.connection import connect
    from labctl.errors import NotThere

    connection = connect()
    built = image.find(connection)
    if built is None:
        raise NotThere("the image is not built yet.", todo="`labctl image build` builds it, and so does the first run.")
    click.echo(f"image     {built.tag}")
    click.echo(f"id        {built.id}")
    click.echo(f"base      {built.base}")
    click.echo(f"created   {built.created}")
    click.echo(f"size      {built.size / 1e6:.0f} MB, {built.architecture}")
    click.echo("packages")
    for package in image.packages(connection, built):
        click.echo(f"  {package}")


@command.command(epilog="Example: labctl image prune")
def prune() -> None:
    """Remove the images that labctl built from other versions of its files."""
    from labctl import image
    from labctl.engine.connection import connect

    removed = image.prune(connect())
    for name in removed:
        click.echo(f"removed {name}")
    if not removed:
        click.echo("nothing to remove")
