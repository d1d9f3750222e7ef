"""The machine itself, as the host of a lab's clients: it runs those, and nothing else is done or looked at there.

Its network is nobody's to change, what happens on it is nobody's business, and what a scenario writes must not run
there: so it has no sandbox, no agent and no capture, and a command is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labctl.errors import LabError
from labctl.lab.pod import Pod
from labctl.lab.program import Program
from labctl.model import Listening, Ran


class OnMachine(Pod):
    """The clients' container, which joins the network of the machine that the engine runs on."""

    @property
    def agent(self) -> Program:
        """Refused: there is none."""
        raise LabError(f"{self.host!r} is the machine itself, where labctl does and sees nothing but its own clients.")

    def begin_sandbox(self, sysctls: Mapping[str, str] | None = None, *, and_service: bool = False) -> None:  # noqa: ARG002 - as Pod has it
        """Make no sandbox; start the clients where that is asked for."""
        if and_service:
            self.begin_service()

    def execute(self, **_: Any) -> Ran:
        """Refused: raises LabError."""
        raise LabError(f"{self.host!r} is the machine itself, where no command is run.")

    def know(self, names: Mapping[str, str]) -> None:
        """Do nothing: clients there are given addresses, and look up no name."""

    def listeners(self) -> Sequence[Listening]:
        """Return none: what listens on the machine is not the lab's."""
        return ()
