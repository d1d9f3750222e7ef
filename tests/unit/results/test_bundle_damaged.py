"""A bundle is read as anything that anybody may have made: damaged, cut off, no archive at all, or a trap."""

from __future__ import annotations

import gzip
import hashlib
import random
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import UsageError
from labctl.results.archive import MOST_BYTES, MOST_MEMBERS
from labctl.results.bundle import MANIFEST, make, verify
from support.bundles import RAN, folder, member, named, packed, unpacked


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound bundle."""
    place = tmp_path_factory.mktemp("made")
    make(folder(place), place / "x.tar.gz")
    return place / "x.tar.gz"


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
    assert not verify(made).problems
    for at in random.Random(7).sample(range(len(whole)), 400):  # noqa: S311 - which ones does not matter
        changed = tmp_path / "x"
        changed.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        verified = verify(changed)
        assert verified.problems or at < 10
        assert verified.sha256 != hashlib.sha256(whole).hexdigest()


def test_an_archive_that_is_cut_off_is_found_at_any_length(made: Path, tmp_path: Path) -> None:
    whole = made.read_bytes()
    lengths = {*range(30), *range(30, len(whole), 37), *range(len(whole) - 9, len(whole))}
    assert len(lengths) > 50
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
        (b"PK\x03\x04", "is not a bundle of labctl"),
        (gzip.compress(b""), "is cut off before its first file"),
        (gzip.compress(b"x" * 512), "is not a bundle of labctl, or is damaged, before its first file"),
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
