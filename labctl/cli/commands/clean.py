"""clean: remove what killed runs left behind."""

from __future__ import annotations

import click


@click.command(epilog="Example: labctl clean")
@click.option("--all", "everything", is_flag=True, help="Also remove what belongs to runs that are still going on.")
def command(everything: bool) -> None:
    """Remove containers, networks and volumes with labctl's labels that belong to no running labctl.

    Anything younger than half a minute may belong to a run that is starting, and stays.
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
