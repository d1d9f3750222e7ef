"""Asking clients to try, and reading what they report of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from labctl.errors import LabError
from labctl.lab.program import Program
from labctl.model import Try
from labctl.stack.client_settings import ClientSettings

PATIENCE = 10.0  # seconds beyond all that a try may take


@dataclass(frozen=True, slots=True)
class Listed:
    """What the clients' program says of one client when it begins."""

    version: str
    schemes: Sequence[str]
    asks_again: bool  # whether it can ask a second time over the same connection

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """Read it."""
        return cls(str(said["version"]), tuple(said["schemes"]), bool(said["asks_again"]))


def tried(
    program: Program, clients: Sequence[str], settings: ClientSettings, between: Callable[[], None] = lambda: None
) -> list[Try]:
    """Let clients try, all at once.

    Where they ask again, what happens `between` is done once all have their first answer. Raises LabError where one did
    not report, or reported something that is not a try, and what `Program.ask` raises.
    """
    patience, again = settings.patience + PATIENCE, settings.again
    reports = program.ask("try", patience, clients=list(clients), **settings.request())
    if again is not None and "waits" in reports:
        between()
        time.sleep(again)
        reports = program.ask("go on", patience, **reports)
    return [_read(client, reports[client]) for client in clients]


def _read(client: str, report: Mapping[str, Any]) -> Try:
    if "error" in report:
        raise LabError(f"the client {client} did not report: {report['error']}.")
    try:
        return Try.parse(report["ok"])
    except (KeyError, ValueError, TypeError) as error:
        raise LabError(f"the client {client} sent a report that is not a try: {error}") from error
