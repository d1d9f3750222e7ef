"""A bundle: the same bytes for the same run, read as anything that anybody may have made, checked against itself."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import random
import shutil
import struct
import tarfile
import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import dpkt
import pytest
from handmade import OK, REFUSED, phase, result
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl import bundle
from labctl.archive import MOST_BYTES, MOST_MEMBERS
from labctl.bundle import MANIFEST, Verified, contradictions, make, verify
from labctl.errors import UsageError
from labctl.fingerprint import fingerprint
from labctl.journal import NOTE, Journal
from labctl.model import Connection, Evidence, Phase, Result, Verdict
from labctl.packets import FILE, RECORD, Captured, connections, header

NAMES = {"address.client": "198.19.3.2", "address.server": "198.19.3.3"}
SYN, RST = dpkt.tcp.TH_SYN, dpkt.tcp.TH_RST | dpkt.tcp.TH_ACK


def record(at: float, source: str, port: int, target: str, to: int, flags: int, *, leaving: bool) -> bytes:
    """Return a record of a capture: a TCP packet as one host saw it."""
    tcp = dpkt.tcp.TCP(sport=port, dport=to, seq=int(at), ack=8, flags=flags)  # each attempt begins elsewhere
    addresses = {
        "src": ip_address(NAMES[f"address.{source}"]).packed,
        "dst": ip_address(NAMES[f"address.{target}"]).packed,
    }
    packet = struct.pack("!HHIHBB8s", 0x0800, 0, 2, 1, 4 if leaving else 0, 6, b"") + bytes(
        dpkt.ip.IP(**addresses, p=6, len=40, id=port, data=tcp)
    )
    return RECORD.pack(int(at), round(at % 1 * 1e9), len(packet), len(packet)) + packet


def refused_once(at: float, port: int) -> dict[str, bytes]:
    """Return what each of two hosts captures of a connection that is refused."""
    to, back = ("client", port, "server", 8080, SYN), ("server", 8080, "client", port, RST)
    return {
        "client": record(at, *to, leaving=True) + record(at + 0.003, *back, leaving=False),
        "server": record(at + 0.001, *to, leaving=False) + record(at + 0.002, *back, leaving=True),
    }


PCAPS = {
    host: header() + b"".join(refused_once(at, port)[host] for at, port in ((1.0, 40001), (2.0, 40002), (3.0, 40002)))
    for host in ("client", "server")
}


def captured(since: float, until: float = math.inf) -> tuple[Connection, ...]:
    captures = [Captured(host, pcap) for host, pcap in PCAPS.items()]
    return connections(captures, NAMES, "client", since, until)


def evident(ran: Result, *seen: Connection) -> Result:
    """Return a result whose last observation has evidence, with its fingerprint."""
    [*others, last] = ran.phases
    observation = replace(last.observations[-1], evidence=Evidence(connections=seen))
    ran = replace(ran, phases=(*others, replace(last, observations=(observation,))), names=NAMES, fingerprint="")
    return replace(ran, fingerprint=fingerprint(ran))


RAN = evident(result(Verdict.PASSED), *captured(2.0))


def folder(at: Path, ran: Result = RAN) -> Path:
    """Write the folder of a run, as labctl leaves it."""
    run = at / ran.run
    journal = Journal(run)
    journal.note(NOTE, "it begins")
    journal.conclude(ran)
    for name in ("counters", "environment", "scenario", "stack"):
        (run / f"{name}.json").write_text(f'{{"{name}": 1}}\n')
    for host, pcap in PCAPS.items():
        (run / f"{host}.pcap").write_bytes(pcap)
    (run / "logs").mkdir()
    (run / "logs" / "server-1.log").write_text("listening\n")
    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound bundle."""
    place = tmp_path_factory.mktemp("made")
    make(folder(place), place / "x.tar.gz")
    return place / "x.tar.gz"


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
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    for key, value in more.items():
        setattr(info, key, value)
    return info


def top(members: Mapping[str, bytes]) -> str:
    return next(iter(members)).partition("/")[0]


def with_sums(members: dict[str, bytes], **said: Any) -> dict[str, bytes]:
    """Return members whose manifest fits them, and says what it is told to."""
    run = top(members)
    manifest = json.loads(members.pop(f"{run}/{MANIFEST}"))
    manifest["files"] = {
        name.partition("/")[2]: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in members.items()
    }
    return {f"{run}/{MANIFEST}": json.dumps({**manifest, **said}).encode(), **members}


