"""A bundle is made: the same bytes for the same run, whole, and nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from labctl.errors import UsageError
from labctl.model import Phase, Verdict
from labctl.results.archive import MOST_BYTES
from labctl.results.bundle import MANIFEST, make, verify
from labctl.results.fingerprint import fingerprint
from support.bundles import RAN, evident, folder, unpacked
from support.handmade import OK, REFUSED, phase, result


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound bundle."""
    place = tmp_path_factory.mktemp("made")
    make(folder(place), place / "x.tar.gz")
    return place / "x.tar.gz"


def test_a_bundle_holds_what_the_run_left_and_is_sound(made: Path) -> None:
    verified = verify(made)
    assert verified.problems == ()
    assert verified.sha256 == hashlib.sha256(made.read_bytes()).hexdigest()
    assert verified.result == RAN
    manifest = verified.manifest
    assert manifest
    assert (manifest.format, manifest.run, manifest.verdict) == (1, RAN.run, "passed")
    assert manifest.missing == ()
    members = unpacked(made)
    assert next(iter(members)) == f"{RAN.run}/{MANIFEST}"
    assert [*members][1:] == [f"{RAN.run}/{name}" for name in sorted(manifest.files)]
    assert {"client.pcap", "server.pcap", "result.json", "stack.json"} < manifest.files.keys()


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path, made: Path) -> None:
    """Wherever it lies, whatever the file is called, whoever has written it and when."""
    other = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(made.parent / RAN.run, other, copy_function=shutil.copyfile)
    (other / "result.json").chmod(0o600)
    (other / "notes.txt").write_text("nobody's business")
    make(other, tmp_path / "another-name.gz")
    assert (tmp_path / "another-name.gz").read_bytes() == made.read_bytes()


def test_no_member_tells_of_who_packed_it_and_when(made: Path) -> None:
    with tarfile.open(made) as archive:
        for info in archive:
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname, info.mode) == (0, 0, 0, "", "", 0o644)
    assert made.read_bytes()[3:8] == b"\0\0\0\0\0"  # RFC 1952: no name, no time


def test_what_a_run_did_not_leave_is_named(tmp_path: Path) -> None:
    run = folder(tmp_path)
    for name in ("environment.json", "server.pcap", "logs/server-1.log"):
        (run / name).unlink()
    assert make(run, tmp_path / "x").missing == ("environment.json", "server.pcap")
    assert verify(tmp_path / "x").problems == ()


def test_a_file_that_is_there_is_overwritten_only_when_told(tmp_path: Path) -> None:
    run, to = folder(tmp_path), tmp_path / "x"
    to.write_text("dear")
    with pytest.raises(UsageError, match="x is there already"):
        make(run, to)
    assert to.read_text() == "dear"
    make(run, to, overwrite=True)
    assert verify(to).problems == ()
    with pytest.raises(UsageError, match="is a folder"):
        make(run, run, overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {run.name, "x"}


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        make(folder(tmp_path), tmp_path / "no" / "x")
    run = folder(tmp_path / "long", evident(replace(RAN, run="r" * 90)))
    (run / "logs" / f"{'s' * 200}.log").touch()
    with pytest.raises(UsageError, match="cannot be written: name is too long"):
        make(run, tmp_path / "x")
    assert {path.name for path in tmp_path.iterdir()} == {RAN.run, "long"}


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    run = folder(tmp_path)
    (run / "journal.jsonl").unlink()
    (run / "journal.jsonl").symlink_to("/etc/hostname")
    with pytest.raises(UsageError, match=r"journal.jsonl is a symbolic link"):
        make(run, tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["../out", "/etc", "a/../../b", "x\n", ""])
def test_a_run_whose_name_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    run = folder(tmp_path)
    (run / "result.json").write_text(json.dumps(asdict(replace(RAN, run=name)), default=str))
    with pytest.raises(UsageError, match="cannot be bundled"):
        make(run, tmp_path / "x")


def test_what_verify_would_not_read_is_not_made(tmp_path: Path) -> None:
    run = folder(tmp_path)
    with (run / "client.pcap").open("ab") as file:
        file.truncate(MOST_BYTES)  # a hole
    with pytest.raises(UsageError, match="too large for a bundle"):
        make(run, tmp_path / "x")


def test_the_two_clients_of_handmade_results_are_told_apart() -> None:
    """The results above are not all alike: the fingerprint depends on what was seen."""
    assert fingerprint(result(Verdict.PASSED, "a", phase(Phase.HEALTHY, OK))) != fingerprint(
        result(Verdict.PASSED, "a", phase(Phase.HEALTHY, REFUSED))
    )
