"""The vocabulary, as plain values: what the lab makes and hands from module to module.

What people write is read into frozen pydantic models (`stack`, `scenario`, `actions`); what the lab makes is here.
Times are seconds (float), moments are seconds since the run began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The result of a try."""

    OK = "ok"
    REFUSED = "refused"
    TIMED_OUT = "timed-out"
    UNREACHABLE = "unreachable"
    RESET = "reset"
    CLOSED = "closed"
    NAME_ERROR = "name-error"
    DENIED = "denied"
    EXHAUSTED = "exhausted"
    TLS_ERROR = "tls-error"
    PROTOCOL_ERROR = "protocol-error"


class Stage(StrEnum):
    """How far a try came before it failed."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    HANDSHAKE = "handshake"
    SEND = "send"
    RECEIVE = "receive"
    PROTOCOL = "protocol"


class Verdict(StrEnum):
    """The result of a run, or of many."""

    PASSED = "passed"
    FAILED = "failed"  # the scenario's claim is wrong
    INCONCLUSIVE = "inconclusive"  # the lab could not decide
    SKIPPED = "skipped"  # this machine lacks something that the scenario names

    @staticmethod
    def overall(verdicts: Iterable[Verdict]) -> Verdict:
        """Combine verdicts: failed outweighs inconclusive, which outweighs passed; skipped only where all are."""
        present = set(verdicts)
        for verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.PASSED):
            if verdict in present:
                return verdict
        return Verdict.SKIPPED

    @property
    def exit_code(self) -> int:
        """The exit code of a command that ends with this verdict: 0 passed, 1 failed, 3 nothing could be told."""
        return {Verdict.PASSED: 0, Verdict.FAILED: 1}.get(self, 3)


WRONG = (Verdict.FAILED, Verdict.INCONCLUSIVE)  # what asks for somebody's attention, the worse first


class Phase(StrEnum):
    """The four parts of a run, in their order."""

    HEALTHY = "healthy"
    FAULTED = "faulted"
    UNFIXED = "unfixed"  # the control: nothing is done but wait
    FIXED = "fixed"

    @property
    def broken(self) -> bool:
        """Whether the fault is in place during this phase."""
        return self in (Phase.FAULTED, Phase.UNFIXED)


NOBODY = "nobody"  # in place of a host, where no host has an address


@dataclass(frozen=True, slots=True)
class Link:
    """One exception of a chain, and what leads from the one before it to this one."""

    type: str  # module-qualified
    message: str
    link: str  # "", "cause", "context", "reason", "os_error", "args"


@dataclass(frozen=True, slots=True)
class Try:
    """One client's attempt to reach its target, as the client itself tells it."""

    client: str
    version: str
    outcome: Outcome
    stage: Stage | None  # null where the client does not tell
    seconds: float
    errno: str | None = None
    errno_number: int | None = None
    chain: tuple[Link, ...] = ()
    says: str = ""  # the last line that a user sees
    details: str = ""  # the whole traceback, or everything printed
    exit_code: int | None = None
    starved: float = 0.0  # of its seconds, those in which something on the machine waited for a processor

    @property
    def least_seconds(self) -> float:
        """How long it may have taken on a machine with a processor for everybody, at the least."""
        return max(0.0, self.seconds - self.starved)

    @classmethod
    def parse(cls, reply: Mapping[str, Any]) -> Try:
        """Read what a client's program reported.

        Raises ValueError or KeyError where it is no such report.
        """
        stage = reply.get("stage")
        return cls(
            client=str(reply["client"]),
            version=str(reply["version"]),
            outcome=Outcome(reply["outcome"]),
            stage=None if stage is None else Stage(stage),
            seconds=float(reply["seconds"]),
            errno=reply.get("errno"),
            errno_number=reply.get("errno_number"),
            chain=tuple(Link(**link) for link in reply.get("chain", ())),
            says=str(reply.get("says", "")),
            details=str(reply.get("details", "")),
            exit_code=reply.get("exit_code"),
            starved=float(reply.get("starved", 0.0)),
        )


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended: what it printed and its exit code (null where its deadline ended it)."""

    exit_code: int | None
    stdout: str
    stderr: str
    seconds: float
    then: Ran | None = None  # what came of the command that was to follow it, once it had exited 0

    @property
    def output(self) -> str:
        """Everything that it printed, standard output first."""
        return self.stdout + self.stderr


@dataclass(frozen=True, slots=True)
class Exit:
    """How a service's process ended, as the engine's event stream told it."""

    code: int
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class ServiceRun:
    """What one process of a service printed, and how it ended; None where it ran until the lab was removed."""

    log: str
    exit: Exit | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One judged expectation of a client, or of a piece of evidence.

    `claim` is what was expected (`refused`, `failure at receive`), `seen` what happened, as a predicate (`got ok`).
    """

    about: str
    claim: str
    held: bool
    seen: str
    said: str = ""
    busy: bool = False  # it did not hold, and might on a machine with a processor for every process


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One diagnosis step, executed: the command as a person would type it, its output, what it was judged by."""

    command: str
    host: str
    output: str
    judged: bool
    held: bool
    by: str = ""  # what it was judged by: "shows …", "lacks …", "exits …"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet of a connection, put together from what the hosts on its way captured."""

    at: float  # seconds since the connection's first packet
    by: str  # the host that sent it
    kind: str  # one of labctl.kernel.pcap.KINDS
    again: bool  # a retransmission: the same was sent before
    reached: str  # the last host that it was seen at; its sender where it was seen nowhere else


