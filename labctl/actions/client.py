"""The client's own settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SerializerFunctionWrapHandler, field_serializer

from labctl.actions import Action, Configure, Step
from labctl.actions.verbs import plainly
from labctl.language.fields import duration
from labctl.stack.client_settings import ClientSettings


def _unset(written: Any) -> Any:
    """Read a null as what is so unless it is set."""
    if not isinstance(written, dict):
        return written
    unset = {name: field.get_default(call_default_factory=True) for name, field in ClientSettings.model_fields.items()}
    texts = {name: duration(value) if isinstance(value, float) else value for name, value in unset.items()}
    return {name: texts.get(name) if value is None else value for name, value in written.items()}


def _changed(settings: ClientSettings) -> ClientSettings:
    if not settings.model_fields_set:
        raise ValueError(f"this step changes nothing; set one or more of {', '.join(ClientSettings.model_fields)}")
    return settings


class Client(Action, key="client"):
    """Change the client's own settings from here on.

    Its target, its time-out, its environment, its retries, whether it verifies certificates (`verify`); how many
    descriptors it may have (`nofile`), what it waits for before it tries (`depends_on`), as the stack's file says it
    of a service that is started, or how long it sleeps instead (`pause`). With `again` it asks a second time over the
    same connection, that long after the first answer.
    """

    client: Annotated[ClientSettings, BeforeValidator(_unset), AfterValidator(_changed)]

    @field_serializer("client", mode="wrap")
    def _only_changes(self, client: ClientSettings, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write down what is changed, and nothing that stays."""
        written: dict[str, Any] = dump(client)
        return {name: value for name, value in written.items() if name in client.model_fields_set}

    @property
    def subject(self) -> str:
        return ""

    def steps(self) -> Sequence[Step]:
        return [Configure(self.client.changes)]

    def typed(self) -> str:
        shown = (f"{name}={plainly(value)}" for name, value in self.client.changes.items())
        return f"in the client's settings: {', '.join(shown)}"
