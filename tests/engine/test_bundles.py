"""Bundles of real runs: made, verified and shown as people do, and doctored in the ways in which people would."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from labctl.model import Result, Verdict
from labctl.results import result as results
from labctl.results.fingerprint import fingerprint
from labctl.system.places import RUNS
from support.bundles import packed, unpacked, with_sums
from support.variants import WRONG, labctl, variant

pytestmark = pytest.mark.usefixtures("session")  # which sees that the image is there

DROP, REJECT, ROUTER, FAILED = "firewall-drop", "firewall-reject", "firewall-router-drop", "wrong"
SOUND = [DROP, REJECT, ROUTER]
NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere/docker.sock", "LABCTL_ENGINE": "never"}
Members = Mapping[str, bytes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run scenarios whose packets are dropped, rejected, and dropped on their way, and one that fails; bundle each."""
    folder = tmp_path_factory.mktemp("bundles")
    variant(folder / "scenarios", FAILED, {"diagnose": [], **WRONG})
    done = labctl(folder, "matrix", *SOUND, FAILED, "-j", "2")
    assert "3 passed, 1 failed" in done.stdout, done.stdout + done.stderr
    for name in (*SOUND, FAILED):
        made = labctl(folder, "bundle", name, "-o", f"{name}.tar.gz", **NO_ENGINE)
        assert (made.returncode, made.stderr) == (0, "")
    return folder


def run_of(folder: Path, name: str) -> Path:
    """Return the folder of a scenario's run."""
    [run] = (folder / RUNS).glob(f"*-{name}")
    return run


def verify(folder: Path, *files: str | Path) -> subprocess.CompletedProcess[str]:
    """Let labctl verify bundles where there is no engine."""
    return labctl(folder, "bundle", "verify", *map(str, files), **NO_ENGINE)


def problems(folder: Path, members: Members, to: Path) -> list[str]:
    """Return what labctl says of a bundle of these members, which must be something."""
    done = verify(folder, packed(members, to))
    assert (done.returncode, done.stdout) == (1, ""), done.stdout
    return [line.removeprefix(f"{to}: ") for line in done.stderr.splitlines()]


def changed(members: Members, name: str, content: bytes) -> dict[str, bytes]:
    """Return members in which one, by its name below the run's, is another."""
    [full] = [one for one in members if one.partition("/")[2] == name]
    return {**members, full: content}


def content(members: Members, name: str) -> bytes:
    """Return one member."""
    [found] = [content for one, content in members.items() if one.partition("/")[2] == name]
    return found


def retold(members: Members, verdict: Verdict) -> dict[str, bytes]:
    """Change the verdict and all that can be computed anew: the fingerprint, what the manifest repeats, all sums."""
    told: Result = replace(results.parse(content(members, results.NAME)), verdict=verdict)
    told = replace(told, fingerprint=fingerprint(told))
    members = changed(members, results.NAME, json.dumps(asdict(told), indent=2, default=str).encode())
    return with_sums(members, verdict=verdict.value, fingerprint=told.fingerprint)


def test_real_runs_are_sound_where_there_is_no_engine(folder: Path) -> None:
    done = verify(folder, *(f"{name}.tar.gz" for name in (*SOUND, FAILED)))
    assert (done.returncode, done.stderr) == (0, "")
    told = [re.sub(r"\d+ files|[0-9a-f]{64}", "…", line) for line in done.stdout.splitlines()]
    assert told == [
        *(f"{name}.tar.gz: sound, …, passed {name}, sha256 …" for name in SOUND),
        f"{FAILED}.tar.gz: sound, …, failed {FAILED}, sha256 …",
    ]


@pytest.mark.parametrize("name", SOUND)
def test_a_bundle_holds_all_that_the_run_left(folder: Path, name: str) -> None:
    run = run_of(folder, name)
    left = {f"{run.name}/{path.relative_to(run)}": path.read_bytes() for path in run.rglob("*") if path.is_file()}
    members = unpacked(folder / f"{name}.tar.gz")
    assert {one: content for one, content in members.items() if not one.endswith("/manifest.json")} == left
    hosts = {"client", "server", "router"} if name == ROUTER else {"client", "server"}
    assert {f"{run.name}/{host}.pcap" for host in hosts} == {one for one in members if one.endswith(".pcap")}


@pytest.mark.parametrize("name", SOUND)
def test_two_bundles_of_one_run_are_equal_byte_for_byte(folder: Path, tmp_path: Path, name: str) -> None:
    """Also of a copy of its folder that lies elsewhere and was written at another time."""
    shutil.copytree(run_of(folder, name), tmp_path / "copy", copy_function=shutil.copyfile)
    for run in (run_of(folder, name), tmp_path / "copy"):
        made = tmp_path / f"of {run.name}"
        again = labctl(folder, "bundle", f"{run}/", "-o", str(made), **NO_ENGINE)
        assert (again.returncode, again.stderr) == (0, "")
        assert made.read_bytes() == (folder / f"{name}.tar.gz").read_bytes()


