"""What several commands begin or end with."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from labctl.cli import complete
from labctl.errors import Mistake, Mistakes, UnknownName, UsageError
from labctl.model import Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from labctl.model import Result
    from labctl.scenario.load import Loaded


only_clients = click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="CLIENT",
    shell_complete=complete.clients,
    help="Only this client; may be given again.",
)

allow_image = click.option(
    "--allow-image",
    "images",
    multiple=True,
    metavar="PATTERN",
    help="Allow stacks to use this image, which is not labctl's own: a name, or one with * in it; may be given again.",
)


def agreed(question: str) -> bool:
    """Ask where a person can answer; elsewhere the call itself is the answer, and LABCTL_ENGINE=never says no."""
    if os.environ.get("CI") or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    return click.confirm(question, default=True, err=True)


def console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """Return the terminal: coloured where it is one and NO_COLOR is not set; a quiet one prints nothing."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """Let the error through, so that the command ends as every other whose reader is gone."""
            raise BrokenPipeError

    return Piped(stderr=stderr, highlight=False, quiet=quiet)


def loaded_scenarios(names: Sequence[str], clients: Sequence[str] = (), *, recorded: bool = True) -> list[Loaded]:
    """Load scenarios and, where that is asked for, their records, and tell the mistakes of all of them at once.

    Raises UnknownName, UsageError or Mistakes.
    """
    from labctl import clients as known
    from labctl.scenario import catalogue
    from labctl.scenario.load import load

    tell_left_out()
    for client in clients:
        if client not in known.names():
            if client in known.broken_plugins:
                raise UsageError(f"the client {client} cannot be used: {known.broken_plugins[client]}")
            raise UnknownName("client", client, known.names(), see="labctl clients")
    files = catalogue.find_all(names)
    loaded: list[Loaded] = []
    mistakes: list[Mistake] = []
    for file in files:
        try:
            loaded.append(load(file, recorded=recorded))
        except Mistakes as error:
            mistakes += error.mistakes
    if mistakes:
        raise Mistakes(mistakes)
    return loaded


def readable_scenarios() -> list[Loaded]:
    """Load the folder's scenarios and the installed ones, with their records, but for those that cannot be read.

    Those are named on standard error.
    """
    from labctl.scenario import catalogue
    from labctl.scenario.load import load

    tell_left_out()
    loaded: list[Loaded] = []
    for file in catalogue.everything(wrong=unreadable).values():
        try:
            loaded.append(load(file))
        except UsageError as error:
            unreadable(error, f" `labctl lint {shlex.quote(str(file))}` shows all that is wrong with it.")
    return loaded


def unreadable(error: UsageError, hint: str = "") -> None:
    """Say on standard error what cannot be read, by the first line of the mistakes."""
    left_out(f"{str(error).splitlines()[0]}{hint}")


def left_out(what: str) -> None:
    """Say on standard error what is left out, and why."""
    from labctl.report.text import plain

    click.echo(plain(f"labctl: left out: {what}"), err=True)


def tell_left_out() -> None:
    """Name on standard error what other packages offer and cannot be used; the rest works."""
    from labctl import actions, clients

    actions.discover()
    clients.plugins()
    for kind, broken in (("actions", actions.broken_plugins), ("the client", clients.broken_plugins)):
        for name, why in broken.items():
            left_out(f"{kind} {name}, which cannot be imported ({' '.join(why.split())})")


def exit_with(results: Sequence[Result], *, repeated: bool = False) -> int:
    """Return the exit code for many results; of repeated ones nothing can be told where they are not alike."""
    from labctl.report.repeats import alike
    from labctl.run.run import worst

    verdicts = [worst(results)]
    if repeated and not alike(results):
        verdicts.append(Verdict.INCONCLUSIVE)
    return Verdict.overall(verdicts).exit_code
