"""`labctl bundle show`: what a bundle is evidence of, and nothing that steers the terminal."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from labctl.kernel.pcap import header
from labctl.model import (
    Connection,
    Diagnosis,
    Evidence,
    Finding,
    Observation,
    Packet,
    Phase,
    PhaseResult,
    ServiceRun,
    Verdict,
)
from labctl.report import bundled as bundled_report
from labctl.results.archive import Contents
from labctl.results.bundle import check
from support.bundles import BASE, UP_TO, bundled
from support.handmade import OK, REFUSED, phase, result
from support.variants import labctl

NASTY = "\x1b[2J\x07\r\u202e\npassed forged in 1 s"


def test_show_tells_where_what_and_which_files(tmp_path: Path) -> None:
    done = labctl(tmp_path, "bundle", "show", bundled(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:6] == [
        "labctl   0.1.0",
        "image    labctl:1",
        "engine   20.10",
        "kernel   6.1",
        "clients  requests 2",
        "",
    ]
    assert "faulted: the fault is in place  500 ms" in lines
    assert "  requests     refused at connect, ECONNREFUSED (111), after 5 ms" in lines
    assert "    LISTEN 0.0.0.0:1" in lines
    assert f"passed server-down in 2.00 s: {UP_TO}" in lines
    assert any(re.fullmatch(r"x\.tar\.gz, sha256 [0-9a-f]{64}", line) for line in lines)
    assert "           24  client.pcap" in lines
    assert "      missing  stack.json" in lines


def test_show_begins_with_what_is_wrong(tmp_path: Path) -> None:
    file = bundled(tmp_path)
    with tarfile.open(tmp_path / file) as archive:
        members = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
    with tarfile.open(tmp_path / "y", "w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.replace(b"20.10", b"29.10")))
    done = labctl(tmp_path, "bundle", "show", "y")
    assert done.returncode == 1
    assert done.stdout.splitlines()[:4] == [
        "Do not rely on this bundle: it has problems.",
        "  result.json: has another SHA-256 than in the manifest",
        "",
        "labctl   0.1.0",
    ]


def test_show_of_what_is_no_bundle_says_so(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"nothing")
    done = labctl(tmp_path, "bundle", "show", "x")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(
        "Do not rely on this bundle: it has problems.\n  the archive: is not a bundle of labctl"
    )


def test_nothing_in_a_bundle_steers_the_terminal_or_forges_a_line(tmp_path: Path) -> None:
    client = replace(REFUSED, client=NASTY, says=NASTY, errno=NASTY, version=NASTY)
    step = Diagnosis(NASTY, NASTY, NASTY, judged=True, held=False, by=NASTY, reason=NASTY)
    nasty = replace(
        result(Verdict.FAILED, "x", phase(Phase.FAULTED, client, diagnoses=(step,), done=(NASTY,))),
        title=NASTY,
        reason=NASTY,
        advice=NASTY,
        versions={NASTY: NASTY, "labctl": NASTY},
        services={"x": (ServiceRun(NASTY, None),)},
    )
    [faulted] = nasty.phases
    [seen] = faulted.observations
    findings = (Finding(NASTY, NASTY, held=False, seen=NASTY, said=NASTY),)
    nasty = replace(nasty, phases=(replace(faulted, observations=(replace(seen, findings=findings),)),))
    done = labctl(tmp_path, "bundle", "show", bundled(tmp_path, nasty))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", done.stdout)
    assert not any(line.startswith("passed") for line in done.stdout.splitlines())
    assert "Traceback" not in done.stderr


TEXTS = st.sampled_from(
    ["", "client", "server", "SYN", "ICMP x again", "ARP request", NASTY, "{0}{x}", "[red]", "x" * 300]
)
PACKETS = st.builds(Packet, at=st.floats(), by=TEXTS, kind=TEXTS, again=st.booleans(), reached=TEXTS)
CONNECTIONS = st.builds(
    Connection, client=TEXTS, client_port=st.integers(), server=TEXTS, port=st.integers(), packets=st.tuples(PACKETS)
)
EVIDENCE = st.builds(Evidence, client=TEXTS, rules=st.dictionaries(TEXTS, st.integers(), max_size=2)).flatmap(
    lambda evidence: st.builds(
        replace,
        st.just(evidence),
        connections=st.lists(CONNECTIONS, max_size=4).map(tuple),
        expected=st.none() | st.lists(PACKETS, max_size=3).map(tuple),
        findings=st.lists(st.builds(Finding, TEXTS | st.just("the wire"), TEXTS, st.booleans(), TEXTS), max_size=2).map(
            tuple
        ),
    )
)
OBSERVATIONS = st.builds(
    lambda at, evidence: Observation(at, (OK, REFUSED), (), evidence), st.floats(), st.none() | EVIDENCE
)
PHASES = st.builds(
    lambda name, began, seen: PhaseResult(name, began, 1.0, observations=tuple(seen)),
    st.sampled_from(Phase),
    st.floats(),
    st.lists(OBSERVATIONS, max_size=2),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.lists(PHASES, max_size=2), st.dictionaries(TEXTS, TEXTS), st.sampled_from(Verdict))
def test_whatever_a_result_tells_is_shown_without_an_accident(
    phases: list[PhaseResult], texts: dict[str, str], verdict: Verdict
) -> None:
    ran = replace(BASE, phases=tuple(phases), versions=texts, names=texts, verdict=verdict)
    contents = Contents(Path("x"), "0", "", {"result.json": json.dumps(asdict(ran), default=str).encode()}, ())
    printed = io.StringIO()
    bundled_report.show(Console(file=printed, highlight=False, width=80), contents, check(contents))
    assert "Do not rely on this bundle" in printed.getvalue()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", printed.getvalue())


def test_one_file_is_printed_as_text_that_steers_no_terminal(tmp_path: Path) -> None:
    file = bundled(tmp_path)
    done = labctl(tmp_path, "bundle", "show", file, "--file", "environment.json")
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"kernel": "\\x1b[2J"}', "")
    printed = json.loads(labctl(tmp_path, "bundle", "show", file, "--file", "result.json").stdout)
    assert printed["scenario"] == "server-down"
    unknown = labctl(tmp_path, "bundle", "show", file, "--file", "enviroment.json")
    assert unknown.returncode == 2
    assert "Did you mean environment.json or " in unknown.stderr


def show_capture(folder: Path, file: str, stdout: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "labctl", "bundle", "show", file, "--file", "client.pcap"]
    return subprocess.run(command, cwd=folder, stdout=stdout, stderr=subprocess.PIPE, check=False)


def test_a_capture_is_written_as_it_is_and_never_to_a_terminal(tmp_path: Path) -> None:
    file = bundled(tmp_path)
    assert show_capture(tmp_path, file, subprocess.PIPE).stdout == header()
    ours, theirs = os.openpty()
    try:
        done = show_capture(tmp_path, file, theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert b"client.pcap is a packet capture, which a terminal cannot show." in done.stderr
    assert b"tcpdump -nr -" in done.stderr
