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
    """What a try came to."""

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
    """What a run, or many, came to."""

    PASSED = "passed"
    FAILED = "failed"  # the scenario's claim is wrong
    INCONCLUSIVE = "inconclusive"  # the lab could not tell
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
        )


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended: what it printed and its exit code (null where its deadline ended it)."""

    exit_code: int | None
    stdout: str
    stderr: str
    seconds: float

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
class Finding:
    """One judged statement about what a client saw: the claim, whether it held, what was seen, what the client said.

    Claim and sight are predicates: `should come to ok`, `came to refused`.
    """

    client: str
    claim: str
    held: bool
    seen: str
    said: str = ""


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
class Observation:
    """What every client saw at one moment of a phase, and how each compares with what was expected of it."""

    at: float
    tries: tuple[Try, ...]
    findings: tuple[Finding, ...]

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
    services: Mapping[str, Any] = field(default_factory=dict)  # logs and exits, by service
    folder: str = ""
