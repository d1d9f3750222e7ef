"""When a service counts as ready, and who waits for that: Compose's `healthcheck` and `depends_on`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import BeforeValidator, Field

from labctl.language.fields import LONGEST, Command, Host, Time, Written


class HealthCheck(Written):
    """How Docker itself tells that a service is ready."""

    test: Command
    interval: Time = 1.0
    timeout: Time = 2.0
    retries: int = Field(default=10, ge=1, le=100)

    @property
    def longest(self) -> float:
        """The seconds until it is given up."""
        return (self.interval + self.timeout) * self.retries

    @pydantic.model_validator(mode="after")
    def _comes_to_an_end(self) -> Self:
        if self.longest > LONGEST:
            raise ValueError(f"(interval + timeout) x retries is longer than {LONGEST:g}s, the longest that is waited")
        return self


class Dependency(Written):
    """What is waited for of a service."""

    condition: Literal["service_started", "service_healthy"] = "service_started"

    @property
    def on_health(self) -> bool:
        """Whether that is more than its start."""
        return self.condition == "service_healthy"


def by_name(value: Any) -> Any:
    """Read `- name` and `name:` with nothing after it as a name with an empty entry."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: {} for name in value}
    return {name: {} if entry is None else entry for name, entry in value.items()} if isinstance(value, dict) else value


Dependencies = Annotated[dict[Host, Dependency], BeforeValidator(by_name)]
