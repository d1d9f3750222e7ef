"""The client's own settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import pydantic

from labctl.actions import Action, Configure, Step
from labctl.fields import Descriptors, Duration, Environment, TargetURL, Time, Written, duration
from labctl.readiness import Dependencies


class Retry(Written):
    """A client that tries again, as tenacity's wait_fixed and stop_after_delay do."""

    every: Time
    for_: Time = pydantic.Field(alias="for")


class Settings(Written):
    """What can be changed about the client in the middle of a run."""

    target: TargetURL | None = None
    timeout: Time | None = None
    verify: bool | None = None
    environment: Environment | None = None
    retry: Retry | None = None
    nofile: Descriptors | None = None
    depends_on: Dependencies | None = None
    pause: Time | None = None
    again: Duration | None = None

    @pydantic.model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(f"nothing of the client is changed here: name its {', '.join(type(self).model_fields)}")
        return self


class Client(Action, key="client"):
    """Change the client's own settings from here on.

    Its target, its time-out, its environment, its retries, whether it verifies certificates (`verify`); how many
    descriptors it may have (`nofile`), what it waits for before it tries (`depends_on`), as the stack's file says it
    of a service that is started, or how long it sleeps instead (`pause`). With `again` it asks a second time over the
    same connection, that long after the first answer.
    """

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
    if isinstance(value, dict):
        return str({name: _plain(one) for name, one in value.items()})
    return str(_plain(value))


def _plain(value: Any) -> Any:
    return value.model_dump(by_alias=True) if isinstance(value, Written) else value