def named(verified: Verified) -> set[str]:
    """Return the files that have problems."""
    return {problem.partition(":")[0] for problem in verified.problems}


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


# Damage


def each_member() -> list[str]:
    files = ["counters.json", "environment.json", "journal.jsonl", "scenario.json", "stack.json", "result.json"]
    return [*files, "client.pcap", "server.pcap", "logs/server-1.log"]


@pytest.mark.parametrize("name", each_member())
def test_a_changed_byte_is_found_by_its_file(made: Path, tmp_path: Path, name: str) -> None:
    full = f"{RAN.run}/{name}"
    members = unpacked(made)
    content = bytearray(members[full])
    content[len(content) // 2] ^= 1
    problems = verify(packed({**members, full: bytes(content)}, tmp_path / "x")).problems
    assert f"{name}: has another SHA-256 than in the manifest" in problems
    assert {problem.partition(":")[0] for problem in problems} == {name}


@pytest.mark.parametrize("name", each_member())
def test_a_file_that_was_cut_removed_or_renamed_is_found_by_its_name(made: Path, tmp_path: Path, name: str) -> None:
    full = f"{RAN.run}/{name}"
    members = unpacked(made)
    longer = packed({**members, full: members[full] + b"\n"}, tmp_path / "longer")
    size = len(members[full])
    assert f"{name}: has {size + 1} bytes, and {size} in the manifest" in verify(longer).problems
    content = members.pop(full)
    assert f"{name}: is missing" in verify(packed(members, tmp_path / "removed")).problems
    renamed = verify(packed({**members, f"{full}.bak": content}, tmp_path / "renamed"))
    assert {f"{name}: is missing", f"{name}.bak: is not in the manifest"} <= {*renamed.problems}


def test_any_changed_byte_of_the_file_is_found_or_changes_nothing(made: Path, tmp_path: Path) -> None:
    """The header of gzip says when and where a file was packed (RFC 1952), so that may change without any other effect."""
    whole = made.read_bytes()
    for at in random.Random(7).sample(range(len(whole)), 400):  # noqa: S311 - which ones does not matter
        changed = tmp_path / "x"
        changed.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        verified = verify(changed)
        assert verified.problems or at < 10
        assert verified.sha256 != hashlib.sha256(whole).hexdigest()


def test_an_archive_that_is_cut_off_is_found_at_any_length(made: Path, tmp_path: Path) -> None:
    whole = made.read_bytes()
    lengths = {*range(30), *range(30, len(whole), 37), *range(len(whole) - 9, len(whole))}
    for length in sorted(lengths):
        (tmp_path / "x").write_bytes(whole[:length])
        problems = verify(tmp_path / "x").problems
        assert any("is cut off" in problem for problem in problems) or (length == 1 and "damaged" in problems[0])


def test_a_tar_that_is_cut_off_is_found_with_the_name_of_what_is_lost(made: Path, tmp_path: Path) -> None:
    tar = gzip.decompress(made.read_bytes())
    cut = tar.index(b"listening\n")
    (tmp_path / "x").write_bytes(gzip.compress(tar[: cut + 3]))
    problems = verify(tmp_path / "x").problems
    assert problems[0] == f"the archive: is cut off in {RAN.run}/logs/server-1.log"
    assert "logs/server-1.log: is missing" in problems
    (tmp_path / "x").write_bytes(gzip.compress(tar[: len(tar) // 512 * 512].rstrip(b"\0")))
    assert any("cut off" in problem for problem in verify(tmp_path / "x").problems)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "is cut off before its first file"),
        (b"PK\x03\x04", "is none of labctl's"),
        (gzip.compress(b""), "is cut off before its first file"),
        (gzip.compress(b"x" * 512), "is none of labctl's, or damaged, before its first file"),
        (gzip.compress(bytes(1024)), ""),
    ],
    ids=["empty", "zip", "nothing", "no tar", "no files"],
)
def test_what_is_no_bundle_is_said_to_be_none(tmp_path: Path, content: bytes, wrong: str) -> None:
    (tmp_path / "x").write_bytes(content)
    problems = verify(tmp_path / "x").problems
    assert f"{MANIFEST}: is missing" in problems
    assert "result.json: is missing" in problems
    assert any(wrong in problem for problem in problems)


def test_a_file_that_is_not_there_or_none_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        verify(tmp_path / "x")
    with pytest.raises(UsageError, match="is no file"):
        verify(tmp_path)


NASTY = [
    (member("/etc/passwd"), "/etc/passwd: has an absolute name"),
    (member("run/../../out"), "run/../../out: leads out of its folder"),
    (member("loose"), "loose: lies in no folder"),
    (member("run//x"), "run//x: has no proper name"),
    (member("./run/x"), "./run/x: has no proper name"),
    (member("run/a\x1b[2Jb"), "run/a\x1b[2Jb: has no proper name"),
    (member("run/a\nb"), "run/a\nb: has no proper name"),
    (member("other/x"), f"other/x: lies outside of the folder {RAN.run}"),
    (member("run/l", kind=tarfile.SYMTYPE, linkname="/etc/passwd"), "run/l: is a symbolic link"),
    (member("run/l", kind=tarfile.LNKTYPE, linkname="run/x"), "run/l: is a hard link"),
    (member("run/d", kind=tarfile.CHRTYPE, devmajor=1, devminor=5), "run/d: is a device"),
    (member("run/d", kind=tarfile.BLKTYPE, devmajor=1), "run/d: is a device"),
    (member("run/p", kind=tarfile.FIFOTYPE), "run/p: is a pipe"),
    (member("run/f", kind=tarfile.DIRTYPE), "run/f: is a folder"),
    (member("run/c", kind=tarfile.CONTTYPE), "run/c: is not stored as labctl stores it"),
    (member("run/l", 5, kind=tarfile.GNUTYPE_LONGNAME), "run/l: is no plain file"),
    (member("run/h", 5, kind=tarfile.XHDTYPE), "run/h: is no plain file"),
    (member("run/s", 5, kind=tarfile.GNUTYPE_SPARSE), "run/s: is not stored as labctl stores it"),
    (member("run/x", mode=0o4755), "run/x: is not stored as labctl stores it"),
    (member("run/x", mtime=1), "run/x: is not stored as labctl stores it"),
    (member("run/result.json"), f"{RAN.run}/result.json: stands there twice"),
]


@pytest.mark.parametrize(("info", "wrong"), NASTY, ids=range(len(NASTY)))
def test_what_no_bundle_holds_is_found_by_its_name(
    made: Path, tmp_path: Path, info: tarfile.TarInfo, wrong: str
) -> None:
    info, wrong = info.replace(name=info.name.replace("run/", f"{RAN.run}/", 1), deep=False), wrong.replace("run/", "")
    members = [(member(name, len(content)), content) for name, content in unpacked(made).items()]
    archive = packed([*members, (info, b"x" * info.size)], tmp_path / "x")
    problems = [problem.replace(f"{RAN.run}/", "") for problem in verify(archive).problems]
    wrong = wrong.replace(f"{RAN.run}/", "")
    assert any(problem.startswith(wrong) for problem in problems), problems


def test_the_first_of_two_files_of_one_name_counts(made: Path, tmp_path: Path) -> None:
    members = [(member(name, len(content)), content) for name, content in unpacked(made).items()]
    again = (member(f"{RAN.run}/stack.json", 3), b"{}\n")
    problems = verify(packed([*members, again], tmp_path / "x")).problems
    assert problems == (f"{RAN.run}/stack.json: stands there twice",)


def test_what_stands_behind_the_end_is_found(made: Path, tmp_path: Path) -> None:
    tar = gzip.decompress(made.read_bytes())
    (tmp_path / "x").write_bytes(gzip.compress(tar + b"x" * 512))
    assert verify(tmp_path / "x").problems == ("the archive: goes on after its end",)
    (tmp_path / "x").write_bytes(made.read_bytes() + b"x")
    assert named(verify(tmp_path / "x")) == {"the archive"}


def bomb(tmp_path: Path, head: bytes) -> Path:
    file = tmp_path / "bomb"
    with gzip.open(file, "wb", compresslevel=1) as packing:
        packing.write(head)
        for _ in range((MOST_BYTES >> 20) + 64):
            packing.write(bytes(1 << 20))
    return file


def heads() -> Iterator[tuple[str, bytes]]:
    yield "of zeros", b""
    for kind in (tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
        yield f"as {kind!r}", member("run/x", 1 << 33, kind).tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(("what", "head"), list(heads()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_bomb_is_left_alone(tmp_path: Path, what: str, head: bytes) -> None:
    file = bomb(tmp_path, head)
    tracemalloc.start()
    try:
        problems = verify(file).problems
        assert tracemalloc.get_traced_memory()[1] < 2.5 * MOST_BYTES, what
    finally:
        tracemalloc.stop()
    assert problems[0] == f"the archive: unpacks to more than {MOST_BYTES >> 20} MiB"
    assert {path.name for path in tmp_path.iterdir()} == {"bomb"}


def test_more_files_than_any_run_has_are_not_read(tmp_path: Path) -> None:
    many = packed({f"run/{number}": b"" for number in range(MOST_MEMBERS + 5)}, tmp_path / "x")
    assert f"the archive: holds more than {MOST_MEMBERS} files" in verify(many).problems


def test_a_file_with_fewer_than_no_bytes_ends_the_reading(tmp_path: Path) -> None:
    head = bytearray(member("run/x").tobuf(tarfile.GNU_FORMAT))
    head[124:136] = b"\xff" * 12  # base 256, negative
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    (tmp_path / "x").write_bytes(gzip.compress(bytes(head) + bytes(1024)))
    assert verify(tmp_path / "x").problems[0] == "the archive: is damaged in run/x: fewer than no bytes"


# Doctored with care


@pytest.mark.parametrize(
    ("manifest", "wrong"),
    [
        (b"", "is no manifest: invalid JSON"),
        (b"[]", "is no manifest: input should be an object"),
        (b"{}", "is no manifest: format: field required"),
        (b"\xff", "is no manifest: invalid JSON"),
        (b"[" * 99_999, "is no manifest: invalid JSON"),
        (b" " * (1 << 21), "is larger than 1 MiB"),
    ],
    ids=["empty", "list", "object", "no text", "deep", "large"],
)
def test_a_manifest_that_is_none_is_found(made: Path, tmp_path: Path, manifest: bytes, wrong: str) -> None:
    members = unpacked(made)
    verified = verify(packed({**members, f"{RAN.run}/{MANIFEST}": manifest}, tmp_path / "x"))
    assert verified.manifest is None
    [problem] = verified.problems
    assert problem.startswith(f"{MANIFEST}: {wrong}")


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("run", "another"),
        ("scenario", "another"),
        ("verdict", "failed"),
        ("fingerprint", "sha256:0"),
        ("made_from", "/elsewhere"),
        ("missing", ["stack.json"]),
    ],
)
def test_a_manifest_that_says_something_else_than_the_result_is_found(
    made: Path, tmp_path: Path, said: str, value: Any
) -> None:
    verified = verify(packed(with_sums(unpacked(made), **{said: value}), tmp_path / "x"))
    assert named(verified) == {MANIFEST}
    assert f"says that {said} is " in verified.problems[0]


def test_another_format_is_told_from_damage(made: Path, tmp_path: Path) -> None:
    verified = verify(packed(with_sums(unpacked(made), format=2), tmp_path / "x"))
    [problem] = verified.problems
    assert problem.startswith(f"{MANIFEST}: is of format 2, and labctl ")


def test_a_capture_that_was_removed_without_a_trace_is_missed(made: Path, tmp_path: Path) -> None:
    members = unpacked(made)
    del members[f"{RAN.run}/client.pcap"], members[f"{RAN.run}/server.pcap"]
    [problem] = verify(packed(with_sums(members), tmp_path / "x")).problems
    assert problem.startswith(f"{MANIFEST}: says that missing is ()")


def test_a_folder_called_otherwise_than_its_run_is_found(made: Path, tmp_path: Path) -> None:
    members = {name.replace(RAN.run, "another"): content for name, content in unpacked(made).items()}
    [problem] = verify(packed(members, tmp_path / "x")).problems
    assert problem == f"{MANIFEST}: says that the run is {RAN.run}, and lies in the folder another"


def rewritten(made: Path, to: Path, ran: Result, **said: Any) -> Verified:
    """Return what is found where somebody has changed the result, all sums, and what else the manifest says."""
    members = unpacked(made)
    members[f"{RAN.run}/result.json"] = json.dumps(asdict(ran), default=str).encode()
    said = {"verdict": ran.verdict, "scenario": ran.scenario, "fingerprint": ran.fingerprint, **said}
    return verify(packed(with_sums(members, **said), to))


def test_a_verdict_that_was_changed_with_all_sums_contradicts_the_fingerprint(made: Path, tmp_path: Path) -> None:
    verified = rewritten(made, tmp_path / "x", replace(RAN, verdict=Verdict.FAILED))
    [problem] = verified.problems
    assert problem.startswith(
        f"result.json: its fingerprint is {RAN.fingerprint}, and that of what it tells is sha256:"
    )


def test_what_a_client_saw_cannot_be_changed_either(made: Path, tmp_path: Path) -> None:
    milder = phase(Phase.FAULTED, replace(REFUSED, errno="ETIMEDOUT"))
    assert named(rewritten(made, tmp_path / "x", replace(RAN, phases=(RAN.phases[0], milder)))) == {"result.json"}


def test_a_result_without_its_fingerprint_is_no_evidence(made: Path, tmp_path: Path) -> None:
    [problem] = rewritten(made, tmp_path / "x", replace(RAN, fingerprint="")).problems
    assert problem.startswith("result.json: has no fingerprint")


def test_a_result_that_no_run_could_have_is_a_problem_and_no_accident(made: Path, tmp_path: Path) -> None:
    twice = replace(RAN, phases=(phase(Phase.FAULTED, REFUSED, REFUSED),))
    assert "result.json" in named(rewritten(made, tmp_path / "x", twice))
    nameless = replace(RAN, names={**NAMES, "address.x": "no address"})
    nameless = replace(nameless, fingerprint=fingerprint(nameless))
    problems = rewritten(made, tmp_path / "x", nameless, missing=["x.pcap"]).problems
    assert problems == (
        "result.json: names an address that is none: 'no address' does not appear to be an IPv4 or IPv6 address",
    )


def test_a_result_that_was_changed_with_sums_and_fingerprint_contradicts_the_captures(
    made: Path, tmp_path: Path
) -> None:
    """Whoever knows how to compute a fingerprint still has to invent packets."""
    [one, *others] = captured(2.0)
    answered = replace(
        one,
        packets=tuple(replace(packet, kind="SYN-ACK") if packet.kind == "RST" else packet for packet in one.packets),
    )
    [problem] = rewritten(made, tmp_path / "x", evident(RAN, answered, *others)).problems
    assert problem == (
        "result.json: tells that faulted had SYN by client, SYN-ACK by server, on client:40002 to server:8080; "
        "client.pcap tells it otherwise"
    )


def test_what_the_captures_show_is_no_contradiction() -> None:
    assert contradictions(evident(RAN, *captured(0)), PCAPS) == []
    assert contradictions(evident(RAN, *captured(1.5)), PCAPS) == []
    assert contradictions(evident(RAN), PCAPS) == []
    assert contradictions(RAN, {}) == []
    assert contradictions(result(), PCAPS) == []


def test_a_connection_of_which_only_a_part_was_seen_in_time_is_no_contradiction() -> None:
    [one, *_] = captured(0)
    for part in (one.packets[:1], one.packets[1:]):
        assert contradictions(evident(RAN, replace(one, packets=part)), PCAPS) == []


def test_requests_for_an_address_may_count_to_another_connection() -> None:
    [one, *_] = captured(0)
    asked = replace(one.packets[0], kind="ARP request")
    assert contradictions(evident(RAN, replace(one, packets=(asked, asked, *one.packets))), PCAPS) == []


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ({"client_port": 40009}, "knows of no such connection"),
        ({"port": 80}, "knows of no such connection"),
        ({"server": "nobody"}, "knows of no such connection"),
        ({"packets": ()}, "tells it otherwise"),
    ],
)
def test_a_connection_that_was_never_captured_is_a_contradiction(change: dict[str, Any], there: str) -> None:
    [one, *_] = captured(0)
    [problem] = contradictions(evident(RAN, replace(one, **change)), PCAPS)
    assert problem.startswith("result.json: tells that faulted had")
    assert problem.endswith(f"client.pcap {there}")


