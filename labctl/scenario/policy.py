"""What a scenario must not do where a client is on the machine itself: commands, and targets beyond its own lab.

A scenario may be anybody's. There, what it writes would run beside the machine's own programs, or with NET_ADMIN on a
network that leads to them; so it names what is to be done, and a command runs in a service's container alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import ValidationError

from labctl import actions
from labctl.actions.verbs import Deed, Kind, Verb
from labctl.clients import UNIX, Target
from labctl.clients._engine import PINNED
from labctl.errors import Mistake
from labctl.language.documents import Document, Path
from labctl.language.placeholders import FOLDER, address_of, loopback_of
from labctl.scenario import checks
from labctl.stack.bare import ENGINE, bare_program, wrong_settings
from labctl.stack.model import Stack
from labctl.stack.ports import FIRST, LAST
from labctl.standin.settings import SOCKET, VERSION

BARE_LOOKS = {"log", "socket"}
OWN_SOCKET = f"{UNIX}://${{{FOLDER}}}/{SOCKET}"
SERVICE_ONLY = "On a network with the machine, commands run in services' containers only: leave out `with: tools`."


def crossed(document: Document, on: Stack) -> Iterator[Mistake]:
    """Yield every place of a scenario that crosses the border."""
    if on.bare:
        yield from _bare(document, on)
        return
    machine, written = on.machine, document.value
    if machine is None or not isinstance(written, dict):
        return
    client = _mapping(written.get("client"))
    there = client.get("host") == machine
    for path, steps in checks.lists(written):
        for at, step in checks.each(path, steps):
            yield from _step(document, at, step, machine, there=there)
    for at, step in checks.each(("diagnose",), written.get("diagnose")):
        yield from _look(document, at, step, machine, client.get("host"))
    if there:
        yield from _settings(document, ("client",), client, machine)
        if "run" in client:
            yield document.mistake(("client", "run"), "no command runs on the machine itself; give a `target`.")


def _step(document: Document, path: Path, step: dict[str, Any], machine: str, *, there: bool) -> Iterator[Mistake]:
    """Yield what is wrong with an action; `there` tells whether the client is on the machine itself."""
    if actions.key_of(step) == "client":
        if there:
            yield from _settings(document, (*path, "client"), _mapping(step["client"]), machine)
    elif machine in step.values():
        yield document.mistake(path, "no action may act on the machine itself; only its clients' settings can change.")
    if "run" in _mapping(step.get("until")):
        yield document.mistake((*path, "until", "run"), "this would run with a host's tools.", SERVICE_ONLY)
    yield from _tools(document, path, step)


def _look(document: Document, path: Path, step: dict[str, Any], machine: str, client: Any) -> Iterator[Mistake]:
    """Yield what is wrong with a diagnosis step; `client` is the host where it is taken where it names none."""
    if step.get("ports") == machine:
        yield document.mistake((*path, "ports"), "the machine itself has no published ports.")
    if "run" in step and step.get("host", client) == machine:
        hint = "`ports: HOST` shows what it publishes."
        yield document.mistake(path, "no command runs on the machine itself.", hint)
    yield from _tools(document, path, step)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _tools(document: Document, path: Path, step: dict[str, Any]) -> Iterator[Mistake]:
    if step.get("with") == "tools":
        yield document.mistake((*path, "with"), "this would run with a host's tools.", SERVICE_ONLY)


def _settings(document: Document, path: Path, client: dict[str, Any], machine: str) -> Iterator[Mistake]:
    """Yield what a client on the machine itself is not told: variables, and targets that are not the lab's."""
    if client.get("environment"):
        yield document.mistake((*path, "environment"), "clients on the machine itself take no variables.")
    try:
        target = Target.parse(client["target"])
    except (KeyError, ValueError, TypeError, AttributeError):  # its field tells what is wrong
        return
    own = [f"${{{name}}}" for name in (loopback_of(machine), address_of(machine))]
    if target.host not in own or not FIRST <= target.port <= LAST:
        wrong = "a client on the machine itself can reach only what its own lab publishes."
        hint = f"The target's host is {' or '.join(own)}, its port from {FIRST} to {LAST}."
        yield document.mistake((*path, "target"), wrong, hint)


def _bare(document: Document, on: Stack) -> Iterator[Mistake]:
    """Yield what does not fit a lab without an engine, where all that runs is a process of labctl's own."""
    written = _mapping(document.value)
    for path, steps in checks.lists(written):
        for at, step in checks.each(path, steps):
            yield from _bare_step(document, at, step, on)
    for at, step in checks.each(("diagnose",), written.get("diagnose")):
        if not step.keys() & BARE_LOOKS:
            hint = f"It has {' and '.join(f'`{look}`' for look in sorted(BARE_LOOKS))}."
            yield document.mistake(at, "this diagnosis needs an engine.", hint)
    yield from _bare_settings(document, ("client",), _mapping(written.get("client")))
    for key in _mapping(written.get("expect")).keys() & {"counters", "packets"}:
        yield document.mistake(("expect", key), "a lab without an engine has no counters and no captures.", at_key=True)


def _bare_step(document: Document, path: Path, step: dict[str, Any], on: Stack) -> Iterator[Mistake]:
    key = actions.key_of(step)
    if key == "client":
        yield from _bare_settings(document, (*path, "client"), _mapping(step["client"]))
        return
    if not _without_an_engine(key, step):
        can = sorted(deed.verb() for deed in get_args(Deed) if Kind.PROCESS in deed.hosts)
        yield document.mistake(path, "this needs a lab with an engine.", f"A process knows these: {', '.join(can)}.")
        return
    host = str(step.get(str(key)))  # whatever it is, its field says what is wrong with it
    program = bare_program(on.services[host]) if host in on.services else None
    if program != ENGINE:
        yield document.mistake(path, "this action works only on the stand-in for an engine.")
    if "command" in step or "ports" in step:
        yield document.mistake(path, "a program without a container has neither another command nor ports.")
    for name, wrong in wrong_settings(program, _texts(step.get("environment"))).items():
        yield document.mistake((*path, "environment", name), f"{name} {wrong}.")
    for name in _mapping(step.get("until")).keys() & {"listens", "run"}:
        yield document.mistake((*path, "until", name), "this cannot be observed here; use its `log`.", at_key=True)


def _without_an_engine(key: str | None, step: dict[str, Any]) -> bool:
    """Tell whether all that an action does, and what proves it, can be done to a process; one with mistakes may be."""
    try:
        action = actions.registry[str(key)].model_validate(step)
    except (KeyError, ValidationError):  # its fields tell what is wrong
        return key is not None
    done = [*action.steps(), *(proof.step for proof in action.proofs())]
    return all(isinstance(one, Verb) and Kind.PROCESS in one.hosts for one in done)


def _bare_settings(document: Document, path: Path, client: dict[str, Any]) -> Iterator[Mistake]:
    """Yield what a client without a container is not told."""
    if "run" in client:
        yield document.mistake((*path, "run"), "no command runs without a container; give a `target`.", at_key=True)
    for name, value in _texts(client.get("environment")).items():
        if name != PINNED or not re.fullmatch(VERSION, value):
            wrong = f"such a client accepts one variable: {PINNED}, a version such as 1.41."
            yield document.mistake((*path, "environment", name), wrong)
    if "target" in client and client["target"] != OWN_SOCKET:
        wrong = "a client without a container can reach only the stand-in's socket."
        yield document.mistake((*path, "target"), wrong, OWN_SOCKET)


def _texts(value: Any) -> dict[str, str]:
    return {str(name): str(one) for name, one in _mapping(value).items()}
