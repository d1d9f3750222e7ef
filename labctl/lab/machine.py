"""The machine itself, as the host of a lab's clients: it runs those, and nothing else is done or looked at there.

Its network is nobody's to change, what happens on it is nobody's business, and what a scenario writes must not run
there: so it has no sandbox, no agent and no capture, and a command is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labctl.actions.verbs import Verb
from labctl.engine.stream import Output
from labctl.lab.host import refused
from labctl.lab.place import Place
from labctl.lab.program import Program
from labctl.lab.service import ServiceContainers
from labctl.lab.session import Session
from labctl.lab.streams import Streams
from labctl.model import Exit, Ran
from labctl.stack.service import Service


class OnMachine:
    """The clients' container, which joins the network of the machine that the engine runs on; a `Host`."""

    def __init__(self, name: str, settings: Service, place: Place, session: Session) -> None:
        self.name = name
        self.settings = settings
        self.place = place
        self.network: str | None = place.home
        self._streams = Streams(name, session)
        self._runs = ServiceContainers(name, settings, place, session, self._streams)

    @property
    def service(self) -> str:
        """The id of the clients' container."""
        return self._runs.id

    @property
    def clients(self) -> Program | None:
        """The clients."""
        return self._runs.clients

    @property
    def outputs(self) -> Sequence[Output]:
        """Nothing: clients print nothing of their own accord."""
        return self._streams.outputs

    def begin_service(self) -> None:
        """Make and start the clients' container."""
        self._runs.begin()

    def carry_out(self, verb: Verb) -> bool | Ran | None:
        """Refused: raises LabError."""
        raise refused(self.name, f"labctl does not {verb.verb()} anything")

    def execute(self, argv: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> Ran:  # noqa: ARG002 - a Host
        """Refused: raises LabError."""
        raise refused(self.name, "no command is run")

    def await_health(self) -> None:
        """Return at once: the clients have no health check."""

    def exit(self) -> Exit | None:
        """Return how the clients ended, or None while they run."""
        return self._runs.exit()

    def exit_of(self, container: str) -> Exit | None:
        """Return how such a container ended, or None while it runs."""
        return self._runs.exit_of(container)

    def paused(self) -> bool:
        """Tell whether the clients' container is paused."""
        return self._runs.status() == "paused"

    def log(self) -> str:
        """Return what the clients printed."""
        return self._runs.log()

    def published(self) -> str:
        """Return nothing: nothing of the machine is published to it."""
        return ""

    def state(self) -> str:
        """Return what the engine says of the state of the clients' container, as JSON."""
        return self._runs.state()

    def close(self, seconds: float = 0.0) -> None:  # noqa: ARG002 - a Host
        """Cut the streams, with which the clients end."""
        self._streams.close()
