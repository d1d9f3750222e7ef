"""What is wrong with a scenario that no field of it can see alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labctl.clients import UNIX, Target
from labctl.errors import Mistake, meant, nearest
from labctl.language import documents, placeholders
from labctl.language.documents import Document
from labctl.language.fields import MOST_STEPS, address
from labctl.stack.bare import ENGINE, bare_program
from labctl.stack.model import Stack

WAITS = ("after", "after-syns", "after-handshakes", "at-most", "between")  # of a trigger's step


def alone(document: Document) -> Iterator[Mistake]:
    """Yield what is wrong with a scenario whatever its stack is."""
    if not isinstance(document.value, dict):
        return
    name = document.value.get("name")
    if isinstance(name, str) and name != Path(document.file).stem:
        yield document.mistake(("name",), f"the name {documents.quoted(name)} is not the file's.")
    for key, steps in document.value.items():
        if isinstance(steps, list) and len(steps) > MOST_STEPS:
            wrong = f"there are {len(steps)} entries here, and no scenario needs more than {MOST_STEPS}."
            yield document.mistake((key,), wrong)
    for path, actions in lists(document.value):
        if actions == [] and path != ("trigger",):
            yield document.mistake(path, "there must be at least one action here.")
    yield from _unjudged(document)
    for path in document.keys:
        match path:
            case (str(part), *_, int(), str(key)) if key in WAITS and part != "trigger":
                yield document.mistake(path, f"only a trigger's step can wait with `{key}`.", at_key=True)


def lists(written: Mapping[str, Any]) -> Iterator[tuple[documents.Path, Any]]:
    """Yield what is written where a list of actions stands in a scenario, each with its path."""
    yield from (((part,), written.get(part)) for part in ("trigger", "fault", "fix"))
    traps = written.get("traps")
    for number, trap in enumerate(traps if isinstance(traps, list) else ()):
        if isinstance(trap, dict):
            yield ("traps", number, "do"), trap.get("do")


def each(path: documents.Path, entries: Any) -> Iterator[tuple[documents.Path, dict[str, Any]]]:
    """Yield the mappings in what is written as a list, each with its path."""
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            yield (*path, number), entry


def _unjudged(document: Document) -> Iterator[Mistake]:
    """Yield what is expected of a client that cannot show it."""
    client = document.value.get("client")
    written = client if isinstance(client, dict) else {}
    if "run" in written and ("expect", "stage") in document.keys:
        wrong = "a command does not report the stage at which it failed."
        yield document.mistake(("expect", "stage"), wrong, "Leave the key out.", at_key=True)
    for path in document.keys:
        if path[:1] == ("trigger",) and path[-1] == "between" and "again" not in written:
            wrong = "this client makes one request, so nothing can happen between two."
            yield document.mistake(path, wrong, "client: {again: 100ms} has it ask again.", at_key=True)
    try:
        on_loopback = Target.parse(written["target"]).on_loopback
    except (KeyError, ValueError, AttributeError, TypeError):
        return
    if on_loopback and ("expect", "packets") in document.keys:
        wrong = "packets that a host sends to itself over lo are not reported as connections."
        yield document.mistake(("expect", "packets"), wrong, "Use `counters`.", at_key=True)


def placeholders_in(document: Document, on: Stack | None) -> Iterator[Mistake]:
    """Yield every placeholder that stands for nothing, or not where it stands."""
    for path, name in placeholders.named(document.value):
        where = (path, on.services, on.machine) if on else (path, ())
        known = placeholders.known(*where, bare=on is not None and on.bare)
        if name not in known:
            written = f"${{{name}}}"
            near = nearest(name, known)
            hint = f"Did you mean ${{{near[0]}}}?" if near else "For a shell's variable write $$ in place of $."
            yield document.mistake(path, f"{written} is not known here.", hint)


def target(document: Document, on: Stack) -> Iterator[Mistake]:
    """Yield it where the client's target, which is reached while all is well, has a host that the stack does not."""
    client = document.value.get("client") if isinstance(document.value, dict) else None
    try:
        tried = Target.parse(client["target"])  # type: ignore[index]  # whatever it is, its field says so
    except (KeyError, TypeError, ValueError, AttributeError):
        return
    if tried.scheme == UNIX:
        return
    host = tried.host
    settings = on.services.get(str(client.get("host"))) if client else None
    known = {*on.names(), *(settings.extra_hosts if settings else ()), "localhost"}
    if host not in known and not placeholders.PLACEHOLDER.fullmatch(host) and not _is_address(host):
        wrong = f"there is no host called {host!r} in this stack."
        yield document.mistake(("client", "target"), wrong, meant(host, known))


def sockets(document: Document, on: Stack) -> Iterator[Mistake]:
    """Yield the steps that look at the socket of a stand-in for an engine where there is none."""
    written = document.value.get("diagnose") if isinstance(document.value, dict) else None
    for path, step in each(("diagnose",), written):
        host = step.get("socket")
        if isinstance(host, str) and host in on.services and bare_program(on.services[host]) != ENGINE:
            wrong = (
                f"{host!r} is not a stand-in for an engine, the only socket labctl sees; `run: ss -xl` lists others."
            )
            yield document.mistake((*path, "socket"), wrong)


def dependencies(document: Document, on: Stack) -> Iterator[Mistake]:
    """Yield what the client waits for that never comes: the health of a service that has no health check."""
    client = document.value.get("client") if isinstance(document.value, dict) else None
    written = client.get("depends_on") if isinstance(client, dict) else None
    for name, dependency in written.items() if isinstance(written, dict) else ():
        healthy = isinstance(dependency, dict) and dependency.get("condition") == "service_healthy"
        if healthy and name in on.services and on.services[name].healthcheck is None:
            wrong = f"{name!r} has no health check, so it never becomes healthy."
            hint = "Give it a `healthcheck`, in the stack or under `override`."
            yield document.mistake(("client", "depends_on", name), wrong, hint)


def _is_address(host: str) -> bool:
    try:
        address(host)
    except ValueError:
        return False
    return True
