"""Start, show or stop labctl's own Docker Engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from labctl.system.progress import timed

if TYPE_CHECKING:
    from labctl.provision.private import Private


@click.group(epilog="Example: labctl engine start")
def command() -> None:
    """Start, show or stop labctl's own Docker Engine.

    labctl uses any engine that answers; `start` starts one of its own if none does.
    """


@command.command(epilog="Example: LABCTL_ENGINE=never labctl engine start")
@click.option("-y", "--yes", is_flag=True, help="Install packages without asking.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing if an engine answers already.")
def start(*, yes: bool, quiet: bool) -> None:
    """Start an engine if none answers.

    This installs Debian's or Ubuntu's docker.io if it is missing, and starts a private dockerd with its data, socket
    and log in labctl's state folder. It runs until `labctl engine stop`.
    """
    from labctl.cli.common import agreed
    from labctl.provision import daemon
    from labctl.provision.private import Private

    private = Private.of()
    before = private.process()
    connection = daemon.start(progress=timed(), confirm=lambda question: yes or agreed(question))
    own = private.process()
    if quiet and (own is None or own == before):
        return
    click.echo(f"Docker Engine {connection.versions['engine']} answers at {connection.address} ({connection.source}).")
    if own is not None:
        click.echo("It stays up for the next run. `labctl engine stop` stops it.")


@command.command(epilog="Example: labctl engine status")
def status() -> None:
    """Show which engine answers, and whether labctl started it; exits with 3 if none does."""
    from labctl.engine.connection import connect
    from labctl.provision.private import Private

    private = Private.of()
    connection = connect()
    own = private.process()
    click.echo(f"Docker Engine {connection.versions['engine']} answers at {connection.address} ({connection.source}).")
    if own is not None:
        click.echo(f"labctl started it: process {own.pid}, log {private.log}.")
    else:
        click.echo("labctl did not start it, and will not stop it.")


@command.command(epilog="Example: labctl engine stop")
@click.option("--force", is_flag=True, help="Stop it even if labs are running on it; they end.")
def stop(*, force: bool) -> None:
    """Stop the engine that labctl started, and only that, whatever DOCKER_HOST says.

    If labs are running on it, it is stopped only with --force.
    """
    from labctl.engine.connection import connect
    from labctl.errors import EngineUnavailable, UsageError
    from labctl.provision import daemon
    from labctl.provision.private import Private

    private = Private.of()
    if not force and (using := _using(private)):
        raise UsageError(
            f"{using} other labctl use this engine." if using > 1 else "another labctl uses this engine.",
            means="Stopping it would end what runs there, whoever started it.",
            todo="Wait until that has ended, or `labctl engine stop --force`.",
        )
    if daemon.stop(progress=timed()):
        click.echo("labctl's engine has stopped; no process of it is left.")
        click.echo(f"Its images stay in {private.folder} for the next start; remove that folder to free the space.")
        return
    click.echo("labctl's own engine does not run.")
    try:
        other = connect()
    except EngineUnavailable:
        return
    click.echo(f"The one at {other.address} ({other.source}) was not started by labctl, so it is left alone.")


def _using(private: Private) -> int:
    """Return how many sessions of labctl live on labctl's own engine."""
    from labctl.engine.connection import Candidate, Connection, knock
    from labctl.engine.containers import Containers
    from labctl.engine.sweep import living_sessions

    found = knock(Candidate(f"unix://{private.socket}", "labctl's own engine"))
    return len(living_sessions(Containers(found))) if isinstance(found, Connection) else 0
