"""list: the scenarios there are, by cause."""

from __future__ import annotations

from itertools import groupby

import click

from labctl.cli.common import readable_scenarios


@click.command(epilog="Example: labctl list")
def command() -> None:
    """List the scenarios, each under its cause."""
    from labctl.report.columns import columns
    from labctl.report.text import plain
    from labctl.scenario.causes import CAUSES

    order = list(CAUSES)
    found = sorted((one.scenario for one in readable_scenarios()), key=lambda one: (order.index(one.cause), one.name))
    lines = columns([(one.name, one.title) for one in found])
    for cause, group in groupby(zip(found, lines, strict=True), lambda pair: pair[0].cause):
        click.echo(f"{cause}: {CAUSES[cause]}")
        for _, line in group:
            click.echo(plain(f"  {line}"))