@dataclass(frozen=True, slots=True)
class Connection:
    """One attempt to connect, as the wire saw it."""

    client: str  # the host that began it
    client_port: int
    server: str  # the host that has the address it went to; NOBODY where none has
    port: int
    packets: tuple[Packet, ...]


@dataclass(frozen=True, slots=True)
class Listening:
    """A listener, as inet_diag tells of it (sock_diag(7)): its backlog limit, and how many wait to be accepted."""

    address: str
    port: int
    backlog: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Look:
    """What one host's kernel knew during one observation."""

    counters: Mapping[str, int]  # by how much each moved, named as nstat(8) names it; those that did not are left out
    listeners: tuple[Listening, ...] = ()  # when the clients began to try
    sockets: Mapping[str, int] = field(default_factory=dict)  # how many were in which TCP state then


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the kernels of all hosts saw of one observation."""

    client: str = ""  # the host that tried
    connections: tuple[Connection, ...] = ()  # those that it opened
    hosts: Mapping[str, Look] = field(default_factory=dict)
    rules: Mapping[str, int] = field(default_factory=dict)  # packets that each of the fault's own rules took
    expected: tuple[Packet, ...] | None = None  # what each connection should show; their times mean nothing
    findings: tuple[Finding, ...] = ()
    flaws: tuple[str, ...] = ()  # why it cannot be trusted


@dataclass(frozen=True, slots=True)
class Observation:
    """What every client saw at one moment of a phase, and how each compares with what was expected of it."""

    at: float
    tries: tuple[Try, ...]
    findings: tuple[Finding, ...]
    evidence: Evidence | None = None  # of a phase's last observation

    @property
    def held(self) -> bool:
        """Whether every client saw what was expected."""
        return all(finding.held for finding in self.findings)


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """One phase: what was done to begin it, what was observed in it, what the diagnosis showed."""

    phase: Phase
    began: float
    ended: float
    done: tuple[str, ...] = ()  # what a person would have typed or set
    observations: tuple[Observation, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A whole run, as it is written to result.json."""

    run: str
    scenario: str
    title: str
    cause: str
    verdict: Verdict
    reason: str
    advice: str
    seconds: float
    phases: tuple[PhaseResult, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, tuple[ServiceRun, ...]] = field(default_factory=dict)  # each in the order of its runs
    folder: str = ""
    names: Mapping[str, str] = field(default_factory=dict)  # the lab's addresses, by the placeholders for them
    timeout: float = 0.0  # the client's, in seconds, while it is broken
    record: str = ""  # how the errors compare with the scenario's record
    fingerprint: str = ""  # over everything that must be the same in every run of the scenario
    kept: bool = True  # whether all of it is on disk; otherwise nothing follows from it
