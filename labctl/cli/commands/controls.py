"""controls: show that each fault is the cause, and that each fix repairs it."""

from __future__ import annotations

from typing import Any

import click

from labctl.cli import complete
from labctl.cli.commands._controls import controlled
from labctl.cli.common import allow_image, console, loaded_scenarios, only_clients


class Share(click.ParamType["tuple[int, int]"]):
    """One share of several, such as 2/5."""

    name = "K/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Read it."""
        if isinstance(value, tuple):
            return value
        share, slash, shares = str(value).partition("/")
        if not (slash and share.isdecimal() and shares.isdecimal() and 1 <= int(share) <= int(shares)):
            self.fail(f"{value!r} is not a share; write 2/5 for the second of five.", param, ctx)
        return int(share), int(shares)


@click.command(epilog="Example: labctl controls --all -j 4 --write")
@click.argument("names", metavar="[NAME|PATH]", nargs=-1, shell_complete=complete.scenarios)
@click.option("-j", "--jobs", type=click.IntRange(1, 32), default=2, show_default=True, help="Runs at once.")
@click.option("--all", "everything", is_flag=True, help="Try the fix of every other scenario, not of three.")
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses which three fixes are tried.")
@click.option(
    "--share",
    type=Share(),
    default=(1, 1),
    show_default="1/1",
    help="Run one share of all, such as 2/5, to use several machines.",
)
@click.option("--write", is_flag=True, help="Write the results to controls.json, next to the scenarios.")
@only_clients
@allow_image
def command(
    names: tuple[str, ...],
    jobs: int,
    everything: bool,
    seed: int,
    share: tuple[int, int],
    write: bool,
    clients: tuple[str, ...],
    images: tuple[str, ...],
) -> int:
    """Run scenarios with one thing changed: no fault, the fix of another, a trap in place of the fix.

    Results are compared with controls.json next to the scenarios; a fix that repairs another scenario is reported.
    """
    from labctl.lab.session import ready
    from labctl.run.controls import DRAWN, Choice
    from labctl.scenario import catalogue

    chosen = loaded_scenarios(names or sorted(catalogue.own()), clients, recorded=False)
    choice = Choice(None if everything else DRAWN, seed, *share)
    with ready(chosen, images) as session:
        return controlled(console(), chosen, session, clients, images, jobs=jobs, choice=choice, write=write).exit_code
