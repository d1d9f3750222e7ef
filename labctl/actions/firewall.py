"""Firewall rules in a host's network namespace, written as the operator writes them."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Sequence
from functools import partial
from typing import Self

import pydantic

from labctl.actions import Action, Proof, RuleCounter, Step, shell, tool
from labctl.language.fields import Host

RULE = re.compile(r"(ip|ip6|inet) [a-z]\w* (input|output|forward) [^\n;]+")
OF_THE_PROGRAM = re.compile(r"-M|--mo(d(p\w*)?)?(=|$)|-[ADICRLSFZNXPEt]$")  # such as --modprobe, or another command
COUNTED = re.compile(r"(.*) -c (\d+) \d+(.*)")  # the last of them: a comment, which may say the same, stands before
VERDICT = re.compile(r"\b(accept|drop|reject|return|queue|jump|goto)\b")


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
            raise ValueError("iptables needs either `rule` (to insert) or `delete`")
        _, chain, specification = self._parts()
        if not specification or chain.startswith("-") or chain == "iptables":
            raise ValueError("a rule is a chain and a match or target, such as INPUT -p tcp --dport 8080 -j DROP")
        if options := [word for word in specification if OF_THE_PROGRAM.match(word)]:
            raise ValueError(f"{options[0]!r} is an option of iptables itself, not a part of a rule")
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
        return [tool(self.iptables, *argv)]

    def proofs(self) -> Sequence[Proof]:
        there = tool(self.iptables, *self._argv("-C"), exits=0 if self.rule else 1)
        return [Proof(f"the rule is {'listed' if self.rule else 'gone'} on {self.iptables}", there)]

    def counter(self) -> RuleCounter | None:
        if self.rule is None:
            return None
        table, chain, _ = self._parts()
        listing = tool(self.iptables, "iptables", "-w", *table, "-v", "-S", chain, exits=None)
        # as it was inserted before all others, it is the first now
        return RuleCounter(listing, _taken, identify=tool(self.iptables, "iptables", "-w", *table, "-S", chain, "1"))

    def typed(self) -> str:
        argv = self._argv("-I") if self.rule else self._argv("-D")
        return shlex.join(word for word in argv if word != "-w")


class Nft(Action, key="nft"):
    """Insert a rule before all others of its chain (`rule`), or delete one (`delete`), by nft(8).

    Written as for `nft add rule`: `inet filter input tcp dport 8080 drop`. Its table and its chain are made where they
    are not there, the chain as the base chain of the hook that it is named after. The rule carries a comment, by which
    it is found again, and a counter.
    """

    nft: Host
    rule: str | None = None
    delete: str | None = None

    @pydantic.model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.rule is None) == (self.delete is None):
            raise ValueError("nft needs either `rule` (to insert) or `delete`")
        if not RULE.fullmatch(self._written):
            raise ValueError(
                "a rule is a family, a table, a chain and a statement: inet filter input tcp dport 8080 drop"
            )
        return self

    @property
    def _written(self) -> str:
        return (self.rule or self.delete or "").strip()

    @property
    def _chain(self) -> str:
        return " ".join(self._written.split()[:3])

    @property
    def _mark(self) -> str:
        return f"labctl-{hashlib.sha256(self._written.encode()).hexdigest()[:8]}"

    def _handle(self) -> str:
        """Return a shell line that prints the rule's handle, by which alone nft deletes it."""
        return f"nft -a list chain {self._chain} | sed -n 's/.*comment \"{self._mark}\".*# handle //p'"

    def steps(self) -> Sequence[Step]:
        if self.delete:
            return [shell(self.nft, f"nft delete rule {self._chain} handle $({self._handle()} | head -n 1)")]
        family, table, chain, statement = self._written.split(maxsplit=3)
        counted = statement if "counter" in statement.split() else VERDICT.sub(r"counter \1", statement, count=1)
        commands = [
            f"add table {family} {table}",
            f"add chain {self._chain} {{ type filter hook {chain} priority 0; }}",
            f'insert rule {self._chain} {counted} comment "{self._mark}"',
        ]
        return [tool(self.nft, "nft", "\n".join(commands))]

    def proofs(self) -> Sequence[Proof]:
        listed = f"{self._handle()} | grep -q ."
        if self.delete:
            return [Proof(f"the rule is gone on {self.nft}", shell(self.nft, f"! {listed}"))]
        return [Proof(f"the rule is listed on {self.nft}", shell(self.nft, listed))]

    def counter(self) -> RuleCounter | None:
        if self.rule is None:
            return None
        listing = tool(self.nft, "nft", "-j", "list", "chain", *self._chain.split(), exits=None)
        return RuleCounter(listing, partial(_counted, self._mark))

    def typed(self) -> str:
        if self.delete:
            return f"nft delete rule {self._chain} handle $HANDLE   # {self._written}"
        return f"nft insert rule {self._written}"


def _taken(rule: str, listing: str) -> int:
    """Return the packets that a rule took, by what `iptables -v -S` lists: it says `-c PACKETS BYTES` in each rule."""
    counted = (found for line in listing.splitlines() if (found := COUNTED.fullmatch(line)))
    return sum(
        int(packets) for before, packets, after in map(re.Match.groups, counted) if before + after == rule.strip()
    )


def _counted(mark: str, _: str, listing: str) -> int:
    """Return the packets that a rule took, by what `nft -j list chain` lists (libnftables-json(5))."""
    listed = json.loads(listing or '{"nftables": []}')["nftables"]
    rules = (one["rule"] for one in listed if one.get("rule", {}).get("comment") == mark)
    return sum(part["counter"]["packets"] for rule in rules for part in rule["expr"] if "counter" in part)
