"""What a run leaves behind, and what its evidence is made of, held against what others say of the same hosts."""

from __future__ import annotations

import io
import json
import struct
import tarfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from labctl import __version__, actions
from labctl.kernel.packets import connections
from labctl.kernel.pcap import FIN, RECORD, RST, SYN, Captured
from labctl.lab.deploy import deployed
from labctl.lab.lab import Lab
from labctl.lab.request import LabRequest
from labctl.lab.session import Session
from labctl.model import NOBODY, Evidence, Listening, Phase, Result, Verdict
from labctl.results.journal import PHASE, PHASE_ENDED, Event, Journal, new_folder
from labctl.run.evidence import Witnesses
from labctl.run.observe import Observer
from labctl.run.run import EVERYTHING, Options, run
from labctl.scenario.load import load
from labctl.system.places import installed
from labctl.system.waiting import poll
from support import trying, understanding
from support.variants import variant

actions.discover()
AT_ONCE = 3
SOON = 10.0  # seconds
ALL = len(understanding.of("http"))
HOSTS = {  # of the scenarios that are run
    "firewall-router-drop": ["client", "router", "server"],
    "unassigned-address": ["client", "server"],
    "server-down": ["client", "server"],
    "loopback-bind": ["client", "server"],
}
WRITTEN = {"counters.json", "environment.json", "journal.jsonl", "result.json", "scenario.json", "stack.json", "logs"}
TRIGGERS = [
    {"hold": 2, "host": "client", "target": "tcp://server:8080"},
    {"run": "curl -sS http://server:8080/", "host": "client", "with": "tools"},
    {"hold": 3, "host": "client", "target": "tcp://server:8080", "after": "10ms"},
]
UP = {"until": {"listens": "0.0.0.0:8080"}}


@dataclass(frozen=True)
class Ran:
    """A run, and what tcpdump reads in its captures."""

    result: Result
    read: Mapping[str, str]  # by the hosts

    @property
    def folder(self) -> Path:
        """Where everything of the run is."""
        return Path(self.result.folder)

    def json(self, name: str) -> Any:
        """Return what a file of it says."""
        return json.loads((self.folder / name).read_text())

    def evidence(self, phase: Phase = Phase.FAULTED) -> Evidence:
        """Return what the kernels saw in a phase."""
        [found] = [one for one in self.result.phases if one.phase is phase]
        evidence = found.observations[-1].evidence
        assert evidence is not None
        return evidence


