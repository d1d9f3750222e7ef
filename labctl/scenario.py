"""Scenario files, read into frozen values. Every mistake has its line and column, and all are told at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import pydantic
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from labctl import actions, clients, documents, placeholders, stack
from labctl.abilities import ABILITIES
from labctl.actions import Action
from labctl.actions.client import Retry
from labctl.documents import Document
from labctl.errors import Mistake, Mistakes, UnknownName
from labctl.fields import HOSTS, Command, Duration, Host, Name, Pattern, TargetURL, Text, Written, one_of
from labctl.model import Outcome, Stage
from labctl.stack import Stack

CAUSES = {
    "not-running": "Nothing is running where the client knocks.",
    "wrong-target": "The client knocks at the wrong address or port.",
    "firewall": "A rule on the server, the client or a device in between stops the packets.",
    "listening-address": "The server runs, but listens on another address than the one the client uses.",
    "backlog": "The server's queue of connections to be accepted is full.",
}
NOT_JUDGED_YET: Mapping[documents.Path, str] = {
    ("expect", "packets"): "packets are not judged yet",
    ("expect", "counters"): "counters are not judged yet",
    ("client", "connection"): "connections kept over phases are not supported yet",
}

actions.discover()
_TAGS = {f"action {key}": kind for key, kind in actions.registry.items()}


def _tag(written: Any) -> str | None:
    key = written.kind if isinstance(written, Action) else actions.key_of(written)
    return f"action {key}" if key else None


if TYPE_CHECKING:
    AnyAction = Action
else:
    AnyAction = Annotated[
        reduce(or_, (Annotated[kind, Tag(tag)] for tag, kind in _TAGS.items())),
        Discriminator(
            _tag,
            custom_error_type="action",
            custom_error_message=f"names no action; one key must be of: {', '.join(sorted(actions.registry))}",
        ),
    ]


def _known(kind: str, known: Collection[str]) -> AfterValidator:
    return AfterValidator(lambda name: one_of(kind, name, known))


KnownCause = Annotated[str, _known("cause", CAUSES)]
KnownAbility = Annotated[str, _known("ability", ABILITIES)]
KnownClient = Annotated[str, _known("client", clients.names())]


def _some(written: Any) -> Any:
    if not written:
        raise ValueError("there must be at least one action here")
    return written


class Client(Written):
    """Who tries to reach what, and how long it waits."""

    host: Host
    target: TargetURL | None = None
    run: Command | None = None
    timeout: Duration = 2.0  # for the connect, and for each read
    environment: dict[str, Text] = Field(default_factory=dict)
    retry: Retry | None = None
    connection: Literal["fresh", "kept"] = "fresh"

    @pydantic.model_validator(mode="after")
    def _tries_something(self) -> Self:
        if (self.target is None) == (self.run is None):
            raise ValueError("the client needs either a `target` or a command to `run`")
        return self


class Heals(Written):
    """The failure goes away by itself."""

    within: Duration


class Expect(Written):
    """The exact error that the fault must cause."""

    outcome: Outcome
    errno: str | None = Field(default=None, pattern=r"^E[A-Z0-9]+$")
    stage: Stage | None = None
    within: Duration | None = None
    after: Duration | None = None
    clients: dict[KnownClient, Outcome] = Field(default_factory=dict)
    heals: Heals | None = None
    packets: Any = None
    counters: Any = None


class DiagnosisStep(Written):
    """What tells this cause from the others: a command or a log, judged by a pattern or an exit code."""

    run: Command | None = None
    log: Host | None = None
    host: Host | None = None
    place: Literal["service", "tools"] = Field(default="service", alias="with")
    shows: Pattern | None = None
    lacks: Pattern | None = None
    exits: int | None = None
    context: bool = False

    @pydantic.model_validator(mode="after")
    def _asks_something(self) -> Self:
        if (self.run is None) == (self.log is None):
            raise ValueError("a diagnosis step has either `run` or `log`")
        if not self.judges and not self.context:
            raise ValueError("nothing judges this step; add `shows`, `lacks` or `exits`, or `context: true`")
        if self.judges and self.context:
            raise ValueError("a step with `context: true` is shown, not judged")
        return self

    @property
    def judges(self) -> bool:
        """Whether anything is asked of what the step shows."""
        return (self.shows, self.lacks, self.exits) != (None, None, None)


class Recover(Written):
    """How soon after the fix, and how steadily, the client must succeed again."""

    within: Duration = 2.0
    successes: int = Field(default=1, ge=1, le=20)


class Scenario(Written):
    """One claim about the world."""

    name: Name
    title: str = Field(min_length=1, max_length=120)
    cause: KnownCause
    stack: str
    client: Client
    trigger: tuple[AnyAction, ...] = ()
    fault: Annotated[tuple[AnyAction, ...], BeforeValidator(_some)]
    expect: Expect
    diagnose: tuple[DiagnosisStep, ...] = ()
    fix: Annotated[tuple[AnyAction, ...], BeforeValidator(_some)]
    recover: Recover = Field(default_factory=Recover)
    requires: tuple[KnownAbility, ...] = ()
    override: dict[str, Any] | None = None
    explain: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A scenario that has no mistakes, with the stack it runs on, as its override changed it."""

    scenario: Scenario
    stack: Stack
    file: Path
    stack_file: Path
    document: Document = field(repr=False)

    def filled(self, values: Mapping[str, str]) -> Scenario:
        """Return the scenario with these placeholders replaced: what was left open until the lab stood."""
        document = dataclasses.replace(self.document, value=placeholders.filled(self.document.value, values))
        return documents.parse(Scenario, document, tags=_TAGS, context={HOSTS: self.stack.services})


