"""Instruments that are broken on purpose, each in its own way: none lets a scenario pass, and the one is named.

Each case is one of the scenarios on disk with something in it, in its record, or in the lab's eyes changed. All of them
run at once when the first is asked for, apart from the one whose damage would reach the others too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import Mistakes
from labctl.lab import containers, deploy
from labctl.lab.session import Session
from labctl.lab.witness import Limits, Witness
from labctl.model import Phase, Result, Verdict
from labctl.report.terminal import as_text
from labctl.results.journal import Journal
from labctl.results.record import file_of
from labctl.run.run import EVERYTHING, Options, run
from labctl.scenario.load import load
from labctl.system.places import installed
from support.variants import variant

AT_ONCE = 3
CLIENTS = ("socket", "curl")
P, F, I = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE  # noqa: E741 - for the table below
HEALTHY, FAULTED, FIXED = Phase.HEALTHY, Phase.FAULTED, Phase.FIXED

Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Case:
    """A scenario with something changed in it, what it comes to in which phase, and what it says of that."""

    of: str
    verdict: Verdict
    phase: Phase | None
    says: tuple[str, ...]  # each in the reason or in the advice
    changes: Mapping[str, Any]
    captures: Limits | None = EVERYTHING
    record: Change | None = None  # of what is recorded of its clients


SOON: dict[str, Any] = {"diagnose": [], "recover": {"within": "300ms"}}
NOTHING = {"fault": [{"run": "true", "host": "server", "with": "tools"}]}
REFUSED = {"outcome": "refused", "errno": "ECONNREFUSED"}
SYN, RST = {"from": "client", "kind": "SYN"}, {"from": "server", "kind": "RST"}
WRONG_PORT = {"iptables": "server", "rule": "INPUT -p tcp --dport 8081 -j DROP"}
WRONG_PORT_OF_NFT = {"nft": "server", "rule": "inet filter input tcp dport 8081 drop"}
UNCOUNTED = {
    "fault": [
        {"run": "iptables -w -I INPUT -p tcp --dport 8080 -j DROP", "host": "server", "with": "tools"},
        WRONG_PORT,
    ],
    "client": {"host": "client", "target": "http://server:8080/", "timeout": "400ms"},
    "expect": {"outcome": "timed-out", "stage": "connect", "counters": {"server.TcpInSegs": 0}},
}
SEND = "import socket\nfor _ in range(900): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('server', 9))"
FLOODED = [
    {"start": "server", "until": {"listens": "0.0.0.0:8080"}},
    {"run": ["python3", "-c", SEND], "host": "client", "with": "tools"},
]


def expecting(**changes: Any) -> dict[str, Any]:
    """Return what server-down expects, with something changed."""
    return {"expect": {**REFUSED, "packets": [SYN, RST], "counters": {"server.TcpOutRsts": ">0"}, **changes}}


def another_message(clients: dict[str, Any]) -> None:
    clients["socket"]["chain"][0]["message"] = "[Errno 111] Nobody at home"


def another_type(clients: dict[str, Any]) -> None:
    clients["socket"]["chain"][0]["type"] = "TimeoutError"


def another_time(clients: dict[str, Any]) -> None:
    clients["curl"]["time"] = "timed out"


def without_curl(clients: dict[str, Any]) -> None:
    del clients["curl"]


def the_same(_: dict[str, Any]) -> None:
    pass


NO_PACKET = "no evidence that the fault is in place: no packet met `"
GOT_THROUGH = "got ok, expected"
ONE_SIDED = "no packet was captured both where it was sent and where it arrived: server and client do not both capture"
MOST, MANY, LOSSY = Limits(packets=5), Limits(packets=700), Limits(buffer=1)
BRIEF, BLIND, NOWHERE = Limits(seconds=0.01), Limits(interface="lo"), Limits(interface="eth7")
ENDED = "the capture on server ended too early: it reached its limit"
SEEN = "the clients got what was expected, but the evidence differs: "
DIFFERS = "broken and repaired as claimed, but the errors differ from the record"
ANEW = "If the new errors are right, `labctl record {}` records them; a review then shows the change."
ERRNO = "[Errno 111] Connection refused"

CASES: dict[str, Case] = {
    # the fault is not what it says
    "rule-elsewhere": Case("firewall-drop", I, FAULTED, (f"{NO_PACKET}iptables -I INPUT -p tcp --dport 8081 -j DROP", GOT_THROUGH), {"fault": [WRONG_PORT]}),
    "nft-rule-elsewhere": Case("firewall-nft-drop", I, FAULTED, (f"{NO_PACKET}nft insert rule inet filter input tcp dport 8081 drop", GOT_THROUGH), {"fault": [WRONG_PORT_OF_NFT]}),
    "rule-elsewhere-and-another": Case("firewall-drop", I, FAULTED, (f"{NO_PACKET}iptables -I INPUT -p tcp --dport 8081 -j DROP", "The clients got what was expected."), UNCOUNTED),
    "nothing-stopped": Case("server-down", I, FAULTED, ("server.TcpOutRsts changed by 0, expected a change of >0", GOT_THROUGH), NOTHING),
    "nothing-shortened": Case("tiny-backlog", I, FAULTED, ("server.ListenOverflows changed by 0, expected a change of >0", "server.ListenDrops changed by 0, expected a change of >0"), NOTHING),
    # the evidence is not what the scenario claims
    "another-amount": Case("server-down", F, FAULTED, (f"{SEEN}server.TcpOutRsts changed by 2, expected a change of 0",), expecting(counters={"server.TcpOutRsts": 0})),
    "other-packets": Case("server-down", F, FAULTED, (f"{SEEN}the wire showed on 2 of 2: SYN by client as far as server, RST by server as far as client, expected on every connection: SYN by client as far as server",), expecting(packets=[SYN])),
    "no-such-counter": Case("server-down", I, None, ("the kernel of server does not count 'ListenOverflow'.", "Did you mean ListenOverflows"), expecting(counters={"server.ListenOverflow": ">0"})),
    # the captures are not what they should be
    "blind": Case("server-down", I, HEALTHY, ("the capture on client shows no packet of the clients, although every client got an answer",), {}, BLIND),
    "blind-server": Case("server-down", I, HEALTHY, (ONE_SIDED,), {}),
    "blind-client": Case("server-down", I, HEALTHY, (ONE_SIDED,), {}),
    "blind-router": Case("firewall-router-drop", I, HEALTHY, ("the capture on router is blind: ",), {}),
    "no-such-interface": Case("server-down", I, HEALTHY, ("the capture on server was refused: OSError: ", "No such device"), {}, NOWHERE),
    "lossy": Case("server-down", I, HEALTHY, ("the capture on server lost ", "the capture on client lost "), {}, LOSSY),
    "few-packets": Case("server-down", I, HEALTHY, (f"{ENDED} (5 packets, 900 s)",), {}, MOST),
    "few-seconds": Case("server-down", I, HEALTHY, (f"{ENDED} (20000 packets, 0.01 s)",), {}, BRIEF),
    "enough-packets-until-the-fix": Case("server-down", I, FIXED, (f"{ENDED} (700 packets, 900 s)",), {**SOON, "fix": FLOODED}, MANY),
    "nobody-looks": Case("server-down", I, FIXED, ("the evidence that the scenario names was not collected",), SOON, None),
    "nobody-asks": Case("server-down", P, FIXED, ("broken as claimed, and repaired by the fix",), {**SOON, "expect": REFUSED}, None),
    # the record is another
    "another-message": Case("server-down", F, FIXED, (DIFFERS, f"socket: message of ConnectionRefusedError\n  - [Errno 111] Nobody at home\n  + {ERRNO}", ANEW.format("another-message")), SOON, record=another_message),
    "another-type": Case("server-down", F, FIXED, (DIFFERS, f"socket: TimeoutError is gone from the chain\n  - {ERRNO}", f"socket: ConnectionRefusedError is new in the chain\n  + {ERRNO}", ANEW.format("another-type")), SOON, record=another_type),
    "another-time": Case("server-down", F, FIXED, (DIFFERS, "curl: time\n  - timed out\n  + at once", ANEW.format("another-time")), SOON, record=another_time),
    "a-client-more": Case("server-down", P, FIXED, ("broken as claimed, and repaired by the fix",), SOON, record=without_curl),
}  # fmt: skip

Running = Mapping[str, Future[Result]]


def written(folder: Path, name: str, case: Case) -> Path:
    """Write a case's scenario, and its record where that matters; return the scenario's file."""
    file = variant(folder, name, case.changes, of=case.of)
    if case.record is not None:
        recorded = json.loads(file_of(installed("scenarios") / f"{case.of}.yaml").read_text())
        case.record(recorded["clients"])
        file_of(file).parent.mkdir(exist_ok=True)
        file_of(file).write_text(json.dumps({**recorded, "scenario": name}))
    return file


def witness(host: str, journal: Journal, captures: Limits | None) -> Witness | None:
    """Make a witness, and one that hears loopback alone where the scenario's name says so of its host."""
    if journal.folder.name.endswith(f"-blind-{host}"):
        captures = BLIND
    return None if captures is None else Witness(host, partial(journal.append, f"{host}.pcap"), captures)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("instruments")


