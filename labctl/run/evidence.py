"""The kernels' own evidence of what clients saw: looked at before and after they try, then read.

Every host of a lab is looked at, also those in between: where a packet got lost is told by who saw it last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from labctl.actions import Action, Ask, RuleCounter
from labctl.errors import LabctlError, LabError, UnknownName
from labctl.kernel import counters, packets, pcap, sockets
from labctl.lab.lab import Lab
from labctl.lab.witness import Glance
from labctl.model import Evidence, Look
from labctl.results.journal import LABCTL, Journal

CLOCK_DRIFTS = 0.25  # seconds between two looks by which the clock may be slewed, far more than adjtimex(2) does
FORWARDED = "IpForwDatagrams"  # what a host in between passes on (RFC 4293, ipIfStatsHCOutForwDatagrams)


@dataclass(frozen=True, slots=True)
class Rule:
    """A firewall rule of the fault: how it is written and where, how it counts, and what the kernel calls it."""

    typed: str
    counter: RuleCounter
    identity: str


@dataclass(slots=True)
class Seen:
    """One observation's evidence, which is complete once the observation is over."""

    before: Mapping[str, Glance]
    rules_before: Mapping[str, int]
    after: Mapping[str, Glance] = field(default_factory=dict)
    rules_after: Mapping[str, int] = field(default_factory=dict)
    wanted: bool = True  # whether anybody will read it; otherwise nobody looks once more


def jumps(seen: Seen) -> Iterator[str]:
    """Yield on which hosts the clock was set meanwhile: packets bear its time, and cannot be told from earlier ones."""
    for host, after in seen.after.items():
        before = seen.before[host]
        jumped = (after.at - before.at) - (after.ran - before.ran)
        if abs(jumped) > CLOCK_DRIFTS:
            yield f"the clock of {host} was set {'forward' if jumped > 0 else 'back'} by {abs(jumped):.1f} s meanwhile"


class Witnesses:
    """All of a lab's witnesses, and the counters of the fault's own rules."""

    def __init__(self, lab: Lab, journal: Journal, client: str) -> None:
        self._lab = lab
        self._journal = journal
        self._client = client
        self._witnesses = {host: pod.witness for host, pod in lab.pods.items() if pod.witness is not None}
        self._rules: list[Rule] = []
        self._last: Seen | None = None  # the last observation's, until it is read

    def demand(self, names: Collection[str]) -> None:
        """See that the kernels have these counters, HOST.NAME each; raises LabError where one has not."""
        glances = self._glances() if names and self._witnesses else {}
        for host, _, counter in (name.partition(".") for name in names if glances):
            try:
                counters.demand(counter, glances[host].counters)
            except UnknownName as error:
                raise LabError(f"the kernel of {host} does not count {counter!r}.", todo=error.todo) from error

    def know(self, action: Action) -> None:
        """Count from now on what the rule of an action takes, if it is one that was just put in place."""
        counter = action.counter()
        if counter is not None and self._witnesses:
            typed = f"{action.typed()} on {action.subject}"
            self._rules.append(Rule(typed, counter, self._printed(counter.identify)))

    def forget(self) -> None:
        """Count no rules any more: the fix is about to remove them."""
        self._rules.clear()

    @contextmanager
    def watching(self) -> Iterator[Seen | None]:
        """Look before and after what is done meanwhile; nobody looks where the lab has no witnesses."""
        self._last = None
        if not self._witnesses:
            yield None
            return
        seen = Seen(self._glances(at_sockets=True), self._counted())
        yield seen
        self._last = seen
        if seen.wanted:
            seen.after = self._glances()
            seen.rules_after = self._counted()

    def turn_away(self) -> None:
        """Drop what was seen last: nobody reads it any more."""
        self._last = None

    def read(self) -> Evidence | None:
        """Read what was seen last; None where nobody watched, or was to read it."""
        return self.evidence(self._last) if self._last is not None and self._last.wanted else None

    def evidence(self, seen: Seen) -> Evidence:
        """Read what was seen."""
        with self._journal.timed("reading the evidence", LABCTL):
            hosts = {host: self._look(host, seen) for host in seen.after}
            clock = self._client if self._client in seen.after else next(iter(seen.after))  # one machine, one clock
            since, until = (glances[clock].at for glances in (seen.before, seen.after))
            captures = [one.captured for one in self._witnesses.values()]
            return Evidence(
                client=self._client,
                connections=tuple(
                    one
                    for one in packets.connections(captures, self._lab.values, self._client, since, until)
                    if (self._client, one.client_port) not in self._lab.held
                ),
                hosts=hosts,
                rules={name: after - seen.rules_before.get(name, 0) for name, after in seen.rules_after.items()},
                flaws=(*self.flaws, *self._blind(hosts), *jumps(seen)),
            )

    def _blind(self, hosts: Mapping[str, Look]) -> Iterator[str]:
        """Yield which captures show nothing, although their host passed packets on."""
        for host, look in hosts.items():
            if look.counters.get(FORWARDED) and self._witnesses[host].captured.pcap == pcap.header():
                yield f"the capture on {host} is blind: its kernel passed packets on, and it shows none"

    @property
    def flaws(self) -> tuple[str, ...]:
        """Why the captures cannot be trusted."""
        return tuple(one.flaw for one in self._witnesses.values() if one.flaw)

    def close(self) -> None:
        """Take what was captured last, and end the captures; a host that is lost has nothing more to tell."""
        if self._witnesses:
            with suppress(LabctlError):
                self._glances(last=True)

    def _look(self, host: str, seen: Seen) -> Look:
        before = seen.before[host]
        listeners, others = sockets.read(before.sockets or "")
        return Look(counters.moved(before.counters, seen.after[host].counters), listeners, others)

    def _glances(self, *, at_sockets: bool = False, last: bool = False) -> dict[str, Glance]:
        """Look at all hosts at once: everybody is asked before anybody's answer is awaited."""
        with self._journal.timed("looking at the kernels", LABCTL):
            looking = {
                host: witness.looking(self._lab.pods[host].agent, at_sockets=at_sockets, last=last)
                for host, witness in self._witnesses.items()
            }
            return {host: seen() for host, seen in looking.items()}

    def _counted(self) -> dict[str, int]:
        return {one.typed: one.counter.count(one.identity, self._printed(one.counter.listing)) for one in self._rules}

    def _printed(self, step: Ask | None) -> str:
        return "" if step is None else str(self._lab.carry_out(step).stdout)
