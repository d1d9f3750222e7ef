"""Services that have no container: which of labctl's own programs each is, and what its settings may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from labctl.errors import Mistake
from labctl.language.documents import Document
from labctl.language.fields import argv
from labctl.stack.model import Stack
from labctl.stack.service import Service
from labctl.standin.settings import unknown
from labctl.system.places import OWN_IMAGE

CLIENTS, ENGINE = "clients", "engine"  # the programs
KEYS = {"image", "command", "network_mode", "depends_on", "environment"}  # of such a service
ONLY_PROGRAMS = f"image: {OWN_IMAGE}, command: [{CLIENTS}] or [{ENGINE}], network_mode: none"


def bare_program(service: Service) -> str | None:
    """Return which of labctl's own programs a service runs that has no container; None where it is none."""
    if not service.bare or service.image != OWN_IMAGE or service.command is None:
        return None
    words = argv(service.command)
    return words[-1] if words in ([CLIENTS], [ENGINE]) else None


def wrong_settings(program: str | None, settings: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each variable that such a program is not given."""
    return unknown(settings) if program == ENGINE else dict.fromkeys(settings, "is not a setting of the clients")


def confines(stack: Stack, document: Document) -> Iterator[Mistake]:
    """Yield what would let anything but labctl's own programs, with their own settings, run as a bare process."""
    for name, service in stack.services.items():
        program = bare_program(service)
        if not service.bare or program is None or service.model_fields_set - KEYS:
            wrong = "where a service has no network at all, each is one of labctl's own programs, and has no container."
            yield document.mistake(("services", name), wrong, ONLY_PROGRAMS)
        for setting, wrong in wrong_settings(program, service.environment).items():
            yield document.mistake(("services", name, "environment", setting), f"{setting} {wrong}.")
    for key in ("networks", "volumes", "configs"):
        if key in stack.model_fields_set:
            yield document.mistake((key,), "a stack without an engine has none.")
