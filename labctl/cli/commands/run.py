"""run: run scenarios, one after the other."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import click

from labctl.cli import complete
from labctl.cli.commands._controls import NO_JSON, controlled_too, with_controls
from labctl.cli.common import allow_image, console, exit_with, loaded_scenarios, only_clients
from labctl.cli.reports import Wanted, as_json, report, runs_of, wanted, write
from labctl.errors import UsageError
from labctl.model import Result, Verdict

KEEP = ("never", "on-failure", "always")


@click.command(epilog="Example: labctl run loopback-bind --client curl --timings")
@click.argument("names", metavar="NAME|PATH", nargs=-1, required=True, shell_complete=complete.scenarios)
@only_clients
@allow_image
@click.option("--keep", type=click.Choice(KEEP), default="never", help="Keep the lab until you press Enter.")
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option("--timings", is_flag=True, help="Print how long each step took.")
@with_controls
@report
@as_json
@click.option("-q", "--quiet", is_flag=True, help="Print only the verdicts.")
def command(
    names: tuple[str, ...],
    clients: tuple[str, ...],
    images: tuple[str, ...],
    keep: str,
    dry_run: bool,
    timings: bool,
    with_controls: bool,
    reports: tuple[Wanted, ...],
    as_json: bool,
    quiet: bool,
) -> int:
    """Run scenarios, by name or path, through their phases: healthy, faulted, unfixed, fixed."""
    chosen = loaded_scenarios(names, clients)
    if dry_run:
        return _dry_run(chosen)
    every = wanted(reports, as_json=as_json)
    printed = any(one.printed for one in every)
    _demand_sense(keep, with_controls=with_controls, printed=printed)
    from labctl.lab.session import ready
    from labctl.report import terminal
    from labctl.run.run import Options, run

    out = console(stderr=printed)
    results: list[Result] = []
    with ready(chosen, images) as session:
        for one in chosen:
            events: list[Any] = []
            listeners: list[Any] = [events.append]
            show = terminal.Terminal(out, one.scenario)
            quietly = printed or quiet
            if not quietly:
                listeners.append(show)
            visit = _keeper(keep, out, show, session)
            options = Options(clients=clients, listeners=tuple(listeners), visit=visit, allow_images=images)
            if quietly:
                result = run(one, session, options)
            else:
                with show.shown():
                    result = run(one, session, options)
            results.append(result)
            if quiet and not printed:
                out.print(terminal.verdict_line(result), soft_wrap=True)
            elif not printed:
                terminal.verdict(out, result)
            if timings:
                terminal.timings(out, events)
    write(every, runs_of(chosen, results))
    code = exit_with(results)
    return controlled_too(code, out, chosen, clients, images) if with_controls else code


def _demand_sense(keep: str, *, with_controls: bool, printed: bool) -> None:
    """Raise UsageError where options do not go together, or with how labctl was called."""
    if with_controls and printed:
        raise UsageError(NO_JSON)
    if keep != "never" and not sys.stdin.isatty():
        raise UsageError(
            "--keep needs a terminal.", means="The lab lives only while labctl waits for you to press Enter."
        )


def _dry_run(chosen: list[Any]) -> int:
    from labctl.actions import plan
    from labctl.report.text import plain

    for one in chosen:
        click.echo(plain(f"{one.scenario.name}, on the stack {one.stack_file.stem}: {', '.join(one.stack.services)}"))
        for part in ("trigger", "fault", "fix"):
            actions = getattr(one.scenario, part)
            click.echo(f"{part}:" if actions else f"{part}: none")
            for line in plan(actions):
                click.echo(plain(f"  {line}"))
    return os.EX_OK


def _keeper(keep: str, out: Any, show: Any, session: Any) -> Any:
    if keep == "never":
        return None
    from labctl.run.shell import ways_in

    def wait(observer: Any, verdict: Verdict) -> None:
        if keep == "on-failure" and verdict is Verdict.PASSED:
            return
        show.rest()
        out.print("The lab is kept, for an hour at most. Look around in it, in another terminal:")
        for line in ways_in(observer.lab, session):
            out.print(f"  {line}", soft_wrap=True)
        with suppress(EOFError):  # Ctrl-D is an answer, too
            out.input("Press Enter to remove it. ")

    return wait