def test_the_order_and_the_senders_of_packets_count() -> None:
    [one, *_] = captured(0)
    backwards = replace(one, packets=one.packets[::-1])
    other = replace(one, packets=tuple(replace(packet, by="client") for packet in one.packets))
    for wrong in (backwards, other):
        assert len(contradictions(evident(RAN, wrong), PCAPS)) == 1


def test_only_the_last_observation_of_a_phase_has_to_be_in_the_captures() -> None:
    [one, *_] = captured(0)
    [last] = evident(RAN, one).phases[-1].observations
    earlier = replace(last, evidence=Evidence(connections=(replace(one, client_port=1),)))
    ran = replace(RAN, phases=(replace(RAN.phases[-1], observations=(earlier, last)),))
    assert contradictions(ran, PCAPS) == []


def test_a_run_has_one_client() -> None:
    [one, two, _] = captured(0)
    assert contradictions(evident(RAN, one, replace(two, client="server")), PCAPS) == [
        "result.json: tells of connections of client and server, and a run has one client"
    ]


def test_a_capture_that_is_none_is_named() -> None:
    assert contradictions(RAN, {**PCAPS, "server": b"nothing"}) == ["server.pcap: is no capture of labctl's"]
    assert contradictions(RAN, {**PCAPS, "server": FILE.pack(0xA1B2C3D4, 2, 4, 0, 0, 256, 1)}) == [
        "server.pcap: is no capture of labctl's"
    ]


