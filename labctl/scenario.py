"""Scenario files, read into frozen values. Every mistake has its line and column, and all are told at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Discriminator, Field, Tag

from labctl import actions, clients, documents, stack
from labctl.abilities import ABILITIES
from labctl.actions import Action
from labctl.actions.client import Retry
from labctl.clients import Target
from labctl.documents import Document
from labctl.errors import Mistake, Mistakes, UnknownName, UsageError, nearest
from labctl.fields import Command, Duration, Host, Name, NamesHost, Pattern, TargetURL, Text, Written
from labctl.model import Outcome, Stage
from labctl.places import installed
from labctl.stack import Stack

CAUSES = {
    "not-running": "Nothing is running where the client knocks.",
    "wrong-target": "The client knocks at the wrong address or port.",
    "firewall": "A rule on the server, the client or a device in between stops the packets.",
    "listening-address": "The server runs, but listens on another address than the one the client uses.",
    "backlog": "The server's queue of connections to be accepted is full.",
}
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
PLACEHOLDERS = ("client.target.host", "client.target.port")
NOT_JUDGED_YET = {
    ("expect", "packets"): "packets are captured, but not judged yet",
    ("expect", "counters"): "counters are not judged yet",
    ("client", "connection"): "connections kept over phases are not supported yet",
}

actions.load()
_TAGS = {f"action {key}": kind for key, kind in actions.registry.items()}


def _tag(written: Any) -> str | None:
    key = written.kind if isinstance(written, Action) else actions.key_of(written)
    return f"action {key}" if key else None


AnyAction = Annotated[
    reduce(or_, (Annotated[kind, Tag(tag)] for tag, kind in _TAGS.items())),  # type: ignore[arg-type]
    Discriminator(_tag, custom_error_type="action", custom_error_message="names no action that labctl knows"),
]


class Client(Written):
    """Who tries to reach what, and how long it waits."""

    host: Host
    target: TargetURL | None = None
    run: Command | None = None
    timeout: Duration = 2.0  # for the connect, and for each read
    environment: dict[str, Text] = Field(default_factory=dict)
    retry: Retry | None = None
    connection: Literal["fresh", "kept"] = "fresh"


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
    clients: dict[str, Outcome] = Field(default_factory=dict)
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
    cause: str
    stack: str
    client: Client
    trigger: tuple[AnyAction, ...] = ()  # type: ignore[valid-type]
    fault: Annotated[tuple[AnyAction, ...], Field(min_length=1)]  # type: ignore[valid-type]
    expect: Expect
    diagnose: tuple[DiagnosisStep, ...] = ()
    fix: Annotated[tuple[AnyAction, ...], Field(min_length=1)]  # type: ignore[valid-type]
    recover: Recover = Field(default_factory=Recover)
    requires: tuple[str, ...] = ()
    override: dict[str, Any] | None = None
    explain: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A scenario that has no mistakes, with the stack it runs on, as its override changed it."""

    scenario: Scenario
    stack: Stack
    file: Path
    stack_file: Path


def load(file: Path) -> Loaded:
    """Read a scenario and its stack.

    Raises Mistakes with everything that is wrong in either, UsageError where a file cannot be read.
    """
    document = documents.read(file)
    known = {tag: list(kind.model_fields) + ["with"] for tag, kind in _TAGS.items()}
    scenario = documents.parse(Scenario, document, known=known)
    try:
        stack_file = stack.find(scenario.stack, file.parent)
    except UnknownName as error:
        raise Mistakes([document.mistake(("stack",), error.what, error.todo)]) from error
    loaded_stack = stack.parse(documents.read(stack_file), scenario.override, document)
    problems = list(_check(scenario, loaded_stack, document))
    if problems:
        raise Mistakes(problems)
    return Loaded(scenario, loaded_stack, file, stack_file)


def find(name: str, folder: Path = Path("scenarios")) -> Path:
    """Return the file of a scenario: a path, or a name in `./scenarios` or among the installed ones.

    Raises UnknownName with the nearest names.
    """
    if "/" in name or name.endswith((".yaml", ".yml")):
        if Path(name).is_file():
            return Path(name)
        raise UsageError(f"there is no file {name}.", todo="Give the path of a scenario, or one of `labctl list`.")
    known = everything(folder)
    if name not in known:
        raise UnknownName("scenario", name, known)
    return known[name]


