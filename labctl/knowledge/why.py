"""From an error to its causes: those that the lab has measured to give exactly this, and what tells them apart.

Nothing is guessed. A scenario is a cause where its record shows the same; what no record covers is said to be so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from labctl.clients import UNIX, Target
from labctl.kernel.pcap import ARP_REQUEST
from labctl.knowledge.entries import Entry
from labctl.knowledge.tree import Tree, tree
from labctl.language.placeholders import TARGET_HOST, TARGET_PORT
from labctl.model import Outcome, Stage
from labctl.results.record import Recorded
from labctl.results.reproducible import text
from labctl.scenario.causes import CAUSES
from labctl.symptoms import Symptom
from labctl.symptoms.codes import code_of

FIRST_ANSWER = 1.0  # seconds: what takes longer is no answer to the first SYN, which is sent again then (RFC 6298, 2.1)
LABS_PORT = "8080"  # of the servers in the stacks
SERVER_PORT = "SERVER_PORT"  # the same, for somebody who has another
ADDRESS = re.compile(r"\$\{[\w.-]+\}|<address>|\b\d{1,3}(?:\.\d{1,3}){3}\b")
STOCK = "http"  # what the stock server speaks
CONNECTED = (Stage.HANDSHAKE, Stage.SEND, Stage.RECEIVE)
NO_ENGINE = (Outcome.UNREACHABLE, Outcome.REFUSED)  # which the docker command words alike
NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Cause:
    """A scenario that gives an error, as the lab has measured it."""

    scenario: str
    title: str
    cause: str
    exact: bool  # with the very same message of the same client, names and addresses apart
    clients: tuple[str, ...]  # that see it so
    fix: tuple[str, ...]  # what a person types or sets
    traps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Excluded:
    """A scenario that gives another error."""

    scenario: str
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one error."""

    symptom: Symptom
    own: bool  # it was compared with the records of its own client, not with all
    causes: tuple[Cause, ...]
    excluded: tuple[Excluded, ...]
    next: Tree  # of the causes' scenarios

    @property
    def on_itself(self) -> bool:
        """Whether the client tried to reach the machine, or the container, that it runs on itself."""
        host = self.symptom.host or ""
        return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")  # noqa: S104 - compared, not bound


def why(symptom: Symptom, entries: Sequence[Entry]) -> Answer:
    """Return the causes of an error, those first whose record has its very words; and why the others are none."""
    causes: list[Cause] = []
    excluded: list[Excluded] = []
    spoken = {_scheme(entry) for entry in entries if symptom.client in entry.recorded}
    for entry in entries:
        seen = _comparable(symptom, entry, spoken)
        same = [name for name, one in seen.items() if _same(symptom, entry, one)] if _same_code(symptom, entry) else []
        if same:
            causes.append(_cause(symptom, entry, same))
        elif seen:
            excluded.append(Excluded(entry.name, _reason(seen)))
    slow = {entry.name for entry in entries if not _in_time(symptom, entry)}
    order = list(CAUSES)
    causes.sort(key=lambda one: (not one.exact, one.scenario in slow, order.index(one.cause), one.scenario))
    return Answer(
        symptom,
        bool(spoken) and all(cause.clients == (symptom.client,) for cause in causes),
        tuple(causes),
        tuple(excluded),
        tree([one.scenario for one in causes], entries),
    )


def _comparable(symptom: Symptom, entry: Entry, spoken: Collection[str | None]) -> Mapping[str, Recorded]:
    """Return what an error is compared with: what its client saw of the scenario, or all did, or nothing.

    All, where the text does not tell the client, or where it is one of another protocol: the stock server stands for
    any. What was measured with a server that has clients of its own is theirs alone.
    """
    scheme = _scheme(entry)
    at_socket = _at_socket(symptom)
    if at_socket is not None and at_socket is not (scheme == UNIX):
        return {}
    if scheme in spoken:
        return {name: one for name, one in entry.recorded.items() if name == symptom.client}
    return entry.recorded if not spoken or scheme in (STOCK, None) else {}


def _scheme(entry: Entry) -> str | None:
    target = entry.scenario.client.target
    return Target.parse(target).scheme if target else None


def _at_socket(symptom: Symptom) -> bool | None:
    """Tell whether an error is one of a Unix socket; None where the text does not tell.

    curl names the host of its URL, whatever it connects to.
    """
    if symptom.client == "docker":
        return True
    if symptom.host is None or (symptom.client == "curl" and symptom.host == "localhost"):
        return None
    return symptom.host.startswith("/")


