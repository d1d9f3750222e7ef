"""Scenario files, read into frozen values. Every mistake has its line and column, and all are told at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import pydantic
from pydantic import BeforeValidator, Discriminator, Field, Tag

from labctl import actions, border, checks, documents, placeholders, stack
from labctl.abilities import ABILITIES
from labctl.actions import Action
from labctl.actions.client import Retry
from labctl.clients import Target
from labctl.documents import Document
from labctl.errors import Mistakes, UsageError, nearest
from labctl.expect import Expect
from labctl.fields import (
    HOSTS,
    NETWORKS,
    Command,
    Descriptors,
    Duration,
    Environment,
    ExitCode,
    Host,
    Line,
    Name,
    Pattern,
    TargetURL,
    Time,
    Written,
    known,
)
from labctl.readiness import Dependencies
from labctl.record import Record, file_of
from labctl.record import read as read_record
from labctl.stack import Stack

CAUSES = {
    "not-running": "Nothing is running where the client knocks.",
    "wrong-target": "The client knocks at the wrong address or port.",
    "firewall": "A rule on the server, the client or a device in between stops the packets.",
    "listening-address": "The server runs, but listens on another address than the one the client uses.",
    "published": "The container serves, and the machine does not pass its port on as the client needs it.",
    "backlog": "The server's queue of connections to be accepted is full.",
    "not-ready": "The service is starting, or its port is open before it can serve.",
    "name": "The name leads nowhere, or to somebody else.",
    "unresponsive": "The connection is taken, and nobody answers.",
    "upstream": "A proxy is reached, and what it passes requests on to is not.",
    "cut-off": "A connection that stood is ended or lost.",
    "path": "The way there: a route, a lost packet, a packet that is too large.",
    "limit": "Something is used up: ports, descriptors, connections, memory.",
    "tls": "The two do not agree on TLS, or the certificate does not hold.",
    "engine": "The Docker Engine itself: its socket, who may use it, which versions of its API it speaks.",
    "access": "The server is reached, and does not let this client in.",
}

actions.discover()
_TAGS = {f"action {key}": kind for key, kind in actions.registry.items()}


def _names_an_action(written: Any) -> Any:
    """See that a step is one action, and tell the nearest where it is none."""
    if not isinstance(written, dict):
        return written
    keys = [key for key in written if key in actions.registry]
    if len(keys) > 1:
        raise ValueError(f"there are {len(keys)} actions in one step: {', '.join(keys)}; each is a step of its own")
    if not keys:
        near = next((near for key in written if (near := nearest(key, actions.registry))), None)
        meant = f"Did you mean {near[0]!r}?" if near else f"One key must be of: {', '.join(sorted(actions.registry))}."
        raise ValueError(f"this step names no action. {meant}")
    return written


def _tag(written: Any) -> str | None:
    key = written.kind if isinstance(written, Action) else actions.key_of(written)
    return f"action {key}" if key else None


if TYPE_CHECKING:
    AnyAction = Action
else:
    AnyAction = Annotated[
        reduce(or_, (Annotated[kind, Tag(tag)] for tag, kind in _TAGS.items())),
        Discriminator(_tag, custom_error_type="action", custom_error_message="a step is a mapping"),
        BeforeValidator(_names_an_action),
    ]


LOOKS = {"log": "log", "state": "state", "ports": "published ports", "socket": "socket (`ls -l`, `ss -xl`)"}
"""What a diagnosis step may read of a service, in place of running a command, in its key and in words."""
Actions = tuple[AnyAction, ...]
KnownCause = Annotated[str, known("cause", CAUSES)]
KnownAbility = Annotated[str, known("ability", ABILITIES)]


class Client(Written):
    """Who tries to reach what, and how long it waits."""

    host: Host
    target: TargetURL | None = None
    run: Command | None = None
    timeout: Time = 2.0  # for the connect, and for each read; of a command, for the whole
    verify: bool = True  # of https: whether the server's certificate must hold
    environment: Environment = Field(default_factory=dict)
    retry: Retry | None = None
    nofile: Descriptors | None = None
    depends_on: Dependencies = Field(default_factory=dict)
    pause: Time | None = None
    again: Duration | None = None

    @pydantic.model_validator(mode="after")
    def _tries_something(self) -> Self:
        if (self.target is None) == (self.run is None):
            raise ValueError("the client needs either a `target` or a command to `run`")
        return self

    @property
    def scheme(self) -> str:
        """What its target begins with; of a command, for which no client is needed, that of most."""
        return Target.parse(self.target).scheme if self.target else "http"


class DiagnosisStep(Written):
    """What tells this cause from the others: a command, a log, a container's state; judged by pattern or exit code."""

    run: Command | None = None
    log: Host | None = None
    state: Host | None = None  # of the service's container, as `docker inspect` has it
    ports: Host | None = None  # of the service, as `docker port` lists where they are published
    socket: Host | None = None  # of an engine's stand-in, as `ls -l` shows it, and whether somebody listens
    host: Host | None = None
    place: Literal["service", "tools"] = Field(default="service", alias="with")
    shows: Pattern | None = None
    lacks: Pattern | None = None
    exits: ExitCode | None = None
    context: bool = False
    lab_only: bool = Field(default=False, alias="lab-only")  # it tells nothing anywhere else: a name in it is the lab's

    @pydantic.model_validator(mode="after")
    def _asks_something(self) -> Self:
        asked = [name for name in ("run", *LOOKS) if getattr(self, name) is not None]
        if len(asked) != 1:
            raise ValueError(f"a diagnosis step has one of {', '.join(f'`{name}`' for name in ('run', *LOOKS))}")
        if self.run is None and (ignored := self.model_fields_set & {"host", "place", "exits"}):
            names = ", ".join(f"`{'with' if name == 'place' else name}`" for name in sorted(ignored))
            raise ValueError(f"`{asked[0]}` is only read, so {names} would mean nothing here")
        if not self.judges and not self.context:
            raise ValueError("nothing judges this step; add `shows`, `lacks` or `exits`, or `context: true`")
        if self.judges and self.context:
            raise ValueError("a step with `context: true` is shown, not judged")
        return self

    @property
    def reads(self) -> tuple[str, str] | None:
        """What it reads of which service, in words; None where it runs a command."""
        return next(((what, host) for key, what in LOOKS.items() if (host := getattr(self, key)) is not None), None)

    @property
    def judges(self) -> bool:
        """Whether anything is asked of what the step shows."""
        return (self.shows, self.lacks, self.exits) != (None, None, None)


