"""What a host's resolver says of names."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Annotated, Literal

import pydantic

from labctl.actions import Action, Ask, Proof, Step, shell
from labctl.language.fields import Host, Name, address
from labctl.language.placeholders import PLACEHOLDER

SHOWS = {"servfail": "status: SERVFAIL", "refused": "status: REFUSED", "nothing": "timed out"}  # dig(1)


def _address(value: str) -> str:
    return value if PLACEHOLDER.fullmatch(value) else address(value)


class Resolver(Action, key="resolver"):
    """Change what a host's resolver answers: `servfail`, `refused` or `nothing`; or, with `says`, to single names.

    `says: {api: ${address.green}}` answers with another address, `says: {api: null}` that there is no such name. Each
    use takes the place of the one before; with neither, the resolver answers as Docker's does.
    """

    resolver: Host
    answers: Literal["normal", "servfail", "refused", "nothing"] = "normal"
    says: dict[Name, Annotated[str, pydantic.AfterValidator(_address)] | None] = pydantic.Field(default_factory=dict)

    def steps(self) -> Sequence[Step]:
        return [Ask(self.resolver, "misbehave", {"answers": self.answers, "says": self.says})]

    def proofs(self) -> Sequence[Proof]:
        if self.answers != "normal":
            asked = f"dig +tries=1 +timeout=1 {self.resolver} | grep -q {shlex.quote(SHOWS[self.answers])}"
            return [Proof(f"the resolver of {self.resolver} answers {self.answers}", shell(self.resolver, asked))]
        return [
            Proof(
                f"the resolver of {self.resolver} says {to or 'nothing'} for {name}",
                shell(self.resolver, f'test "$(dig +short {name})" = "{to or ""}"'),
            )
            for name, to in self.says.items()
        ]

    def typed(self) -> str:
        said = [f"{name} is {to or 'unknown'}" for name, to in self.says.items()]
        if self.answers != "normal" or not said:
            said.insert(0, f"it answers {'as it did' if self.answers == 'normal' else self.answers}")
        return f"in the resolver of {self.resolver}: {', '.join(said)}"
