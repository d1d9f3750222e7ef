"""A scenario: one claim about the world, as people write it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import pydantic
from pydantic import BeforeValidator, Discriminator, Field, GetCoreSchemaHandler, Tag
from pydantic_core import CoreSchema

from labctl import actions
from labctl.actions import Action
from labctl.clients import Target
from labctl.errors import listed, nearest
from labctl.language.fields import (
    Command,
    ExitCode,
    Host,
    Line,
    Name,
    Pattern,
    Time,
    Written,
    known,
)
from labctl.scenario.abilities import ABILITIES
from labctl.scenario.causes import CAUSES
from labctl.scenario.expect import Expect
from labctl.stack.client_settings import ClientSettings


def tags() -> Mapping[str, type[Action]]:
    """Return the action that each tag of a step stands for."""
    return {f"action {key}": kind for key, kind in actions.registry.items()}


def _names_an_action(written: Any) -> Any:
    """See that a step is one action, and tell the nearest where it is none."""
    if not isinstance(written, dict):
        return written
    keys = [key for key in written if key in actions.registry]
    if len(keys) > 1:
        raise ValueError(f"there are {len(keys)} actions in one step: {', '.join(keys)}; each is a step of its own")
    if not keys:
        near = next((near for key in written if (near := nearest(key, actions.registry))), None)
        meant = f"Did you mean {near[0]!r}?" if near else f"One key must be of: {listed(sorted(actions.registry))}."
        raise ValueError(f"this step names no action. {meant}")
    return written


def _tag(written: Any) -> str | None:
    key = written.kind if isinstance(written, Action) else actions.key_of(written)
    return f"action {key}" if key else None


class _Known:
    """Any action of those that are registered when a scenario is first read."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a union that is told apart by the key that names the action."""
        kinds = reduce(or_, (Annotated[kind, Tag(tag)] for tag, kind in tags().items()))
        which = Discriminator(_tag, custom_error_type="action", custom_error_message="a step is a mapping")
        return handler.generate_schema(Annotated[kinds, which, BeforeValidator(_names_an_action)])


if TYPE_CHECKING:
    AnyAction = Action
else:
    AnyAction = _Known


LOOKS = {"log": "log", "state": "state", "ports": "published ports", "socket": "socket (`ls -l`, `ss -xl`)"}
"""What a diagnosis step may read of a service, in place of running a command, in its key and in words."""
Actions = tuple[AnyAction, ...]
KnownCause = Annotated[str, known("cause", CAUSES)]
KnownAbility = Annotated[str, known("ability", ABILITIES)]


class Client(ClientSettings):
    """Who tries to reach what, and how."""

    host: Host
    run: Command | None = None

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
            raise ValueError(f"`{asked[0]}` is only read, so {names} has no effect here")
        if not self.judges and not self.context:
            raise ValueError("this step is not judged; add `shows`, `lacks` or `exits`, or `context: true`")
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


class Trap(Written, defer_build=True):
    """A remedy that people copy, which repairs the failure and does harm: why, what to do instead is the fix."""

    remedy: Line
    do: Actions
    harm: str = Field(min_length=1)


class Scenario(Written, defer_build=True):
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