def test_captures_beyond_what_labctl_captures_are_not_read() -> None:
    [problem] = contradictions(RAN, {**PCAPS, "x": bytes(bundle.MOST_CAPTURED)})
    assert problem.startswith("client.pcap: is with the other captures larger than")


# Whatever there is


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_bundle_with_problems(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    for whole in (content, gzip.compress(content), b"\x1f\x8b\x08" + content):
        file.write_bytes(whole)
        assert verify(file).problems


@settings(max_examples=300)
@given(st.integers(0, 511), st.binary(min_size=1, max_size=40), st.booleans())
def test_any_header_of_tar_is_a_problem(
    tmp_path_factory: pytest.TempPathFactory, at: int, content: bytes, summed: bool
) -> None:
    head = bytearray(member("run/manifest.json", 9).tobuf(tarfile.USTAR_FORMAT))
    head[at : at + len(content)] = content
    head = head[:512]
    if summed:
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
    file = tmp_path_factory.getbasetemp() / "any-header"
    file.write_bytes(gzip.compress(bytes(head) + bytes(2048)))
    assert verify(file).problems


@given(
    st.sampled_from(["result.json", MANIFEST, "client.pcap"]),
    st.one_of(st.binary(), st.binary().map(header().__add__)),
    st.integers(0, 1 << 16),
)
def test_any_content_of_a_file_is_a_problem_by_its_name(
    tmp_path_factory: pytest.TempPathFactory, made: Path, name: str, content: bytes, at: int
) -> None:
    members = unpacked(made)
    whole = members[f"{RAN.run}/{name}"]
    at %= len(whole)
    members[f"{RAN.run}/{name}"] = whole[:at] + content + whole[at + len(content) :]
    file = packed(members, tmp_path_factory.getbasetemp() / "any-content")
    if members[f"{RAN.run}/{name}"] != whole:
        assert name in named(verify(file)) or name == MANIFEST


@given(st.binary(), st.lists(st.integers(0, 255), max_size=20))
def test_any_records_of_a_capture_are_read_without_an_accident(content: bytes, at: list[int]) -> None:
    pcap = bytearray(PCAPS["server"])
    for place in at:
        pcap[24 + place * 7 % (len(pcap) - 24)] ^= place
    framed = RECORD.pack(1, 1, len(content), len(content)) + content
    assert contradictions(RAN, {"client": PCAPS["client"], "server": bytes(pcap) + framed}) is not None


def test_the_two_clients_of_handmade_results_are_told_apart() -> None:
    """The results above are not all alike: the fingerprint depends on what was seen."""
    assert fingerprint(result(Verdict.PASSED, "a", phase(Phase.HEALTHY, OK))) != fingerprint(
        result(Verdict.PASSED, "a", phase(Phase.HEALTHY, REFUSED))
    )
