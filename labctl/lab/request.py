"""What a lab is brought up for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labctl.lab.witness import Limits
from labctl.scenario.load import Loaded
from labctl.stack.model import Stack


@dataclass(frozen=True, slots=True)
class LabRequest:
    """Whose stack is brought up, where tries are made from, by which clients, and what is captured.

    `client` is the host that tries are made from, by all of labctl's clients or those named, which are made ready for
    targets with the scheme `warm`. Where there are `captures`, every host's packets are captured from its beginning on.
    """

    stack: Stack
    scenario: str
    client: str
    captures: Limits | None = None
    clients: Sequence[str] = ()
    warm: str = "http"

    @classmethod
    def of(cls, loaded: Loaded, captures: Limits | None = None, clients: Sequence[str] = ()) -> LabRequest:
        """Return what a scenario's own run asks for."""
        client = loaded.scenario.client
        return cls(loaded.stack, loaded.scenario.name, client.host, captures, clients, client.scheme)
