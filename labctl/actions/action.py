"""An action: what can be written under `trigger`, `fault` and `fix`, what it does, and how to see that it took hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import pydantic

from labctl.actions.step import Ask, Step
from labctl.actions.verbs import Verb
from labctl.language.fields import Command, Duration, ExitCode, Host, Listener, Pattern, Time, Written, duration, typed

registry: dict[str, type[Action]] = {}


@dataclass(frozen=True, slots=True)
class Proof:
    """What must be seen once an action is in place: a claim in words, and the step that shows it by succeeding."""

    claim: str
    step: Ask | Verb


@dataclass(frozen=True, slots=True)
class RuleCounter:
    """How to read what a rule has taken: `count` is given what the two steps printed, and returns packets.

    `identify` is carried out once, when the rule is in place: it prints what the kernel calls it.
    """

    listing: Ask
    count: Callable[[str, str], int]
    identify: Ask | None = None


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

    def __str__(self) -> str:
        awaited = {
            f"something listens on {self.listens}": self.listens,
            f"its log shows {self.log}": self.log,
            f"its process has ended with exit {self.exits}": self.exits,
            f"`{typed(self.run or '')}` exits 0": self.run,
        }
        return " and ".join(words for words, wanted in awaited.items() if wanted is not None)


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
    def when(self) -> str:
        """When it is done, in words; nothing where that is before the clients try."""
        moments = {
            f"{duration(self.after or 0)} after the clients began": self.after,
            f"once {self.after_syns} has every client's SYN": self.after_syns,
            f"once {self.after_handshakes} has seen each client's handshake to its end": self.after_handshakes,
            "while the clients wait between two requests": self.between,
        }
        words = " and ".join(moment for moment, given in moments.items() if given is not None)
        return f"{words}, or after {duration(self.at_most)}" if self.at_most is not None else words

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
