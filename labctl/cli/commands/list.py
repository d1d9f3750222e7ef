"""list: the scenarios there are, by cause."""

from __future__ import annotations

from itertools import groupby

import click

from labctl.cli.common import readable_scenarios


@click.command(epilog="Example: labctl list")
def command() -> None:
    """List the scenarios, each under its cause."""
    from labctl.report.text import plain
    from labctl.scenario.causes import CAUSES

    found = [one.scenario for one in readable_scenarios()]
    width = max((len(one.name) for one in found), default=0)
    order = list(CAUSES)
    for cause, group in groupby(
        sorted(found, key=lambda one: (order.index(one.cause), one.name)), lambda one: one.cause
    ):
        click.echo(f"{cause}: {CAUSES[cause]}")
        for one in group:
            click.echo(plain(f"  {one.name:<{width}}  {one.title}"))
