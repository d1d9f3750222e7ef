"""The life of a service: stopped, started, killed, paused, made anew."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Annotated

import pydantic

from labctl.actions import Action, Proof, Step, verbs
from labctl.language.fields import Command, Duration, Environment, Host, one_of, typed
from labctl.stack.ports import Ports

SIGNALS = [sign.name for sign in signal.Signals]


class Stop(Action, key="stop"):
    """Stop a service as `docker stop` does: SIGTERM, and SIGKILL after `grace`. The host stays up."""

    stop: Host
    grace: Duration = 2.0

    def steps(self) -> Sequence[Step]:
        return [verbs.Stop(self.stop, self.grace)]

    def proofs(self) -> Sequence[Proof]:
        return [Proof(f"the process of {self.stop} is gone", verbs.Ended(self.stop))]

    def typed(self) -> str:
        return f"docker compose stop {self.stop}"


class Start(Action, key="start"):
    """Start a service that was stopped or has ended, with the settings it had."""

    start: Host

    def steps(self) -> Sequence[Step]:
        return [verbs.Start(self.start)]

    def proofs(self) -> Sequence[Proof]:
        return [Proof(f"the process of {self.start} runs", verbs.Running(self.start))]

    def typed(self) -> str:
        return f"docker compose start {self.start}"


class Restart(Action, key="restart"):
    """Stop a service and start it with the same settings, as `docker restart` does."""

    restart: Host
    grace: Duration = 2.0

    def steps(self) -> Sequence[Step]:
        return [verbs.Stop(self.restart, self.grace), verbs.Start(self.restart)]

    def proofs(self) -> Sequence[Proof]:
        return [Proof(f"the process of {self.restart} runs", verbs.Running(self.restart))]

    def typed(self) -> str:
        return f"docker compose restart {self.restart}"


class Recreate(Action, key="recreate"):
    """Make a service anew at the same address. What is written here is merged onto the stack's values.

    Other `ports`, or none (`[]`), are published anew, for which its host is made anew as by `reboot`.
    """

    recreate: Host
    environment: Environment = pydantic.Field(default_factory=dict)
    command: Command | None = None
    ports: Ports | None = None

    def steps(self) -> Sequence[Step]:
        return [verbs.Recreate(self.recreate, self.environment, self.command, self.ports)]

    def proofs(self) -> Sequence[Proof]:
        if self.until is not None and self.until.exits is not None:  # it is to end, and may have done so already
            return []
        return [Proof(f"the process of {self.recreate} runs", verbs.Running(self.recreate))]

    def typed(self) -> str:
        settings = [f"{key}={value}" for key, value in self.environment.items()]
        if self.command is not None:
            settings.append(f"command: {typed(self.command)}")
        if self.ports is not None:
            settings.append(f"ports: {', '.join(map(str, self.ports)) or 'none'}")
        shown = f"   # with {', '.join(settings)}" if settings else ""
        return f"docker compose up -d --force-recreate {self.recreate}{shown}"


class Kill(Action, key="kill"):
    """Send a signal to a service's main process; SIGKILL unless another is named."""

    kill: Host
    signal: Annotated[str, pydantic.AfterValidator(lambda name: one_of("signal", name, SIGNALS))] = "SIGKILL"

    def steps(self) -> Sequence[Step]:
        return [verbs.Kill(self.kill, self.signal)]

    def proofs(self) -> Sequence[Proof]:
        if self.signal != "SIGKILL":
            return []
        return [Proof(f"the process of {self.kill} is gone", verbs.Ended(self.kill))]

    def typed(self) -> str:
        return f"docker compose kill -s {self.signal} {self.kill}"


class Pause(Action, key="pause"):
    """Freeze every process of a service, as `docker pause` does: it holds its connections and does nothing."""

    pause: Host

    def steps(self) -> Sequence[Step]:
        return [verbs.Pause(self.pause)]

    def proofs(self) -> Sequence[Proof]:
        return [Proof(f"the engine says that {self.pause} is paused", verbs.Paused(self.pause))]

    def typed(self) -> str:
        return f"docker compose pause {self.pause}"


class Unpause(Action, key="unpause"):
    """Let a paused service go on."""

    unpause: Host

    def steps(self) -> Sequence[Step]:
        return [verbs.Unpause(self.unpause)]

    def proofs(self) -> Sequence[Proof]:
        return [Proof(f"{self.unpause} is paused no more", verbs.Unpaused(self.unpause))]

    def typed(self) -> str:
        return f"docker compose unpause {self.unpause}"
