"""How a client tries: what a scenario says under `client`, and what the action `client` changes of it in mid-run.

A setting is one field here. The clients are sent all of them but those that labctl itself sees to.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from labctl.language.fields import Descriptors, Duration, Environment, TargetURL, Time, Written
from labctl.stack.readiness import Dependencies


class Retry(Written):
    """A client that tries again, as tenacity's wait_fixed and stop_after_delay do."""

    every: Time
    for_: Time = Field(alias="for")


class ClientSettings(Written):
    """What can be set of a client."""

    own: ClassVar[frozenset[str]] = frozenset({"depends_on", "pause"})  # which labctl does before the clients try

    target: TargetURL | None = None
    timeout: Time = 2.0  # for the connect, and for each read; of a command, for the whole
    verify: bool = True  # of https: whether the server's certificate must hold
    environment: Environment = Field(default_factory=dict)
    retry: Retry | None = None
    nofile: Descriptors | None = None
    depends_on: Dependencies = Field(default_factory=dict)
    pause: Time | None = None
    again: Duration | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """What was written of them."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}

    @property
    def patience(self) -> float:
        """How many seconds a try may take, all its retries included."""
        return 2 * self.timeout + (self.retry.for_ if self.retry else 0)

    def request(self) -> dict[str, Any]:
        """Return what the clients are sent."""
        return {name: _sent(getattr(self, name)) for name in ClientSettings.model_fields if name not in self.own}


def _sent(value: Any) -> Any:
    """Return a value with its times in seconds, where a dump would write them as people do."""
    if not isinstance(value, Written):
        return value
    return {field.alias or name: getattr(value, name) for name, field in type(value).model_fields.items()}
