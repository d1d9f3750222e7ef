"""The client's own settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import pydantic

from labctl.actions import Action, Configure, Step
from labctl.fields import Environment, TargetURL, Time, Written, duration


class Retry(Written):
    """A client that tries again, as tenacity's wait_fixed and stop_after_delay do."""

    every: Time
    for_: Time = pydantic.Field(alias="for")


class Settings(Written):
    """What can be changed about the client in the middle of a run."""

    target: TargetURL | None = None
    timeout: Time | None = None
    environment: Environment | None = None
    retry: Retry | None = None

    @pydantic.model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing of the client is changed here: name its target, timeout, environment or retry")
        return self


class Client(Action, key="client"):
    """Change the client's own settings from here on: the target, the time-out, the environment, the retries."""

    client: Settings

    @property
    def subject(self) -> str:
        return ""

    def steps(self) -> Sequence[Step]:
        return [Configure(self._changes())]

    def _changes(self) -> dict[str, Any]:
        return {name: getattr(self.client, name) for name in sorted(self.client.model_fields_set)}

    def typed(self) -> str:
        shown = (f"{name}={_shown(value)}" for name, value in self._changes().items())
        return f"in the client's settings: {', '.join(shown)}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return duration(value)
    return str(value.model_dump(by_alias=True) if isinstance(value, Retry) else value)