def load(file: Path) -> Loaded:
    """Read a scenario and its stack.

    Raises Mistakes with everything that is wrong in either, UsageError where a file cannot be read.
    """
    document = documents.read(file)
    mistakes = list(_check(document))
    stack_file, on = None, None
    try:
        stack_file, on = _stack(document, file)
    except Mistakes as error:
        mistakes += error.mistakes
    hosts = {} if on is None else on.services
    mistakes += _check_placeholders(document, hosts)
    context = {} if on is None else {HOSTS: hosts}
    try:
        scenario = documents.parse(Scenario, document, tags=_TAGS, context=context)
    except Mistakes as error:
        raise Mistakes([*mistakes, *error.mistakes]) from error
    if stack_file is None or on is None or mistakes:
        raise Mistakes(mistakes)
    return Loaded(scenario, on, file, stack_file, document)


def _stack(document: Document, file: Path) -> tuple[Path | None, Stack | None]:
    """Read the stack that a scenario names, so that its hosts are known; nothing where it names none."""
    written = document.value if isinstance(document.value, dict) else {}
    name = written.get("stack")
    if not isinstance(name, str):
        return None, None
    try:
        found = stack.find(name, file.parent)
    except UnknownName as error:
        raise Mistakes([document.mistake(("stack",), error.what, error.todo)]) from error
    override = written.get("override")
    return found, stack.parse(documents.read(found), override if isinstance(override, dict) else None, document)


def _check(document: Document) -> Iterator[Mistake]:
    """Yield what no field can see alone."""
    if not isinstance(document.value, dict):
        return
    name = document.value.get("name")
    if isinstance(name, str) and name != Path(document.file).stem:
        yield document.mistake(("name",), f"the name {documents.quoted(name)} is not the file's.")
    for path in document.keys:
        match path:
            case ("fault" | "fix", int(), "after"):
                yield document.mistake(path, "only a trigger's step can wait with `after`.", at_key=True)
            case (_, int(), "client", "connection"):
                yield _not_judged_yet(document, path, ("client", "connection"))
            case _ if path in NOT_JUDGED_YET:
                yield _not_judged_yet(document, path, path)


def _not_judged_yet(document: Document, path: documents.Path, key: documents.Path) -> Mistake:
    return document.mistake(path, f"{NOT_JUDGED_YET[key]}.", "Leave the key out.", at_key=True)


def _check_placeholders(document: Document, hosts: Collection[str]) -> Iterator[Mistake]:
    for path, name in placeholders.named(document.value):
        known = placeholders.known(path, hosts)
        if name not in known:
            meant = f"Known here: {', '.join(f'${{{one}}}' for one in known)}."
            yield document.mistake(path, f"${{{name}}} is not known here.", meant)
