"""clean: remove what dead runs left behind."""

from __future__ import annotations

import click


@click.command(epilog="Example: labctl clean")
@click.option("--all", "everything", is_flag=True, help="Also what belongs to runs that still live.")
def command(everything: bool) -> None:
    """Remove containers, networks and volumes that carry labctl's labels and belong to no living run.

    What is younger than half a minute is taken for a run that is just starting, and left alone.
    """
    from labctl.engine.connection import connect
    from labctl.engine.containers import Containers
    from labctl.engine.labels import SESSION
    from labctl.engine.sweep import dead_sessions, look, sweep

    containers = Containers(connect())
    labels = [SESSION] if everything else [f"{SESSION}={one}" for one in sorted(dead_sessions(containers))]
    removed = 0
    for label in labels:
        found = look(containers, label)
        sweep(containers, label).demand_none("See its log, then `labctl clean` again.")
        removed += len(found.containers) + len(found.networks) + len(found.volumes)
    click.echo(f"removed {removed} containers, networks and volumes" if removed else "nothing to remove")