def everything(folder: Path = Path("scenarios")) -> dict[str, Path]:
    """Return all scenarios by name, those of the folder before the installed ones of the same name."""
    found = {path.stem: path for path in sorted(installed("scenarios").glob("*.yaml"))}
    return found | {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _check(scenario: Scenario, on: Stack, document: Document) -> Iterator[Mistake]:
    """Yield what the models cannot see alone: references, and keys that nothing would judge."""
    if scenario.name != Path(document.file).stem:
        yield document.mistake(("name",), f"the name {scenario.name!r} is not the file's.")
    if scenario.cause not in CAUSES:
        yield _unknown(document, ("cause",), "cause", scenario.cause, CAUSES)
    for path, host in _hosts(scenario, ()):
        if host not in on.services:
            yield _unknown(document, path, "host", host, on.services)
    for index, ability in enumerate(scenario.requires):
        if ability not in ABILITIES:
            yield _unknown(document, ("requires", index), "ability", ability, ABILITIES)
    for client in scenario.expect.clients:
        if client not in clients.names():
            yield _unknown(document, ("expect", "clients", client), "client", client, clients.names())
    if (scenario.client.target is None) == (scenario.client.run is None):
        yield document.mistake(("client",), "the client needs either a `target` or a command to `run`.")
    for path, why in NOT_JUDGED_YET.items():
        if path in document.values and document.values[path]:
            yield document.mistake(path, f"{why}.", "Leave the key out.", at_key=True)
    yield from _check_lists(scenario, document)
    yield from _check_placeholders(document, document.value, ())


def _check_lists(scenario: Scenario, document: Document) -> Iterator[Mistake]:
    for part in ("fault", "fix"):
        for index, action in enumerate(getattr(scenario, part)):
            if action.after is not None:
                yield document.mistake((part, index, "after"), "only a trigger's step can wait with `after`.", at_key=True)
            if getattr(getattr(action, "client", None), "connection", None) == "kept":
                yield document.mistake((part, index), f"{NOT_JUDGED_YET['client', 'connection']}.")
    for index, step in enumerate(scenario.diagnose):
        if (step.run is None) == (step.log is None):
            yield document.mistake(("diagnose", index), "a diagnosis step has either `run` or `log`.")
        if not step.judges and not step.context:
            yield document.mistake(
                ("diagnose", index), "nothing judges this step.", "Add `shows`, `lacks` or `exits`, or `context: true`."
            )
        if step.judges and step.context:
            yield document.mistake(("diagnose", index), "a step with `context: true` is shown, not judged.")


def _check_placeholders(document: Document, value: Any, path: documents.Path) -> Iterator[Mistake]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key != "explain":
                yield from _check_placeholders(document, inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _check_placeholders(document, inner, (*path, index))
    elif isinstance(value, str):
        for name in PLACEHOLDER.findall(value):
            if name not in PLACEHOLDERS or path[0] != "diagnose":
                known = " and ".join(f"${{{known}}}" for known in PLACEHOLDERS)
                yield document.mistake(path, f"${{{name}}} is not known here.", f"Known, under `diagnose`: {known}.")


def _hosts(model: pydantic.BaseModel, path: documents.Path) -> Iterator[tuple[documents.Path, str]]:
    """Yield every value that must name a host, with its path."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        here = (*path, field.alias or name)
        if value is not None and (any(isinstance(mark, NamesHost) for mark in field.metadata) or _optional_host(field)):
            yield here, value
        elif isinstance(value, pydantic.BaseModel):
            yield from _hosts(value, here)
        elif isinstance(value, tuple):
            for index, inner in enumerate(value):
                if isinstance(inner, pydantic.BaseModel):
                    yield from _hosts(inner, (*here, index))


def _optional_host(field: Any) -> bool:
    return Host in getattr(field.annotation, "__args__", ())


def _unknown(document: Document, path: documents.Path, kind: str, name: str, known: Any) -> Mistake:
    near = nearest(name, known)
    meant = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(known))}."
    return document.mistake(path, f"there is no {kind} called {name!r}.", meant)


def filled(text: Command, target: str | None) -> Command:
    """Return a diagnosis command with its placeholders replaced by the client's target."""
    if target is None:
        return text
    parsed = Target.parse(target)
    values = {"client.target.host": parsed.host, "client.target.port": str(parsed.port)}
    if isinstance(text, list):
        return [PLACEHOLDER.sub(lambda found: values[found[1]], word) for word in text]
    return PLACEHOLDER.sub(lambda found: values[found[1]], text)