@pytest.fixture(scope="module")
def refused(session: Session, options: Options, folder: Path) -> Result:
    """Run one where sandboxes are made without CAP_NET_RAW, while nobody else makes any."""
    with pytest.MonkeyPatch.context() as damage:
        damage.setattr(containers, "CAPABILITIES", ("NET_ADMIN",))
        return run(load(variant(folder, "refused")), session, replace(options, clients=CLIENTS))


@pytest.fixture(scope="module")
def running(refused: Result, session: Session, options: Options, folder: Path) -> Iterator[Running]:
    """Start all others, a few at a time, the long ones first."""
    assert refused.phases
    loaded = {name: load(written(folder, name, CASES[name])) for name in sorted(CASES, key=_soon_over)}

    def start(name: str) -> Result:
        return run(loaded[name], session, replace(options, clients=CLIENTS, captures=CASES[name].captures))

    with pytest.MonkeyPatch.context() as damage:
        damage.setattr(deploy, "_witness", witness)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield {name: pool.submit(start, name) for name in loaded}


def _soon_over(name: str) -> bool:
    return CASES[name].phase is not FIXED and CASES[name].of != "tiny-backlog"


def test_a_capture_that_is_refused_is_named(refused: Result) -> None:
    assert "the capture on server was refused: PermissionError: " in refused.reason
    assert "the capture on client was refused: PermissionError: " in refused.reason
    assert (refused.verdict, refused.phases[-1].phase) == (I, HEALTHY)