def _same_code(symptom: Symptom, entry: Entry) -> bool:
    """Tell whether a scenario gives an error's code, with whichever client tells it: its cause gives it, not they."""
    told = {code_of(seen.outcome, seen.says) for seen in entry.recorded.values()} - {None}
    return symptom.code is None or not told or symptom.code in told


def _same(symptom: Symptom, entry: Entry, seen: Recorded) -> bool:
    """Tell whether an error is what was recorded; what a text does not tell is not held against it.

    Where it does not even tell what the connection came to, as curl's may not, the words must be the same. What depends
    on the client alone tells nothing of the cause: whether its own timer or its kernel (ETIMEDOUT) ended the waiting,
    and what it was at when its connection was reset: sending (EPIPE), receiving, or shaking hands for TLS.
    """
    if symptom.outcome is None:
        return _same_words(symptom, entry, seen) or (_at_socket(symptom) is True and seen.outcome in NO_ENGINE)
    if symptom.outcome is not seen.outcome:
        return False
    stages = _stages(entry, seen)
    if symptom.stage and stages and _connected(symptom.stage) not in stages:
        return False
    return symptom.outcome is Outcome.RESET or not (symptom.errno and seen.errno) or symptom.errno == seen.errno


def _stages(entry: Entry, seen: Recorded) -> set[Stage | bool]:
    """Return the stage of what was recorded; where its client does not tell it, those that others tell of the same."""
    told = [seen] if seen.stage else [one for one in entry.recorded.values() if one.outcome is seen.outcome]
    return {_connected(one.stage) for one in told if one.stage}


def _connected(stage: Stage) -> Stage | bool:
    """Return a stage, or that there was a connection already."""
    return stage in CONNECTED or stage


def _cause(symptom: Symptom, entry: Entry, clients: Sequence[str]) -> Cause:
    scenario = entry.scenario
    return Cause(
        scenario=scenario.name,
        title=scenario.title,
        cause=scenario.cause,
        exact=any(_same_words(symptom, entry, entry.recorded[client]) for client in clients),
        clients=tuple(clients),
        fix=tuple(action.typed() for action in scenario.fix),
        traps=tuple(trap.remedy for trap in scenario.traps),
    )


def _same_words(symptom: Symptom, entry: Entry, seen: Recorded) -> bool:
    target = entry.scenario.client.target
    hosts = {symptom.host, Target.parse(target).host if target else None}
    return bool(seen.says) and _wording(symptom.quoted, hosts).endswith(_wording(seen.says, hosts))


def _wording(said: str, hosts: Collection[str | None]) -> str:
    """Return what was said without whom and when it was about."""
    said = ADDRESS.sub("<host>", text(said, {}))
    for host in hosts:
        said = said.replace(host, "<host>") if host else said
    return NUMBER.sub("<number>", said)


def _in_time(symptom: Symptom, entry: Entry) -> bool:
    """Tell whether an error took as long as it takes here: whether somebody answered, or nobody did."""
    if symptom.seconds is None or symptom.outcome is Outcome.TIMED_OUT:
        return True
    expect = entry.scenario.expect
    waits = expect.after is not None or any(packet.kind == ARP_REQUEST for packet in expect.packets or ())
    return (symptom.seconds >= FIRST_ANSWER) == waits


def _reason(seen: Mapping[str, Recorded]) -> str:
    """Say what clients see of another scenario: what most of them do."""
    [(told, times)] = Counter(map(_shown, seen.values())).most_common(1)
    who = next(iter(seen)) if len(seen) == 1 else f"{times} of {len(seen)} clients"
    return f"there {who} would show {told}"


def _shown(seen: Recorded) -> str:
    code = code_of(seen.outcome, seen.says)
    return came_to(seen) + (f", {code}" if code else "")


def came_to(seen: Recorded) -> str:
    """Return what a client came to, in words: refused at connect, ECONNREFUSED."""
    stage = f" at {seen.stage}" if seen.stage else ""
    return f"{seen.outcome}{stage}" + (f", {seen.errno}" if seen.errno else "")


def adapted(said: str, symptom: Symptom) -> str:
    """Return a question or a fix of the lab for somebody else: with the error's target, and the lab's port as a name.

    The port that a client uses is the server's own unless that is the cause, so the two are kept apart.
    """
    host, port = symptom.host or "TARGET_HOST", str(symptom.port) if symptom.port else "TARGET_PORT"
    said = said.replace(f"${{{TARGET_HOST}}}", host).replace(f"${{{TARGET_PORT}}}", port)
    return said.replace(LABS_PORT, SERVER_PORT)
