"""show: one scenario, explained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from labctl.cli import complete
from labctl.cli.common import loaded_scenarios

if TYPE_CHECKING:
    from labctl.results.record import Record, Recorded
    from labctl.scenario.load import Loaded


@click.command(epilog="Example: labctl show tiny-backlog")
@click.argument("name", metavar="NAME|PATH", shell_complete=complete.scenarios)
def command(name: str) -> None:
    """Explain a scenario: the fault, what the client gets, how to diagnose it, the fix."""
    from labctl.report.text import plain

    [loaded] = loaded_scenarios([name])
    one = loaded.scenario
    click.secho(plain(f"{one.name}: {one.title}"), bold=True)
    click.echo(plain(f"{loaded.file}, on the stack {loaded.stack_file}\n"))
    for line in _claim(loaded):
        click.echo(plain(line))
    if loaded.record:
        click.echo("\nrecorded while it is broken")
        for line in _recorded(loaded.record):
            click.echo(f"  {plain(line)}")
    click.echo(plain(f"\n{one.explain}"))


def _claim(loaded: Loaded) -> Iterator[str]:
    """Yield what a scenario claims, each part on a line."""
    from labctl.language.fields import typed
    from labctl.scenario.causes import CAUSES
    from labctl.scenario.questions import question

    one = loaded.scenario
    expect = one.expect
    seen = " ".join(
        part for part in (expect.outcome.value, expect.errno, expect.stage and f"at {expect.stage.value}") if part
    )
    others = "".join(f"; {client}: {outcome.value}" for client, outcome in expect.clients.items())
    yield f"cause    {one.cause}: {CAUSES[one.cause]}"
    yield f"client   {one.client.target or typed(one.client.run or '')}, from {one.client.host}"
    yield f"expects  {seen}{others}"
    for packet in expect.packets or ():
        reaches = f", as far as {packet.reaches}" if packet.reaches else ""
        yield f"packet   {packet.kind} by {packet.by}{reaches}" + (", more than once" if packet.again else "")
    if expect.packets == ():
        yield "packet   none at all"
    for counter, amount in expect.counters.items():
        yield f"counter  {counter} moves by {amount}"
    for part in ("trigger", "fault", "fix"):
        for action in getattr(one, part):
            yield f"{part:<8} {action.typed()}"
    for step in one.diagnose:
        yield f"diagnose {question(step, one.client.host)}"
    for trap in one.traps:
        yield f"trap     {trap.remedy}: {'; '.join(action.typed() for action in trap.do)}"
        yield f"         {trap.harm}"


def _recorded(recorded: Record) -> Iterator[str]:
    """Yield a table of what each client saw, with the last line that it said below each row, which is often long."""
    from labctl.report.columns import columns

    rows = [(client, _result(seen), seen.errno or "", seen.time) for client, seen in recorded.clients.items()]
    for line, seen in zip(columns(rows), recorded.clients.values(), strict=True):
        yield line
        if seen.says:
            yield "  " + seen.says.replace("\n", "\\n")


def _result(seen: Recorded) -> str:
    return f"{seen.outcome.value} at {seen.stage.value}" if seen.stage else seen.outcome.value