@pytest.mark.parametrize("name", CASES)
def test_a_broken_instrument_is_named_and_never_passes(name: str, running: Running) -> None:
    case = CASES[name]
    result = running[name].result(120)
    told = f"{result.reason}\n{result.advice}"
    assert [part for part in case.says if part not in told] == [], told
    assert result.verdict == case.verdict, told
    assert (result.phases[-1].phase if result.phases else None) == case.phase


def test_the_report_shows_what_was_expected_on_the_wire_and_what_was_there(running: Running) -> None:
    report = as_text(running["other-packets"].result(120))
    _, rest = report.split("expected on the wire:\n", 1)
    expected, seen = rest.split("captured:\n", 1)
    assert ("SYN" in expected, "RST" in expected) == (True, False), report
    assert "2 connections from client to server:8080" in seen
    assert (" SYN " in seen, " RST " in seen) == (True, True), report


def test_the_report_shows_by_how_much_a_counter_moved_instead(running: Running) -> None:
    report = as_text(running["another-amount"].result(120))
    assert "  server.TcpOutRsts changed by 2\n    expected a change of 0\n" in report


def test_a_record_is_told_of_that_differs_or_lacks_a_client(running: Running) -> None:
    assert running["another-time"].result(120).record == "differs"
    assert running["a-client-more"].result(120).record == "not recorded yet, curl: labctl record a-client-more"


def test_a_flaw_is_in_the_evidence_of_the_phase_that_it_spoilt(running: Running) -> None:
    phases = running["enough-packets-until-the-fix"].result(120).phases
    flaws = [phase.observations[-1].evidence.flaws for phase in phases if phase.observations[-1].evidence]
    assert [bool(one) for one in flaws] == [False, False, False, True]


@pytest.mark.parametrize(
    ("damage", "mistake"),
    [
        (lambda text: text.replace('"refused"', '"rejected"', 1), "clients.aiohttp.outcome: 'rejected': "),
        (lambda text: text.replace('"says"', '"says it"', 1), "clients.aiohttp.says: this key is missing."),
        (lambda text: text[:100], "this is not JSON: "),
        (lambda text: text.replace('"another"', '"server-down"', 1), "this is the record of 'server-down'"),
    ],
    ids=["an unknown outcome", "a key missing", "cut off", "of another scenario"],
)
def test_a_broken_record_is_a_mistake_of_the_scenario(
    damage: Callable[[str], str], mistake: str, tmp_path: Path
) -> None:
    file = written(tmp_path, "another", Case("server-down", P, None, (), {}, record=the_same))
    assert load(file).record is not None
    file_of(file).write_text(damage(file_of(file).read_text()))
    with pytest.raises(Mistakes, match="`labctl record another` writes it anew.") as told:
        load(file)
    assert mistake in str(told.value)
