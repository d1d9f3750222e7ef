"""The scenario's client in a run: what is set of it now, which of labctl's clients try, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from errno import errorcode

from labctl.clients import Target, broken_plugins
from labctl.clients.outcomes import BY_ERRNO, errno_in
from labctl.errors import NoClient, UsageError
from labctl.lab.host import SANDBOX_STARTS
from labctl.lab.lab import Lab
from labctl.language.fields import Command, argv, typed
from labctl.language.placeholders import filled, of_target
from labctl.model import Outcome, Try
from labctl.results.journal import LEFT_OUT, NOTE, WAITING, Journal
from labctl.run.tries import Listed, tried
from labctl.scenario import model
from labctl.stack.client_settings import ClientSettings

COMMAND = "run"  # the name of the client that is the scenario's own command


class Client:
    """Who tries: labctl's clients on one host, or the scenario's own command; `settings` are those of now."""

    def __init__(self, written: model.Client, listed: Mapping[str, Listed], chosen: Sequence[str] = ()) -> None:
        self.host = written.host
        self.command = written.run
        self.settings: ClientSettings = written
        self._listed = listed
        self._chosen = chosen
        self.versions = {name: self._listed[name].version for name in self.names()}

    def configure(self, changes: Mapping[str, object]) -> None:
        """Change settings from here on."""
        self.settings = self.settings.model_copy(update=dict(changes))

    @property
    def target(self) -> str | None:
        """What it tries to reach now; None where it runs a command instead."""
        return self.settings.target

    def filled(self, command: Command) -> Command:
        """Return a diagnosis command with the target in it, as it is now."""
        return command if self.target is None else filled(command, of_target(self.target))

    def names(self) -> list[str]:
        """Return the clients that try; none where a command is run in their place."""
        if self.target is None:
            return []
        scheme = Target.parse(self.target).scheme
        return [
            name
            for name, one in self._listed.items()
            if scheme in one.schemes
            and (one.asks_again or self.settings.again is None)
            and (not self._chosen or name in self._chosen)
        ]

    def tries(self, lab: Lab, journal: Journal, between: Callable[[], None]) -> tuple[Try, ...]:
        """Let every client try once; where they ask again, what happens `between` is done in the middle."""
        with journal.timed("trying to connect", WAITING):
            if self.command is not None:
                return (_ran(lab, self.host, self.command, self.settings),)
            return tuple(tried(lab.clients(self.host), self.names(), self.settings, between))


def ready(lab: Lab, written: model.Client, chosen: Sequence[str], journal: Journal) -> Client:
    """Ask the clients of a lab what they are, and return the scenario's client.

    Raises NoClient where none of those `chosen` can try, UsageError where one of them cannot be used.
    """
    if written.run is not None:
        if chosen:
            raise NoClient(f"{', '.join(chosen)} cannot take the place of the command that the scenario runs.")
        return Client(written, {})
    said = lab.clients(written.host).ready(SANDBOX_STARTS)
    for name, why in broken_plugins.items():
        journal.note(NOTE, f"the client {name} is left out: {why}")
    _leave_out(said["broken"], chosen, journal)
    client = Client(written, {name: Listed.of(one) for name, one in said["clients"].items()}, chosen)
    if not client.names():
        raise NoClient(f"none of the clients {', '.join(chosen)} can reach {written.target}.")
    return client


def _leave_out(broken: Mapping[str, str], chosen: Sequence[str], journal: Journal) -> None:
    """Note the clients that cannot be used; raises UsageError where one of them was asked for."""
    for name, why in broken.items():
        if name in chosen:
            todo = "`labctl clients` lists those that can."
            raise UsageError(f"the client {name} cannot be used: {why}", todo=todo)
        journal.note(LEFT_OUT, f"the client {name} is left out: {why}")


def _ran(lab: Lab, host: str, command: Command, settings: ClientSettings) -> Try:
    """Run the scenario's own command in the client's place."""
    ran = lab.execute(host, argv(command), settings.timeout, settings.environment)
    number = errno_in(ran.output) if ran.exit_code else None
    lines = ran.output.strip().splitlines()
    return Try(
        client=COMMAND,
        version=typed(command),
        outcome=_outcome(ran.exit_code, number),
        stage=None,
        seconds=ran.seconds,
        errno=errorcode[number] if number else None,
        errno_number=number,
        says=lines[-1] if lines else "",
        details=ran.output,
        exit_code=ran.exit_code,
    )


def _outcome(code: int | None, number: int | None) -> Outcome:
    """Return what a command's end means: its exit code, and the errno whose wording it printed."""
    if code is None:
        return Outcome.TIMED_OUT
    return Outcome.OK if code == 0 else Outcome(BY_ERRNO.get(number or 0, "protocol-error"))
