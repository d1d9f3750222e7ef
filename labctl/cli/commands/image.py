"""Build, show or remove the images that hosts run."""

from __future__ import annotations

import click

from labctl.system.progress import timed


@click.group(epilog="Example: labctl image build")
def command() -> None:
    """Build, show or remove the images that hosts run: `labctl`, and those of single servers.

    They are built on first use from labctl's own files. Their base is pulled if a registry answers, else made from
    Debian's packages; LABCTL_BASE=pull, LABCTL_BASE=packages or LABCTL_BASE=NAME chooses.
    """


@command.command(epilog="Example: labctl image build --refresh")
@click.argument("names", metavar="[IMAGE]", nargs=-1)
@click.option("--refresh", is_flag=True, help="Build everything anew, with the newest packages.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing if the image exists already.")
def build(names: tuple[str, ...], *, refresh: bool, quiet: bool) -> None:
    """Build images (by default `labctl`) unless images of the same files exist."""
    from labctl.engine.connection import connect
    from labctl.provision import image
    from labctl.system.places import OWN_IMAGE

    wanted = [_known(name) for name in names or [OWN_IMAGE]]
    connection = connect()
    if quiet and not refresh and all(image.find(connection, name) for name in wanted):
        return
    for built in image.ensure(connection, *wanted, progress=timed(), refresh=refresh).values():
        click.echo(f"{built.tag}, on {built.base}")


@command.command(epilog="Example: labctl image show")
@click.argument("name", metavar="[IMAGE]", default="labctl")
def show(name: str) -> None:
    """Show an image, its base, and all packages in it with their versions."""
    from labctl.engine.connection import connect
    from labctl.errors import NotThere
    from labctl.provision import image

    name = _known(name)
    connection = connect()
    built = image.find(connection, name)
    if built is None:
        todo = f"`labctl image build {name}` builds it, and so does the first run that needs it."
        raise NotThere(f"the image {name} is not built yet.", todo=todo)
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
    from labctl.engine.connection import connect
    from labctl.provision import image

    removed = image.prune(connect())
    for name in removed:
        click.echo(f"removed {name}")
    if not removed:
        click.echo("nothing to remove")


def _known(name: str) -> str:
    """Return the name of one of labctl's images; raises UnknownName."""
    from labctl.errors import UnknownName
    from labctl.system.places import images

    if name not in images():
        raise UnknownName("image of labctl's", name, images())
    return name
