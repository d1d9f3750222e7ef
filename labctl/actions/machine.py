"""The host as a machine: switched off and on, rebooted with other kernel settings."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import pydantic

from labctl.actions import DEVICE, Action, Proof, Step, shell, verbs
from labctl.language.fields import Host, Sysctls

DOWN = f"ip -o link show {DEVICE} | grep -q 'state DOWN'"
READ = "test \"$(sysctl -n {} | tr '\\t' ' ')\" ="  # sysctl(8) parts several numbers by tabs
UP = f"ip -o link show {DEVICE} | grep -q 'state UP'"


class PowerOff(Action, key="power_off"):
    """Switch a host off: its network link goes down, then its processes are killed, and nobody hears of it.

    A client that spoke with it just now meets silence first: its kernel remembers the address for a while (arp(7)), and
    says "No route to host" only once it has asked for it in vain.
    """

    power_off: Host

    def steps(self) -> Sequence[Step]:
        return [verbs.PowerOff(self.power_off)]

    def proofs(self) -> Sequence[Proof]:
        return [
            Proof(f"the link of {self.power_off} is down", shell(self.power_off, DOWN)),
            Proof(f"the process of {self.power_off} is gone", verbs.Ended(self.power_off)),
        ]

    def typed(self) -> str:
        return f"switch {self.power_off} off"


class PowerOn(Action, key="power_on"):
    """Switch a host on again: its link goes up, with the stack's routes, and its service starts."""

    power_on: Host

    def steps(self) -> Sequence[Step]:
        return [verbs.PowerOn(self.power_on)]

    def proofs(self) -> Sequence[Proof]:
        return [
            Proof(f"the link of {self.power_on} is up", shell(self.power_on, UP)),
            Proof(f"the process of {self.power_on} runs", verbs.Running(self.power_on)),
        ]

    def typed(self) -> str:
        return f"switch {self.power_on} on"


class Reboot(Action, key="reboot"):
    """Make a host anew at the same address, perhaps with other sysctls; rules and routes that were added are lost.

    Sysctls are merged onto the stack's. Outside of a lab they are set without a reboot, by sysctl(8); inside of a
    container they can be set only when it is made.
    """

    reboot: Host
    sysctls: Sysctls = pydantic.Field(default_factory=dict)

    def steps(self) -> Sequence[Step]:
        return [verbs.Reboot(self.reboot, self.sysctls)]

    def proofs(self) -> Sequence[Proof]:
        settings = (
            Proof(
                f"{name} is {value} on {self.reboot}", shell(self.reboot, f"{READ.format(name)} {shlex.quote(value)}")
            )
            for name, value in self.sysctls.items()
        )
        return [Proof(f"the process of {self.reboot} runs", verbs.Running(self.reboot)), *settings]

    def typed(self) -> str:
        settings = ", ".join(f"{name}={value}" for name, value in self.sysctls.items())
        return f"reboot {self.reboot}" + (f"   # with {settings}" if settings else "")
