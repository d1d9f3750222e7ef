"""Asking clients to try, and reading what they report of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labctl.errors import LabError
from labctl.model import Try
from labctl.wire import Program

PATIENCE = 10.0  # seconds beyond all that a try may take


def tried(
    program: Program,
    clients: Sequence[str],
    settings: Mapping[str, Any],
    between: Callable[[], None] = lambda: None,
) -> list[Try]:
    """Let clients try, all at once; `settings` are the scenario's client's (`labctl.actions.client.Settings`).

    Where they ask again, what happens `between` is done once all have their first answer. Raises LabError where one did
    not report, or reported something that is no try, and what `Program.ask` raises.
    """
    retry, timeout, again = settings.get("retry"), settings["timeout"], settings.get("again")
    patience = 2 * timeout + (retry.for_ if retry else 0) + PATIENCE
    reports = program.ask(
        "try",
        patience,
        clients=list(clients),
        target=settings["target"],
        timeout=timeout,
        verify=settings.get("verify") is not False,
        environment=settings.get("environment") or {},
        retry={"every": retry.every, "for": retry.for_} if retry else None,
        nofile=settings.get("nofile"),
        again=again is not None,
    )
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
        raise LabError(f"the client {client} reported something that is no try: {error}") from error
