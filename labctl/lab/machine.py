"""The machine itself, as the host of a lab's clients: it runs those, and nothing else is done or looked at there.

Its network is nobody's to change, what happens on it is nobody's business, and what a scenario writes must not run
there: so it has no sandbox, no agent and no capture, and a command is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labctl.actions.verbs import Verb
from labctl.lab.host import refused
from labctl.lab.service import InContainers
from labctl.model import Ran


class OnMachine(InContainers):
    """The clients' container, which joins the network of the machine that the engine runs on; a `Host`."""

    def carry_out(self, verb: Verb) -> bool | Ran | None:
        """Refused: raises LabError."""
        raise refused(self.name, f"labctl does not {verb.verb()} anything")

    def execute(self, argv: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> Ran:  # noqa: ARG002 - a Host
        """Refused: raises LabError."""
        raise refused(self.name, "no command is run")

    def await_health(self) -> None:
        """Return at once: the clients have no health check."""

    def published(self) -> str:
        """Return nothing: nothing of the machine is published to it."""
        return ""

    def close(self, seconds: float = 0.0) -> None:  # noqa: ARG002 - a Host
        """Cut the streams, with which the clients end."""
        self._streams.close()
