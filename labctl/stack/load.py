"""Compose files in a declared subset, read into stacks.

A key outside the subset is refused by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import Any

from labctl.errors import Mistake, Mistakes, meant
from labctl.language import documents
from labctl.language.documents import Document
from labctl.stack import checks, compose
from labctl.stack.merge import merge
from labctl.stack.model import MOST_HOSTS, Stack


def parse_stack(document: Document, override: Any, scenario: Document) -> Stack:
    """Read a Compose file, changed by a scenario's override.

    Raises Mistakes, each at its place in the file where it was written.
    """
    compose.check(document, document.value, ())
    _demand_room(document)
    written = document.value.get("services") if isinstance(document.value, dict) else None
    stack_services = written if isinstance(written, dict) else {}
    if override is not None:
        compose.check(scenario, override, ("override",))
        document = document.overlaid(scenario, ("override",), merge(document.value, override))
    _demand_room(document)
    merged = dataclasses.replace(document, value=compose.unescaped(document.value))
    problems = list(_strangers(document, stack_services, override))
    if problems:
        raise Mistakes(problems)
    stack = documents.parse(Stack, merged)
    problems = list(checks.references(stack, document)) or list(checks.conflicts(stack, document))
    if problems:
        raise Mistakes(problems)
    return stack


def _demand_room(document: Document) -> None:
    """See that a stack is no larger than a lab, before anything is said of each of its hosts. Raises Mistakes."""
    services = document.value.get("services") if isinstance(document.value, dict) else None
    if isinstance(services, dict) and len(services) > MOST_HOSTS:
        wrong = f"there are {len(services)} hosts, and a lab's network has room for {MOST_HOSTS}."
        raise Mistakes([document.mistake(("services",), wrong)])


def _strangers(document: Document, services: Collection[str], override: Any) -> Iterator[Mistake]:
    """Yield the hosts that an override names and the stack does not have; a new one has at least an image."""
    changed = override.get("services") if isinstance(override, dict) else None
    for name, service in changed.items() if isinstance(changed, dict) else ():
        if name not in services and not (isinstance(service, dict) and "image" in service):
            wrong = f"there is no host called {name!r} to be changed."
            yield document.mistake(("services", name), wrong, meant(name, services), at_key=True)
