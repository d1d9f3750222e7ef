"""Everything that can go wrong with the lab itself.

A *failure* that a scenario sets out to cause is a value (`labctl.model.Observation`), never one of these.
What is raised here is our own breakage or a user's mistake, and each says three things:
what happened, what it means, what to do next.

    LabctlError
    ├── UsageError              an argument, a scenario or a stack is wrong                    exit 2
    │   ├── UnknownName         a name that does not exist, with the nearest that do
    │   ├── NoClient            none of the clients asked for can try this
    │   └── Mistakes            every mistake of one file, each with its line and column
    ├── EngineError             the Docker Engine said no, or said nothing                     exit 3
    │   ├── EngineUnavailable   no engine answers, and none may or can be started
    │   ├── EngineSilent        the engine is there, and did not answer in time
    │   ├── NotThere            the container, network or image is gone, or never was
    │   └── Taken               the name, subnet or address is in use by somebody else
    ├── HostError               preparing this machine failed (packages, dockerd, image)       exit 3
    │   └── NotWritten          a file or a folder of labctl's own cannot be written
    └── LabError                the running lab broke: the verdict is inconclusive             exit 3
        ├── DeadlineExceeded    something awaited did not come in time
        ├── AgentLost           a host's agent ended, or its stream was cut
        ├── AgentRefused        a host's agent could not do what it was asked
        └── NotInPlace          an action was applied, but its proof does not hold

    Interrupted                 the user, or the system, asked us to stop                      exit 130

Interrupted is not an error of the lab, so it is not a LabctlError and, like KeyboardInterrupt, not an Exception: what
catches errors lets it pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

MOST_TOLD = 100  # mistakes
MOST_LISTED = 200  # characters of names in a message: three lines of a terminal
SHORTEST_PART = 3  # characters of a name by which others are found that hold it
LONGEST_NAME, MOST_NAMES = 100, 500  # among which the nearest is looked for: files are untrusted, and it takes its time


class LabctlError(Exception):
    """The root of labctl's errors.

    `what` happened is one sentence; `means` and `todo` may be empty where the first says it all.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, what: str, *, means: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.means = means
        self.todo = todo

    def __str__(self) -> str:
        return "\n".join(part for part in (self.what, self.means, self.todo) if part)


class UsageError(LabctlError):
    """An argument, a scenario or a stack is wrong."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that does not exist; names the nearest known ones, or those that fit into a few lines.

    `see` is the command that lists all.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, see: str = "") -> None:
        known = sorted(known)
        near = nearest(name, known)
        shown = listed(known)
        if near:
            todo = f"Did you mean {' or '.join(near)}?"
        elif see and shown.endswith(" more"):
            todo = f"`{see}` lists the {len(known)} that there are."
        else:
            todo = f"Known: {shown}."
        super().__init__(f"there is no {kind} called {name!r}.", todo=todo)
        self.name = name
        self.near = near


class NoClient(UsageError):
    """None of the clients that were asked for can try what a scenario's client tries."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake in one file; line and column count from 1."""

    file: str
    line: int
    column: int
    wrong: str
    meant: str = ""

    def __str__(self) -> str:
        hint = f" {self.meant}" if self.meant else ""
        return f"{self.file}:{self.line}:{self.column}: {self.wrong}{hint}"


class Mistakes(UsageError):
    """Every mistake found in the files of one scenario, in order; of very many, the first are told."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        told = [str(mistake) for mistake in self.mistakes[:MOST_TOLD]]
        if (more := len(self.mistakes) - len(told)) > 0:
            told.append(f"… and {more} more.")
        super().__init__("\n".join(told))


class EngineError(LabctlError):
    """The Docker Engine refused a request; `status` is its HTTP status, or None where it gave none."""

    def __init__(self, what: str, *, means: str = "", todo: str = "", status: int | None = None) -> None:
        super().__init__(what, means=means, todo=todo)
        self.status = status


class EngineUnavailable(EngineError):
    """No engine answers, and none may or can be started."""


class EngineSilent(EngineError):
    """The engine is there, and an answer of it did not come in time."""


class NotThere(EngineError):
    """The container, network or image is gone, or never was."""


class Taken(EngineError):
    """The name, subnet or address is in use by somebody else."""


class HostError(LabctlError):
    """Preparing this machine failed: a package, dockerd, or an image."""


class NotWritten(HostError):
    """A file or a folder of labctl's own cannot be written; `errno` is the reason, see `labctl.system.files`."""

    def __init__(self, what: str, errno: int, *, means: str = "", todo: str = "") -> None:
        super().__init__(what, means=means, todo=todo)
        self.errno = errno


class LabError(LabctlError):
    """The running lab broke, so the run can say nothing about its scenario."""


class DeadlineExceeded(LabError):
    """Something awaited did not come in time; says what, and what was last seen."""

    def __init__(self, awaited: str, seconds: float, *, last: str = "") -> None:
        means = f"Last seen:\n{indented(last)}" if last.strip() else ""
        super().__init__(f"timed out after {seconds:g} s waiting for {awaited}.", means=means)
        self.awaited = awaited
        self.seconds = seconds
        self.last = last


class AgentLost(LabError):
    """A program of ours inside a host ended, or its stream was cut; carries its last output."""

    def __init__(self, host: str, why: str, last: str = "", program: str = "agent") -> None:
        means = f"Its last output:\n{indented(last)}" if last.strip() else "It printed nothing."
        super().__init__(f"{host!r} has lost its {program}: {why}.", means=means)
        self.host = host
        self.last = last


class AgentRefused(LabError):
    """A host's agent answered that it could not do what it was asked."""

    def __init__(self, host: str, asked: str, why: str) -> None:
        super().__init__(f"{host!r} could not {asked}: {why}")
        self.host = host
        self.asked = asked
        self.why = why


class NotInPlace(LabError):
    """An action was applied without an error, and yet what it should have changed has not changed."""

    def __init__(self, action: str, proof: str, seen: str = "") -> None:
        means = f"Seen instead:\n{indented(seen)}" if seen.strip() else ""
        super().__init__(f"{action}: not in place, for {proof} does not hold.", means=means)
        self.action = action


class Interrupted(BaseException):
    """The user, or the system, asked us to stop."""

    exit_code: ClassVar[int] = 130


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the two known names that `name` most likely meant, or none: those spelt alike, else those that hold it."""
    from difflib import get_close_matches

    if len(name) > LONGEST_NAME:
        return []
    known = list(islice(known, MOST_NAMES))
    holding = [one for one in known if len(name) >= SHORTEST_PART and name.lower() in one.lower()]
    return get_close_matches(name, known, n=2, cutoff=0.6) or sorted(holding, key=len)[:2]


def listed(names: Sequence[str]) -> str:
    """Return names in a row, as many as fit into MOST_LISTED characters, and how many more there are."""
    shown: list[str] = []
    for name in names:
        if shown and len(", ".join([*shown, name])) > MOST_LISTED:
            return f"{', '.join(shown)} and {len(names) - len(shown)} more"
        shown.append(name)
    return ", ".join(shown) or "none"


def meant(name: str, known: Iterable[str]) -> str:
    """Return the hint that goes with an unknown name: the nearest known one, or all of them."""
    known = sorted(known)
    near = nearest(name, known)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {listed(known)}."


def indented(text: str, by: str = "  ") -> str:
    """Return `text` with every line moved to the right, for quoting output inside a message."""
    return "\n".join(by + line for line in text.rstrip().splitlines())
