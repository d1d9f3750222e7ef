"""shell: open a shell in a lab, in a phase of your choice."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from labctl.cli import complete
from labctl.cli.common import allow_image, console, exit_with, loaded_scenarios
from labctl.errors import UnknownName, UsageError
from labctl.model import Phase, Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from labctl.lab.session import Session
    from labctl.run.observe import Observer
    from labctl.run.shell import Place, Spot

PHASES = {Phase.HEALTHY: ("trigger",), Phase.FAULTED: ("trigger", "fault"), Phase.FIXED: ("trigger", "fix")}
HEADINGS = {"trigger": "Replayed just now:", "fault": "The fault:", "fix": "The fix:"}
ANSWERS_WITHIN = 5.0  # seconds


@click.command(epilog="Example: labctl shell loopback-bind --at faulted --host server")
@click.argument("name", metavar="NAME|PATH", shell_complete=complete.scenarios)
@click.option(
    "--at",
    type=click.Choice([phase.value for phase in PHASES]),
    default="faulted",
    show_default=True,
    help="The phase to stop in.",
)
@click.option(
    "--host",
    metavar="HOST",
    shell_complete=complete.hosts,
    help="Where to open it; by default on the client's host.",
)
@click.option(
    "--with",
    "place",
    type=click.Choice(["tools", "service"]),
    default="tools",
    show_default=True,
    help="As root with the host's tools, or as its user in the service's container.",
)
@allow_image
def command(name: str, at: str, host: str | None, place: Place, images: tuple[str, ...]) -> int:
    """Run a scenario up to a phase, and open a shell inside its lab.

    The shell opens when the clients have seen what the scenario expects of that phase; triggers are repeated just
    before. Leaving the shell removes everything.

    Exits with 0 when you leave the shell. If the phase is not as the scenario expects, no shell opens, and the exit
    code is that of a run; use `labctl run --keep on-failure` to look into that.
    """
    [chosen] = loaded_scenarios([name])
    where = host or chosen.scenario.client.host
    if where not in chosen.stack.services:
        raise UnknownName("host", where, chosen.stack.services)
    if chosen.stack.services[where].on_the_machine:
        raise UsageError(
            f"{where!r} is this machine itself, where labctl runs programs of its own and opens no shell.",
            todo=f"Your own terminal is there: `labctl run {name} --keep always` says how to look at the lab from it.",
        )
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("a shell needs a terminal: its input and its output must be one.")
    from labctl.lab.session import ready
    from labctl.report import terminal
    from labctl.run.run import Options, run
    from labctl.run.shell import enter, spot

    out = console()
    show = terminal.Terminal(out, chosen.scenario)
    with ready([chosen], images) as session:

        def visit(observer: Observer, verdict: Verdict) -> None:
            if verdict is Verdict.PASSED:
                show.rest()
                observer.triggers.replay()
                here = spot(observer.lab, where, place)
                _introduce(out, observer, here, session)
                if enter(session, here, observer.phase) is None:
                    out.print("\nThe shell was ended from outside: its container has ended, or its terminal.")
                observer.lab.tool(where, ["true"], ANSWERS_WITHIN)  # or else the lab has gone under the shell

        options = Options(listeners=(show,), until=Phase(at), visit=visit, allow_images=images)
        with show.shown():
            result = run(chosen, session, options)
    if result.verdict is not Verdict.PASSED:
        terminal.verdict(out, result)
    return exit_with([result])


def _introduce(out: Console, observer: Observer, here: Spot, session: Session) -> None:
    """Say where the person is, and what is worth typing."""
    from rich.text import Text

    from labctl.language.fields import typed
    from labctl.report.text import plain
    from labctl.run.shell import from_outside, looks, tries, ways_in

    commands = [*tries(observer, here), *looks(observer)]
    hints = {
        "Worth typing here:": [typed(command) for *at, command in commands if at == [here.host, here.place]],
        "From another terminal:": [
            *ways_in(observer.lab, session, but=here),
            *(from_outside(observer.lab, *one) for one in commands if one[:2] != (here.host, here.place)),
        ],
        **{
            HEADINGS[part]: [action.typed() for action in getattr(observer.scenario, part)]
            for part in PHASES[observer.phase]
        },
    }
    out.print(Text(f"You are on {here}, in the {observer.phase} phase.", style="bold"))
    out.print("`exit` or Ctrl-D leaves the shell, and removes the lab; after an hour it ends by itself.")
    for heading, lines in hints.items():
        if lines:
            out.print(heading)
        for line in lines:
            out.print(Text("  $ " + plain(line), style="cyan"), soft_wrap=True)
    out.print()
