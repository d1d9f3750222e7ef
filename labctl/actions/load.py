"""Load: connections that are opened and kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import pydantic

from labctl.actions import Action, Ask, Step
from labctl.clients import Target
from labctl.language.fields import Host, TargetURL, Time

MOST = 1000


class Hold(Action, key="hold"):
    """Open connections from a host and keep them, idle, until the observation that follows is over.

    Each must be established within `timeout`; where one is not, the trigger is not in place.
    """

    hold: Annotated[int, pydantic.Field(ge=1, le=MOST)]
    host: Host
    target: TargetURL
    timeout: Time = 1.0

    @property
    def subject(self) -> str:
        return self.host

    def steps(self) -> Sequence[Step]:
        target = Target.parse(self.target)
        arguments = {"count": self.hold, "host": target.host, "port": target.port, "timeout": self.timeout}
        return [Ask(self.host, "hold", arguments, of="clients")]

    def typed(self) -> str:
        return f"open {self.hold} connections to {self.target} and keep them"
