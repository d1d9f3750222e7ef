"""lookalikes: group scenarios that look the same to a client, and list what distinguishes them."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from labctl.cli import complete
from labctl.cli.common import console, loaded_scenarios, only_clients, readable_scenarios, unreadable


@click.command(epilog="Example: labctl lookalikes --client requests")
@click.argument("names", metavar="[NAME|PATH]", nargs=-1, shell_complete=complete.scenarios)
@only_clients
@click.option("--json", "as_json", is_flag=True, help="Print only the groups, as JSON.")
def command(names: tuple[str, ...], clients: tuple[str, ...], as_json: bool) -> None:
    """Group the scenarios in which a client recorded the same exception, errno and kind of time.

    Each group lists the diagnosis steps that distinguish its scenarios; the first splits the group most evenly.
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
