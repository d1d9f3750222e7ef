"""What can be done to a lab. Faults, triggers and fixes are lists of actions, one family a file.

An action says what it will do and how to see that it took hold; it performs nothing itself. Its class is its catalogue
entry: the docstring explains it, the fields are its YAML keys, the class keyword is its name. Another package adds its
own through the entry-point group `labctl.actions`, naming a module that defines such classes.
"""

from __future__ import annotations

import importlib
import pkgutil
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, ClassVar, Literal, Self

import pydantic

from labctl.errors import indented
from labctl.fields import Command, Duration, ExitCode, Host, Listener, Pattern, Time, Written

FAMILIES = "labctl.actions"
DEVICE = "$(ls /sys/class/net | grep ^eth)"
"""In a line of the shell: a host's one interface; eth0, until it was taken off its network and put back."""
TOOL_SECONDS = 5.0  # for one call of a tool; those that lock wait for each other
registry: dict[str, type[Action]] = {}
broken_plugins: dict[str, str] = {}  # entry point to why it was left out


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to a program of ours inside a host: the agent, or the clients."""

    host: str
    do: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    of: str = "agent"  # or "clients"
    exits: int | None = 0  # for `run`: the exit code that means it worked, None where any does

    def __str__(self) -> str:
        return f"the {self.of} of {self.host}: {self.do} {_listed(self.arguments)}"


@dataclass(frozen=True, slots=True)
class Call:
    """A call to the engine about one service: one of `labctl.lab.VERBS`, and its arguments."""

    verb: str
    service: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"the engine: {self.verb} {self.service} {_listed(self.arguments)}".rstrip()


@dataclass(frozen=True, slots=True)
class Configure:
    """A change of the client's own settings, from then on."""

    changes: Mapping[str, Any]

    def __str__(self) -> str:
        return f"the client's settings: {_listed(self.changes)}"


Step = Ask | Call | Configure


def tool(host: str, *argv: str, exits: int | None = 0) -> Ask:
    """Return the request to run a command with a host's tools."""
    return Ask(host, "run", {"argv": list(argv), "timeout": TOOL_SECONDS}, exits=exits)


def shell(host: str, line: str) -> Ask:
    """Return the request to run a line of the shell with a host's tools; it must exit 0."""
    return tool(host, "sh", "-c", line)


@dataclass(frozen=True, slots=True)
class Proof:
    """What must be seen once an action is in place: a claim in words, and the step that shows it by succeeding."""

    claim: str
    step: Ask | Call


@dataclass(frozen=True, slots=True)
class RuleCounter:
    """How to read what a rule has taken: `count` is given what the two steps printed, and returns packets.

    `identify` is carried out once, when the rule is in place: it prints what the kernel calls it.
    """

    listing: Ask
    count: Callable[[str, str], int]
    identify: Ask | None = None


def _listed(arguments: Mapping[str, Any]) -> str:
    """Write a step's arguments in a line, those that say nothing left out."""
    shown = {key: shlex.join(value) if key == "argv" else value for key, value in arguments.items()}
    said = {key: value for key, value in shown.items() if value not in (None, {}, [])}
    return ", ".join(f"{key} {_plainly(value)}" for key, value in said.items())


def _plainly(value: Any) -> str:
    return " and ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


class Until(Written):
    """What must hold before the next thing begins: polled, with a deadline."""

    listens: Listener | None = None  # on the action's host
    log: Pattern | None = None  # in the service's log
    exits: ExitCode | None = None  # the service's process has ended with this code
    run: Command | None = None  # exits 0, with the host's tools
    within: Time = 10.0

    @pydantic.model_validator(mode="after")
    def _awaits_something(self) -> Self:
        if not self.model_fields_set - {"within"}:
            raise ValueError("`until` says what to wait for: `listens`, `log`, `exits` or `run`")
        return self


class Action(Written):
    """One thing done to a lab."""

    kind: ClassVar[str]

    until: Until | None = None
    after: Duration | None = None  # triggers only: this long after the try began
    after_syns: Host | None = pydantic.Field(default=None, alias="after-syns")  # triggers only, see `late`
    after_handshakes: Host | None = pydantic.Field(default=None, alias="after-handshakes")  # the same
    between: Literal[True] | None = (
        None  # triggers only: done while the clients wait between two requests, see `client: {again: …}`
    )
    at_most: Duration | None = pydantic.Field(default=None, alias="at-most")  # these two wait no longer, and go on

    @pydantic.model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.at_most is not None and self.after_syns is None and self.after_handshakes is None:
            raise ValueError("`at-most` bounds what `after-syns` or `after-handshakes` waits for, and neither is here")
        return self

    def __init_subclass__(cls, key: str | None = None, **more: Any) -> None:
        super().__init_subclass__(**more)
        if key is None:
            return
        if key in registry and registry[key].__qualname__ != cls.__qualname__:
            raise ValueError(f"an action called {key!r} exists already: {registry[key].__module__}")
        cls.kind = key
        registry[key] = cls

    @property
    def early(self) -> bool:
        """Whether it is done before the clients try."""
        return not self.late and self.between is None

    @property
    def late(self) -> bool:
        """Whether it is done while the clients try.

        `after` waits for a time, `after-syns` until a host has every client's SYN, and no client's handshake is over;
        `after-handshakes` until each client's handshake is over or given up, as a host sees it. With `at-most`, these
        two wait no longer than that, and the step is done all the same.
        """
        return any(wait is not None for wait in (self.after, self.after_syns, self.after_handshakes))

    @property
    def subject(self) -> str:
        """The host that the action is about."""
        return str(getattr(self, self.kind))

    def steps(self) -> Sequence[Step]:
        """Return what will be done, in order."""
        raise NotImplementedError

    def proofs(self) -> Sequence[Proof]:
        """Return how to see that it took hold."""
        return ()

    def counter(self) -> RuleCounter | None:
        """Return how to read what it has taken, if it is a rule that counts."""
        return None

    def typed(self) -> str:
        """Return it as the command or setting that a person would use."""
        raise NotImplementedError


def discover() -> Mapping[str, type[Action]]:
    """Load every family and every plugin; one that fails is named in `broken_plugins`, the rest works."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{FAMILIES}.{module.name}")
    for entry in entry_points(group=FAMILIES):
        try:
            entry.load()
        except Exception as error:  # noqa: BLE001 - whatever a stranger's module does must not stop ours
            broken_plugins[entry.name] = f"{entry.value}: {type(error).__name__}: {error}"
    return registry


def key_of(written: Any) -> str | None:
    """Return the one action that a mapping in a scenario names, or None."""
    named = [key for key in written if key in registry] if isinstance(written, dict) else []
    return named[0] if named else None


def plan(actions: Sequence[Action]) -> Iterator[str]:
    """Yield, line by line, what a list of actions would do: for --dry-run."""
    for action in actions:
        yield action.typed()
        for step in action.steps():
            yield indented(str(step))
        for proof in action.proofs():
            yield indented(f"then: {proof.claim}")