def read_by_tcpdump(session: Session, lab: Lab, pcap: Path) -> str:
    """Return what tcpdump says of a capture; it runs as an ordinary user, for root it would become another one."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(pcap, pcap.name)
    session.connection.api.put_archive(lab.pod("client").service, "/home/lab", archive.getvalue())
    return lab.execute("client", ["tcpdump", "--count", "-r", f"/home/lab/{pcap.name}"], SOON).output


@pytest.fixture(scope="module")
def running(
    session: Session, options: Options, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Ran]]]:
    """Run some scenarios with all clients, and have their captures read before the hosts are gone."""
    runs = tmp_path_factory.mktemp("evidence")  # nobody else's are there
    files = {name: installed("scenarios") / f"{name}.yaml" for name in HOSTS}
    files["triggered"] = variant(tmp_path_factory.mktemp("triggered"), "triggered", {"trigger": TRIGGERS})
    loaded = {name: load(file) for name, file in files.items()}

    def start(name: str) -> Ran:
        read: dict[str, str] = {}

        def visit(observer: Observer, _: Verdict) -> None:
            [folder] = runs.glob(f"*-{name}")
            lab = observer.lab
            read.update((host, read_by_tcpdump(session, lab, folder / f"{host}.pcap")) for host in lab.pods)

        until = Phase.HEALTHY if name == "triggered" else Phase.FIXED
        return Ran(run(loaded[name], session, replace(options, runs=runs, visit=visit, until=until)), read)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(start, name) for name in loaded}


@pytest.fixture(params=HOSTS)
def ran(request: pytest.FixtureRequest, running: Mapping[str, Future[Ran]]) -> Ran:
    done = running[request.param].result(120)
    assert (done.result.verdict, done.result.reason) == (Verdict.PASSED, "broken as claimed, and repaired by the fix")
    return done


def test_every_client_has_one_connection_in_every_phase(ran: Ran) -> None:
    """Neither those of the triggers nor those of the diagnosis are counted among them."""
    for phase in Phase:
        found = ran.evidence(phase).connections
        assert len(found) == len({one.client_port for one in found}) == ALL, phase
        assert {one.client for one in found} == {"client"}
        assert {one.port for one in found} == {8080}
    target = NOBODY if ran.result.scenario == "unassigned-address" else "server"
    assert {one.server for one in ran.evidence().connections} == {target}


def test_a_run_leaves_everything_that_was_promised(ran: Ran) -> None:
    captures = {f"{host}.pcap" for host in HOSTS[ran.result.scenario]}
    assert {file.name for file in ran.folder.iterdir()} == WRITTEN | captures
    logs = {
        f"{service}-{number}.log": output.log
        for service, outputs in ran.result.services.items()
        for number, output in enumerate(outputs, 1)
    }
    assert {file.name: file.read_text() for file in (ran.folder / "logs").iterdir()} == logs
    assert all("listening on" in log for name, log in logs.items() if name.startswith("server"))
    assert ran.json("result.json")["verdict"] == "passed"
    kinds = [json.loads(line)["kind"] for line in (ran.folder / "journal.jsonl").read_text().splitlines()]
    assert kinds.count("phase ended") == len(Phase)


def test_a_run_leaves_the_counters_of_every_host_in_every_phase(ran: Ran) -> None:
    written = ran.json("counters.json")
    assert written == {
        phase.value: {host: dict(look.counters) for host, look in ran.evidence(phase).hosts.items()} for phase in Phase
    }
    assert [sorted(hosts) for hosts in written.values()] == [HOSTS[ran.result.scenario]] * len(Phase)
    assert written["healthy"]["client"]["TcpActiveOpens"] >= ALL


def test_a_run_leaves_its_scenario_and_its_stack_as_they_were_run(ran: Ran) -> None:
    """The placeholders of addresses are replaced, what the scenario overrides is overridden."""
    told = ran.json("scenario.json")
    written = json.dumps(told)
    assert told["name"] == ran.result.scenario
    assert [name for name in ran.result.names if f"${{{name}}}" in written] == []
    services = ran.json("stack.json")["services"]
    assert sorted(services) == HOSTS[ran.result.scenario]
    if ran.result.scenario == "unassigned-address":
        assert told["fault"] == [{"client": {"target": f"http://{ran.result.names['unassigned.address']}:8080/"}}]
        assert services["client"]["sysctls"].keys() == {"net.ipv4.neigh.eth0.retrans_time_ms"}


def test_a_run_leaves_what_it_ran_on(ran: Ran, session: Session) -> None:
    told = ran.json("environment.json")
    assert told["labctl"] == __version__
    assert told["engine"] == session.connection.versions
    assert told["engine"]["kernel"][0].isdigit()
    image = told["images"]["labctl"]
    assert image["tag"] == session.image
    assert image["id"].startswith("sha256:")
    assert {"iproute2", "iptables", "python3", "tcpdump", "libc6"} <= image["debian"].keys()
    assert f"{image['python']['requests']}, urllib3 {image['python']['urllib3']}" in ran.result.versions["requests"]
    assert sorted(told["sysctls"]) == HOSTS[ran.result.scenario]
    for sysctls in told["sysctls"].values():
        assert {"net.core.somaxconn", "net.ipv4.tcp_syn_retries", "net.ipv4.tcp_abort_on_overflow"} <= sysctls.keys()
    if "router" in told["sysctls"]:
        forwards = {host: sysctls["net.ipv4.ip_forward"] for host, sysctls in told["sysctls"].items()}
        assert forwards["router"] == "1"


def test_every_capture_is_a_file_that_tcpdump_reads_to_its_end(ran: Ran) -> None:
    assert HOSTS[ran.result.scenario]
    for host in HOSTS[ran.result.scenario]:
        pcap = (ran.folder / f"{host}.pcap").read_bytes()
        magic, major, minor, _, _, snap, link = struct.unpack_from("<IHHiIII", pcap)
        assert (magic, major, minor, snap, link) == (0xA1B23C4D, 2, 4, 256, 276)  # pcap-savefile(5)
        assert "link-type LINUX_SLL2 (Linux cooked v2), snapshot length 256\n" in ran.read[host]
        assert f"{len(records(pcap))} packets\n" in ran.read[host]
        assert max(map(len, records(pcap))) <= 256


def records(pcap: bytes) -> list[bytes]:
    """Return what each record of a capture holds."""
    at, found = 24, []
    while at < len(pcap):
        kept = RECORD.unpack_from(pcap, at)[2]
        at += RECORD.size + kept
        found.append(pcap[at - kept : at])
    assert at == len(pcap)
    return found


def test_what_triggers_open_is_captured_and_not_counted(running: Mapping[str, Future[Ran]]) -> None:
    """Whether it was opened before the clients tried or meanwhile."""
    done = running["triggered"].result(120)
    assert len(done.evidence(Phase.HEALTHY).connections) == ALL
    captured = Captured("client", (done.folder / "client.pcap").read_bytes())
    everything = connections([captured], done.result.names, "client", 0, 1e10)
    diagnosis = 2  # nc and telnet
    assert len(everything) >= ALL + 2 + 1 + 3 + diagnosis


@pytest.fixture
def lab(session: Session, options: Options) -> Iterator[tuple[Lab, Witnesses, Path]]:
    """Bring up a client and a server whose packets are captured, and those who look at them."""
    loaded = load(installed("scenarios") / "loopback-bind.yaml")
    journal = Journal(new_folder(options.runs, "watched", since=session.began))
    with deployed(LabRequest.of(loaded, EVERYTHING), session, journal) as standing:
        poll(lambda: 8080 in {one.port for one in standing.pod("server").listeners()}, SOON, "the server to listen")
        yield standing, Witnesses(standing, journal, "client"), journal.folder
    journal.conclude(Result("tests", "watched", "", "", Verdict.SKIPPED, "", "", journal.now, ()))


def applied(lab: Lab, written: Mapping[str, Any]) -> actions.Action:
    """Do what stands in a scenario."""
    action = actions.registry[actions.key_of(written) or ""].model_validate(written)
    lab.apply(action)
    return action


def tried(lab: Lab, times: int = 1) -> list[str]:
    """Let one client try so often, and return what each try came to."""
    return [trying.one(lab, "socket", "http://server:8080/", 0.3).outcome for _ in range(times)]


def test_the_kernels_are_looked_at_once_more_only_where_somebody_reads_it(session: Session, options: Options) -> None:
    """After the last of several observations that are as expected; before, the next one's look tells as much."""
    heard: list[Event] = []
    alone = replace(options, clients=("socket",), listeners=(heard.append,))
    ran = run(load(installed("scenarios") / "loopback-bind.yaml"), session, alone)
    assert ran.verdict is Verdict.PASSED, ran.reason
    fixed = ran.phases[-1]
    assert [one.evidence is not None for one in fixed.observations] == [False, False, True]
    begins = next(number for number, one in enumerate(heard) if (one.kind, one.text) == (PHASE, Phase.FIXED))
    ends = next(number for number, one in enumerate(heard) if (one.kind, one.text) == (PHASE_ENDED, Phase.FIXED))
    assert sum(one.text == "looking at the kernels" for one in heard[begins:ends]) == 3 + 1


