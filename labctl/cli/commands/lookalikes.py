"""lookalikes: group the scenarios that a client cannot tell apart, and say what can."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from labctl.cli import complete
from labctl.cli.common import console, loaded_scenarios, only_clients, readable_scenarios, unreadable


@click.command(epilog="Example: labctl lookalikes --client requests")
@click.argument("names", metavar="[NAME|PATH]", nargs=-1, shell_complete=complete.scenarios)
@only_clients
@click.option("--json", "as_json", is_flag=True, help="Print the groups as JSON, and nothing else.")
def command(names: tuple[str, ...], clients: tuple[str, ...], as_json: bool) -> None:
    """Group the scenarios that give a client the same exception, errno and kind of time, by what is on record.

    For each group: the diagnosis steps that separate them, the one first that splits the group most evenly.
    """
    from labctl.knowledge.entries import atlas
    from labctl.knowledge.tree import Told, groups, tree
    from labctl.report.lookalikes import lookalikes

    loaded = loaded_scenarios(names, clients) if names else readable_scenarios()
    entries = atlas(loaded, unreadable)
    recorded = sorted({client for entry in entries for client in entry.recorded})
    found = [group for client in clients or recorded for group in groups(entries, client)]
    if as_json:
        told = [Told(group, tree(group.names, entries)) for group in found]
        click.echo(json.dumps([asdict(one) for one in told], indent=2))
    else:
        lookalikes(console(), found, entries)
