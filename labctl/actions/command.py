"""Any command, in a service's container or with a host's tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pydantic

from labctl.actions import Action, Ask, Step, verbs
from labctl.language.fields import Command, Host, Time, argv, typed


class Run(Action, key="run"):
    """Run a command on a host: in its service's container, or `with: tools` in its sandbox. It must exit 0.

    A string is a line for the shell, a list the arguments themselves.
    """

    run: Command
    host: Host
    place: Literal["service", "tools"] = pydantic.Field(default="service", alias="with")
    timeout: Time = 10.0

    @property
    def subject(self) -> str:
        return self.host

    def steps(self) -> Sequence[Step]:
        if self.place == "tools":
            return [Ask(self.host, "run", {"argv": argv(self.run), "timeout": self.timeout})]
        return [verbs.Execute(self.host, argv(self.run), self.timeout)]

    def typed(self) -> str:
        return f"{typed(self.run)}   # on {self.host}"
