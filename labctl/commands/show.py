"""show: one scenario, explained."""

from __future__ import annotations

import click

from labctl.commands import _complete
from labctl.commands._common import loaded_scenarios


@click.command(epilog="Example: labctl show tiny-backlog")
@click.argument("name", metavar="NAME|PATH", shell_complete=_complete.scenarios)
def command(name: str) -> None:
    """Explain a scenario: what is broken, what the client sees, how to tell, the fix."""
    from labctl import scenario
    from labctl.fields import typed
    from labctl.judge import criteria

    [loaded] = loaded_scenarios([name])
    one = loaded.scenario
    expect = one.expect
    seen = " ".join(
        part for part in (expect.outcome.value, expect.errno, expect.stage and f"at {expect.stage.value}") if part
    )
    others = "".join(f"; {client}: {outcome.value}" for client, outcome in expect.clients.items())
    click.secho(f"{one.name}: {one.title}", bold=True)
    click.echo(f"{loaded.file}, on the stack {loaded.stack_file}")
    click.echo(f"\ncause    {one.cause}: {scenario.CAUSES[one.cause]}")
    click.echo(f"client   {one.client.target or typed(one.client.run or '')}, from {one.client.host}")
    click.echo(f"expects  {seen}{others}")
    for part in ("trigger", "fault", "fix"):
        for action in getattr(one, part):
            click.echo(f"{part:<8} {action.typed()}")
    for step in one.diagnose:
        where = f"on {step.host or one.client.host}: {typed(step.run)}" if step.run else f"the log of {step.log}"
        click.echo(f"diagnose {where}" + (f"   # {criteria(step)}" if step.judges else ""))
    click.echo(f"\n{one.explain}")