@pytest.mark.parametrize(
    ("name", "packet"),
    [(DROP, "SYN"), (REJECT, "ICMP port-unreachable"), (ROUTER, "SYN")],
)
def test_a_bundle_shows_what_the_run_has_shown(folder: Path, name: str, packet: str) -> None:
    shown = labctl(folder, "bundle", "show", f"{name}.tar.gz", **NO_ENGINE)
    assert (shown.returncode, shown.stderr) == (0, "")
    _, _, faulted = shown.stdout.partition("\nfaulted: the fault is in place")
    faulted, _, rest = faulted.partition("\nunfixed: ")
    assert f"─── {packet} ─" in faulted
    assert re.search(r"^  requests     \S+ at connect", faulted, re.MULTILINE)
    assert re.search(rf"^passed {name} in [\d.]+ s: broken as claimed, and repaired by the fix$", rest, re.MULTILINE)
    assert re.search(r"^ +[\d,]+  client\.pcap$", rest, re.MULTILINE)


@pytest.mark.parametrize("name", SOUND)
def test_a_verdict_that_was_changed_is_named_without_new_sums_and_with_them(
    folder: Path, tmp_path: Path, name: str
) -> None:
    members = unpacked(folder / f"{name}.tar.gz")
    raw = content(members, results.NAME).replace(b'"verdict": "passed"', b'"verdict": "failed"', 1)
    forged = changed(members, results.NAME, raw)
    assert problems(folder, forged, tmp_path / "x")[0] == f"{results.NAME}: has another SHA-256 than in the manifest"
    [told] = [
        one
        for one in problems(folder, with_sums(forged, verdict="failed"), tmp_path / "x")
        if one.startswith(results.NAME)
    ]
    assert told.startswith(f"{results.NAME}: its fingerprint is sha256:")


def test_a_failure_that_is_told_as_a_pass_contradicts_what_was_found(folder: Path, tmp_path: Path) -> None:
    """All sums fit, and the fingerprint: but the findings are still those of a failure."""
    forged = retold(unpacked(folder / f"{FAILED}.tar.gz"), Verdict.PASSED)
    told = problems(folder, forged, tmp_path / "x")
    assert f"{results.NAME}: passed, and ended with the faulted phase" in told
    assert any(re.match(rf"{results.NAME}: passed, although in the faulted phase socket got", one) for one in told)


@pytest.mark.parametrize("name", SOUND)
def test_a_pass_that_is_told_as_a_failure_contradicts_the_journal(folder: Path, tmp_path: Path, name: str) -> None:
    forged = retold(unpacked(folder / f"{name}.tar.gz"), Verdict.FAILED)
    assert problems(folder, forged, tmp_path / "x") == [
        f"journal.jsonl: ends with passed, and {results.NAME} with failed"
    ]


@pytest.mark.parametrize(
    ("name", "host", "other"),
    [(DROP, "client", REJECT), (DROP, "server", REJECT), (REJECT, "client", DROP), (REJECT, "server", DROP)]
    + [(ROUTER, "client", DROP), (ROUTER, "server", DROP), (ROUTER, "router", DROP)],
)
def test_the_capture_of_another_run_contradicts_what_is_told(
    folder: Path, tmp_path: Path, name: str, host: str, other: str
) -> None:
    """Without new sums it is damage; with them, other connections were captured than those that are told of."""
    capture = "client" if host == "router" else host
    foreign = content(unpacked(folder / f"{other}.tar.gz"), f"{capture}.pcap")
    forged = changed(unpacked(folder / f"{name}.tar.gz"), f"{host}.pcap", foreign)
    damaged = problems(folder, forged, tmp_path / "x")
    assert damaged[0].startswith(f"{host}.pcap: has ")
    told = problems(folder, with_sums(forged), tmp_path / "x")
    assert all(one.startswith(f"{results.NAME}: tells that ") for one in told)
    assert any(f"; {host}.pcap " in one for one in told)


def test_a_line_of_a_log_that_was_changed_is_named(folder: Path, tmp_path: Path) -> None:
    """With new sums, too: the result has the log as well."""
    name = "logs/server-1.log"
    members = unpacked(folder / f"{DROP}.tar.gz")
    log = content(members, name)
    assert b"listening on 0.0.0.0:8080" in log
    forged = changed(members, name, log.replace(b"listening on 0.0.0.0:8080", b"listening on 127.0.0.1:80", 1))
    assert problems(folder, forged, tmp_path / "x")[0] == f"{name}: has another SHA-256 than in the manifest"
    assert problems(folder, with_sums(forged), tmp_path / "x") == [f"{name}: is not what {results.NAME} has of it"]
