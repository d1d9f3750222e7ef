"""Show the engine, what its kernel can do, the image, and left-overs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from labctl.report.columns import columns

if TYPE_CHECKING:
    from labctl.provision.doctor import Ability, Diagnosis


@click.command(epilog="Example: labctl doctor")
def command() -> None:
    """Show the engine, its kernel's abilities, the image and left-overs, and what fails without the missing ones.

    Exits with 3 if no engine answers.
    """
    from labctl.engine.connection import connect
    from labctl.provision import doctor

    for line in lines(doctor.examine(connect())):
        click.echo(line)


def lines(found: Diagnosis) -> Iterator[str]:
    """Yield the lines of the report."""
    facts = found.facts
    yield f"engine     {facts.version}, API {facts.api}, at {found.address} ({found.source})"
    yield f"system     {facts.system}, {facts.os}/{facts.architecture}, kernel {facts.kernel}"
    yield f"           cgroup {facts.cgroup}; storage {facts.storage}; security {', '.join(facts.security) or 'none'}"
    if found.image is None:
        yield "image      missing: the first run builds it, which takes about a minute (`labctl image build`)"
        yield "abilities  not tried, because that takes the image"
    else:
        yield f"image      {found.image.tag}, on {found.image.base}"
        yield "abilities"
    yield from (f"  {line}" for line in columns([(one.name, verdict(one)) for one in found.abilities]))
    yield from left_over(found)


def verdict(ability: Ability) -> str:
    """Return in words whether an ability is there."""
    if ability.untried:
        return f"not tried: {ability.why_not}"
    return f"missing: {ability.why_not} ({ability.costs})" if ability.why_not else "works"


def left_over(found: Diagnosis) -> Iterator[str]:
    """Yield the lines about what carries labctl's label."""
    things = [
        *(f"container {name}" for name in found.left.containers.values()),
        *(f"network {name}" for name in found.left.networks.values()),
        *(f"volume {name}" for name in found.left.volumes),
    ]
    if not things:
        yield "left over  nothing"
        return
    dead = len(found.dead)
    todo = f"{dead} dead session{'s' * (dead != 1)}: `labctl clean` removes them" if dead else "all of runs that live"
    yield f"left over  {len(things)} ({todo})"
    for thing in things:
        yield f"  {thing}"