def test_a_full_queue_and_what_waits_in_it_are_in_the_evidence(lab: tuple[Lab, Witnesses, Path]) -> None:
    """As they were when the clients began to try, and as ss(8) shows them."""
    hosts, witnesses, _ = lab
    applied(hosts, {"recreate": "server", "environment": {"ACCEPT": "never", "BACKLOG": "2"}, **UP})
    applied(hosts, {"hold": 3, "host": "client", "target": "tcp://server:8080"})
    shown = hosts.tool("server", ["ss", "-Hltn", "sport = 8080"], SOON).stdout.split()
    with witnesses.watching() as seen:
        assert tried(hosts) == ["timed-out"]
    assert seen is not None
    evidence = witnesses.evidence(seen)
    [listener] = [one for one in evidence.hosts["server"].listeners if one.port == 8080]
    assert listener == Listening("0.0.0.0", 8080, backlog=2, waiting=3)
    assert [str(listener.waiting), str(listener.backlog), f"{listener.address}:{listener.port}"] == shown[1:4]
    assert evidence.hosts["client"].sockets["ESTAB"] == 3
    assert evidence.hosts["server"].counters["TcpExtListenOverflows"] > 0
    assert len(evidence.connections) == 1


def test_what_a_rule_took_is_what_iptables_counts(lab: tuple[Lab, Witnesses, Path]) -> None:
    """While the clients tried, and not what it took before; where another is put before it, it is still the one."""
    hosts, witnesses, _ = lab
    rule = applied(hosts, {"iptables": "server", "rule": "INPUT -p tcp --dport 8080 -j DROP"})
    witnesses.know(rule)
    applied(hosts, {"iptables": "server", "rule": "INPUT -p udp --dport 8080 -j DROP"})

    def listed() -> int:
        lines = hosts.tool("server", ["iptables", "-nvxL", "INPUT"], SOON).stdout.splitlines()
        [line] = [line for line in lines if " tcp " in line and "dpt:8080" in line]
        return int(line.split()[0])

    assert tried(hosts) == ["timed-out"]
    before = listed()
    with witnesses.watching() as seen:
        assert tried(hosts, 3) == ["timed-out"] * 3
    assert seen is not None
    taken = listed() - before
    assert list(witnesses.evidence(seen).rules.values()) == [taken]
    assert before > 0
    assert taken >= 3


def test_what_a_host_saw_before_it_was_rebooted_is_kept(lab: tuple[Lab, Witnesses, Path]) -> None:
    """Also how its last connections ended, while it went down."""
    hosts, witnesses, folder = lab
    with witnesses.watching() as seen:
        assert tried(hosts) == ["ok"]
        applied(hosts, {"hold": 1, "host": "client", "target": "tcp://server:8080"})
        applied(hosts, {"reboot": "server", **UP})
        assert tried(hosts) == ["ok"]
    assert seen is not None
    witnesses.close()
    captured = Captured("server", (folder / "server.pcap").read_bytes())
    assert witnesses.flaws == ()
    first, held, last = connections([captured], hosts.values, "client", 0, 1e10)
    assert [one.packets[0].kind for one in (first, held, last)] == [SYN] * 3
    assert {FIN, RST} & {one.kind for one in held.packets if one.by == "server"}
