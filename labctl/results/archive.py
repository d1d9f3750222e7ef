"""An archive of plain files below one folder: written the same for the same files, and read where it may be anything.

Nothing of an archive is believed, or unpacked to disk: it is read in memory, within bounds.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import UsageError
from labctl.system import files

MOST_MEMBERS = 1000
MOST_BYTES = 256 << 20  # of a whole archive, unpacked
CHUNK = 1 << 16
KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.DIRTYPE: "a folder",
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What could be read of an archive, by the names below its top folder, and what is wrong with how it is packed."""

    file: Path
    sha256: str
    top: str
    members: Mapping[str, bytes]
    problems: tuple[str, ...]


class Broken(Exception):
    """Nothing more can be read of an archive; says why."""


def write(to: Path, members: Mapping[str, bytes]) -> None:
    """Write an archive, as a whole or not at all; raises UsageError and NotWritten."""
    raw = io.BytesIO()
    try:
        with (
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
        ):
            for name, content in members.items():
                archive.addfile(_header(name, len(content)), io.BytesIO(content))
    except ValueError as error:  # a name is too long for tar
        raise UsageError(f"{to} cannot be written: {error}.") from error
    with files.named_by_user():
        files.write(to, raw.getvalue(), "`-o FILE` names another file.")


def _header(name: str, size: int) -> tarfile.TarInfo:
    """Return what stands before a file: of nobody, from no time, for all to read."""
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o644
    return header


def read(file: Path) -> Contents:
    """Read an archive that may be anything, as far as that goes within bounds.

    Raises UsageError where there is no such file, or it cannot be read.
    """
    demand(file)
    try:
        with file.open("rb") as raw:
            sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
            raw.seek(0)
            unpacked = _Unpacked(gzip.GzipFile(fileobj=raw))
            problems = tuple(unpacked.problems())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    members = {name.partition("/")[2]: content for name, content in unpacked.members.items()}
    return Contents(file, sha256, unpacked.top, members, problems)


def demand(file: Path) -> None:
    """See that there is a file; raises UsageError where there is none, or something else."""
    if not file.is_file():
        what = f"{file} is no file" if file.exists() else f"there is no file {file}"
        raise UsageError(f"{what}.", todo="Give a file that `labctl bundle RUN` has made.")


class _Unpacked:
    """The plain files of an archive, read into memory one after the other; nothing that it says is believed."""

    def __init__(self, packed: gzip.GzipFile) -> None:
        self._packed = packed
        self._left = MOST_BYTES
        self._where = "before its first file"
        self._count = 0
        self.members: dict[str, bytes] = {}
        self.top = ""

    def problems(self) -> Iterator[str]:
        """Read everything, and yield what is wrong with it."""
        try:
            while any(block := self._whole(tarfile.BLOCKSIZE)):
                yield from self._member(block)
            while rest := self._read(CHUNK):
                if any(rest):
                    yield "the archive: goes on after its end"
                    return
        except Broken as broken:
            yield f"the archive: {broken}"

    def _member(self, block: bytes) -> Iterator[str]:
        self._count += 1
        if self._count > MOST_MEMBERS:
            raise Broken(f"holds more than {MOST_MEMBERS} files")
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.TarError, ValueError) as error:
            raise Broken(f"is not a bundle of labctl, or is damaged, {self._where}: {error}") from error
        self._where = f"in {header.name}"
        if header.size < 0:
            raise Broken(f"is damaged {self._where}: fewer than no bytes")
        content = self._whole(header.size)
        self._whole(-header.size % tarfile.BLOCKSIZE)
        self._where = f"after {header.name}"
        if wrong := self._misplaced(header, block):
            yield f"{header.name}: {wrong}"
            return
        self.top = header.name.partition("/")[0]
        self.members[header.name] = content

    def _misplaced(self, header: tarfile.TarInfo, block: bytes) -> str:
        """Return why a member does not belong into a bundle, or nothing."""
        if not header.isreg():
            return f"is {KINDS.get(header.type, 'no plain file')}, and a bundle has none"
        if wrong := misnamed(header.name):
            return wrong
        if self.top not in ("", header.name.partition("/")[0]):
            return f"lies outside of the folder {self.top}"
        if header.name in self.members:
            return "stands there twice"
        if _header(header.name, header.size).tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict") != block:
            return "is not stored as labctl stores it, so that others may read something else"
        return ""

    def _whole(self, size: int) -> bytes:
        content = self._read(size) if size else b""
        if len(content) < size:
            raise Broken(f"is cut off {self._where}")
        return content

    def _read(self, size: int) -> bytes:
        """Read so many bytes, fewer at the end; raises Broken where too much was read, or the packing is damaged."""
        try:
            content = self._packed.read(min(size, self._left + 1))
        except EOFError as error:
            raise Broken(f"is cut off {self._where}") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise Broken(f"is not a bundle of labctl, or is damaged, {self._where}: {error}") from error
        self._left -= len(content)
        if self._left < 0:
            raise Broken(f"unpacks to more than {MOST_BYTES >> 20} MiB")
        return content


def misnamed(name: str) -> str:
    """Return why a member may not be called so, or nothing."""
    parts = name.split("/")
    if name.startswith("/"):
        return "has an absolute name"
    if ".." in parts:
        return "leads out of its folder"
    if len(parts) == 1:
        return "lies in no folder"
    return "" if name.isprintable() and not {"", "."} & {*parts} else "has no proper name"
