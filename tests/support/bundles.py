"""The folder of a run that never ran, and bundles of it, also such as somebody has changed."""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from labctl.kernel.packets import connections
from labctl.kernel.pcap import header
from labctl.model import Connection, Diagnosis, Evidence, Phase, Result, ServiceRun, Verdict
from labctl.results.bundle import MANIFEST, Verified, make, verify
from labctl.results.fingerprint import fingerprint
from labctl.results.journal import NOTE, Journal
from labctl.results.result import COUNTERS, counters
from labctl.system.places import RUNS
from support.captured import BEGAN, CLIENT, SERVER, A, R, S, Wire, tcp
from support.handmade import OK, REFUSED, phase, result

UP_TO = "as claimed up to the faulted phase, where it was to end"
NAMES = {"address.client": CLIENT, "address.server": SERVER}
LOG = "listening\n"
PORTS = (40001, 40002, 40002)  # of three attempts, a second after each other


def _refused() -> Wire:
    """Return what two hosts see of attempts that are refused."""
    wire = Wire("client", "server")
    for second, port in enumerate(PORTS, 1):
        to, back = (port, 8080), (8080, port)
        wire.send(1000 * second, tcp(CLIENT, SERVER, S, second, ports=to, ident=second), "client", "server")
        reset = tcp(SERVER, CLIENT, R | A, 0, ports=back, ack=second + 1, ident=0)
        wire.send(1000 * second + 2, reset, "server", "client")
    return wire


CAPTURES = _refused().captures()
PCAPS = {one.host: one.pcap for one in CAPTURES}


def captured(since: float, until: float = math.inf) -> tuple[Connection, ...]:
    """Return the attempts that began in a time, in seconds."""
    return connections(CAPTURES, NAMES, "client", BEGAN + since, BEGAN + until)


def evident(ran: Result, *seen: Connection) -> Result:
    """Return a result whose last observation has evidence, with its fingerprint."""
    [*others, last] = ran.phases
    observation = replace(last.observations[-1], evidence=Evidence(connections=seen))
    ran = replace(ran, phases=(*others, replace(last, observations=(observation,))), names=NAMES, fingerprint="")
    return replace(ran, fingerprint=fingerprint(ran))


PRINTED = {"server": (ServiceRun(LOG, None),)}
RAN = evident(replace(result(Verdict.PASSED, reason=UP_TO), services=PRINTED), *captured(2.0))


def folder(at: Path, ran: Result = RAN) -> Path:
    """Write the folder of a run, as labctl leaves it."""
    run = at / ran.run
    journal = Journal(run)
    journal.note(NOTE, f"verdict: {ran.verdict}")
    journal.conclude(ran)
    (run / COUNTERS).write_text(json.dumps(counters(ran)))
    for name in ("environment", "scenario", "stack"):
        (run / f"{name}.json").write_text(f'{{"{name}": 1}}\n')
    for host, pcap in PCAPS.items():
        (run / f"{host}.pcap").write_bytes(pcap)
    (run / "logs").mkdir()
    (run / "logs" / "server-1.log").write_text(LOG)
    return run


def unpacked(file: Path) -> dict[str, bytes]:
    """Return what Python's own tar finds in a bundle, in its order."""
    with tarfile.open(file) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def packed(members: Mapping[str, bytes] | list[tuple[tarfile.TarInfo, bytes]], to: Path) -> Path:
    """Pack members with Python's own tar."""
    if isinstance(members, Mapping):
        members = [(member(name, len(content)), content) for name, content in members.items()]
    with tarfile.open(to, "w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return to


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, **more: Any) -> tarfile.TarInfo:
    """Return the header of a member, by default as labctl writes it."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    for key, value in more.items():
        setattr(info, key, value)
    return info


def with_sums(members: Mapping[str, bytes], **said: Any) -> dict[str, bytes]:
    """Return members whose manifest fits them, and says what it is told to."""
    run = next(iter(members)).partition("/")[0]
    others = {name: content for name, content in members.items() if name != f"{run}/{MANIFEST}"}
    manifest = json.loads(members[f"{run}/{MANIFEST}"])
    manifest["files"] = {
        name.partition("/")[2]: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in others.items()
    }
    return {f"{run}/{MANIFEST}": json.dumps({**manifest, **said}).encode(), **others}


def rewritten(made: Path, to: Path, ran: Result, **said: Any) -> Verified:
    """Return what is found where somebody has changed the result, all sums, and what else says so."""
    members = unpacked(made)
    journal = f"{ran.run}/journal.jsonl"
    members[journal] = re.sub(rb"verdict: [a-z]+", f"verdict: {ran.verdict}".encode(), members[journal])
    members[f"{ran.run}/result.json"] = json.dumps(asdict(ran), default=str).encode()
    said = {"verdict": ran.verdict, "scenario": ran.scenario, "fingerprint": ran.fingerprint, **said}
    return verify(packed(with_sums(members, **said), to))


def named(verified: Verified) -> set[str]:
    """Return the files that have problems."""
    return {problem.partition(":")[0] for problem in verified.problems}


DIAGNOSIS = Diagnosis("ss -ltn", "server", "LISTEN 0.0.0.0:1\n", judged=True, held=True, by="shows LISTEN")
BASE = result(
    Verdict.PASSED,
    "server-down",
    phase(Phase.HEALTHY, OK),
    phase(Phase.FAULTED, REFUSED, diagnoses=(DIAGNOSIS,)),
    reason=UP_TO,
)


def left(folder: Path, ran: Result = BASE) -> str:
    """Leave a run in a folder, as labctl does; return its name."""
    ran = replace(ran, fingerprint=fingerprint(ran), names={"address.client": "198.19.3.2"})
    journal = Journal(folder / RUNS / ran.run)
    journal.note(NOTE, f"verdict: {ran.verdict}")
    journal.conclude(ran)
    (folder / RUNS / ran.run / "client.pcap").write_bytes(header())
    (folder / RUNS / ran.run / "environment.json").write_text('{"kernel": "\x1b[2J"}')
    return ran.run


def bundled(folder: Path, ran: Result = BASE) -> str:
    """Leave a run, and a bundle of it; return the bundle's name."""
    make(folder / RUNS / left(folder, ran), folder / "x.tar.gz")
    return "x.tar.gz"