class Recover(Written):
    """How soon after the fix, and how steadily, the client must succeed again."""

    within: Time = 2.0
    successes: int = Field(default=1, ge=1, le=20)


class Trap(Written):
    """A remedy that people copy, which mends the failure and does harm: why, what to do instead is the fix."""

    remedy: Line
    do: Actions
    harm: str = Field(min_length=1)


class Scenario(Written):
    """One claim about the world."""

    name: Name
    title: Line
    cause: KnownCause
    stack: str
    client: Client
    trigger: Actions = ()
    fault: Actions
    expect: Expect
    diagnose: tuple[DiagnosisStep, ...] = ()
    fix: Actions
    traps: tuple[Trap, ...] = ()
    recover: Recover = Field(default_factory=Recover)
    requires: tuple[KnownAbility, ...] = ()
    override: dict[str, Any] | None = None
    explain: str = Field(min_length=1)

    @pydantic.field_validator("traps")
    @classmethod
    def _each_by_its_name(cls, traps: tuple[Trap, ...]) -> tuple[Trap, ...]:
        remedies = [trap.remedy for trap in traps]
        if len(set(remedies)) < len(remedies):
            raise ValueError("two traps have the same remedy; each is known by it")
        return traps


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
        fitting = (checks.placeholders_in, checks.sockets, border.crossed)
        mistakes = [mistake for check in fitting for mistake in check(document, self.stack)]
        if mistakes:
            raise Mistakes(mistakes)
        return dataclasses.replace(self, scenario=_parsed(document, self.stack), document=document, record=None)


def _parsed(document: Document, on: Stack) -> Scenario:
    return documents.parse(Scenario, document, tags=_TAGS, context={HOSTS: on.services, NETWORKS: on.networks})


def load(file: Path, *, recorded: bool = True) -> Loaded:
    """Read a scenario, its stack and, where that is asked for, its record.

    Raises Mistakes with everything that is wrong in any of them, UsageError where a file cannot be read.
    """
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
        mistakes += border.crossed(document, on)
    context = {} if on is None else {HOSTS: hosts, NETWORKS: on.networks}
    try:
        scenario = documents.parse(Scenario, document, tags=_TAGS, context=context)
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
        found = stack.find(name, file.parent)
    except UsageError as error:
        raise Mistakes([document.mistake(("stack",), error.what, error.todo)]) from error
    override = written.get("override")
    return found, stack.parse(documents.read(found), override if isinstance(override, dict) else None, document)
