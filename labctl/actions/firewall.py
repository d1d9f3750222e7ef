"""Firewall rules in a host's network namespace, written as the operator writes them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Self

import pydantic

from labctl.actions import Action, Ask, Proof, Step
from labctl.fields import Host

SECONDS = 5.0  # for one call of the tool; it waits for the lock of others


class Iptables(Action, key="iptables"):
    """Insert a rule before all others of its chain (`rule`), or delete one (`delete`).

    Written as for iptables(8), without the command letter: `INPUT -p tcp --dport 8080 -j DROP`, perhaps with `-t`.
    """

    iptables: Host
    rule: str | None = None
    delete: str | None = None

    @pydantic.model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.rule is None) == (self.delete is None):
            raise ValueError("iptables takes either `rule` (to insert) or `delete`")
        _, chain, specification = self._parts()
        if not specification or chain.startswith("-") or chain == "iptables":
            raise ValueError("a rule is a chain and a match or target, such as INPUT -p tcp --dport 8080 -j DROP")
        return self

    def _parts(self) -> tuple[list[str], str, list[str]]:
        """Return the option that names a table, the chain, and the rest."""
        try:
            words = shlex.split(self.rule or self.delete or "")
        except ValueError as error:
            raise ValueError(f"the rule cannot be split into words: {error}") from error
        table = words[:2] if words[:1] == ["-t"] else []
        chain, *specification = words[len(table) :] or [""]
        return table, chain, specification

    def _argv(self, letter: str, *position: str) -> list[str]:
        table, chain, specification = self._parts()
        return ["iptables", "-w", *table, letter, chain, *position, *specification]

    def steps(self) -> Sequence[Step]:
        argv = self._argv("-I", "1") if self.rule else self._argv("-D")
        return [Ask(self.iptables, "run", {"argv": argv, "timeout": SECONDS})]

    def proofs(self) -> Sequence[Proof]:
        there = Ask(self.iptables, "run", {"argv": self._argv("-C"), "timeout": SECONDS}, exits=0 if self.rule else 1)
        return [Proof(f"the rule is {'listed' if self.rule else 'gone'} on {self.iptables}", there)]

    def typed(self) -> str:
        argv = self._argv("-I") if self.rule else self._argv("-D")
        return shlex.join(word for word in argv if word != "-w")
