"""Scenario files, read into frozen values. Every mistake has its line and column, and all are listed at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labctl import actions
from labctl.errors import Mistakes, UsageError
from labctl.language import documents, placeholders
from labctl.language.documents import Document
from labctl.language.fields import HOSTS, NETWORKS
from labctl.results.record import Record, file_of
from labctl.results.record import read as read_record
from labctl.scenario import checks, policy
from labctl.scenario.model import Scenario, tags
from labctl.stack.find import find_stack
from labctl.stack.load import parse_stack
from labctl.stack.model import Stack


@dataclass(frozen=True, slots=True)
class Loaded:
    """A scenario that has no mistakes, with the stack it runs on, as its override changed it."""

    scenario: Scenario
    stack: Stack
    file: Path
    stack_file: Path
    document: Document = field(repr=False)
    record: Record | None = field(repr=False, default=None)

    def filled(self, values: Mapping[str, str]) -> Scenario:
        """Return the scenario with these placeholders replaced: what was left open until the lab stood."""
        return _parsed(self.document.with_value(placeholders.filled(self.document.value, values)), self.stack)

    def changed(self, **written: Any) -> Loaded:
        """Return the scenario with other values for some keys, as they would be written; it has no record.

        Raises Mistakes where they do not fit its stack.
        """
        document = self.document.with_value({**self.document.value, **written})
        fitting = (checks.placeholders_in, checks.sockets, policy.crossed)
        mistakes = [mistake for check in fitting for mistake in check(document, self.stack)]
        if mistakes:
            raise Mistakes(mistakes)
        return dataclasses.replace(self, scenario=_parsed(document, self.stack), document=document, record=None)


def _parsed(document: Document, on: Stack) -> Scenario:
    return documents.parse(Scenario, document, tags=tags(), context={HOSTS: on.services, NETWORKS: on.networks})


def load(file: Path, *, recorded: bool = True) -> Loaded:
    """Read a scenario, its stack and, where that is asked for, its record.

    Raises Mistakes with everything that is wrong in any of them, UsageError where a file cannot be read.
    """
    actions.discover()
    document = documents.read(file)
    mistakes = list(checks.alone(document))
    record = None
    try:
        record = read_record(file_of(file)) if recorded else None
    except Mistakes as error:
        mistakes += error.mistakes
    stack_file, on = None, None
    try:
        stack_file, on = _stack(document, file)
    except Mistakes as error:
        mistakes += error.mistakes
    hosts = {} if on is None else on.services
    mistakes += checks.placeholders_in(document, on)
    if on is not None:
        mistakes += checks.target(document, on)
        mistakes += [*checks.dependencies(document, on), *checks.sockets(document, on)]
        mistakes += policy.crossed(document, on)
    context = {} if on is None else {HOSTS: hosts, NETWORKS: on.networks}
    try:
        scenario = documents.parse(Scenario, document, tags=tags(), context=context)
    except Mistakes as error:
        raise Mistakes([*mistakes, *error.mistakes]) from error
    if stack_file is None or on is None or mistakes:
        raise Mistakes(mistakes)
    return Loaded(scenario, on, file, stack_file, document, record)


def _stack(document: Document, file: Path) -> tuple[Path | None, Stack | None]:
    """Read the stack that a scenario names, so that its hosts are known; nothing where it names none."""
    written = document.value if isinstance(document.value, dict) else {}
    name = written.get("stack")
    if not isinstance(name, str):
        return None, None
    try:
        found = find_stack(name, file.parent)
    except UsageError as error:
        raise Mistakes([document.mistake(("stack",), error.what, error.todo)]) from error
    override = written.get("override")
    return found, parse_stack(documents.read(found), override if isinstance(override, dict) else None, document)
