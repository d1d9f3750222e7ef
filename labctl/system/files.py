"""The one way in which labctl writes files: what the system refuses becomes one error that says what to do.

Only this module writes on labctl's side; tests/unit/test_one_door.py sees to that. What runs inside a host
(`labctl.agent`, `labctl.clients`, `labctl.standin`) writes there by itself.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import IO

from labctl.errors import NotWritten, UsageError

FULL = "The disk is full."
DENIED = "You may not write there."
BLOCKED = "A part of this path is a file, where there should be a folder."
SPACE = "Free some space on that disk."
MEANS = {  # by what errno(3) calls it: what that means, and what to do
    errno.ENOSPC: (FULL, SPACE),
    errno.EDQUOT: ("Your quota of that disk is used up.", SPACE),
    errno.EFBIG: ("The file would be larger than a limit (`ulimit -f`) or the file system allows.", "Raise the limit."),
    errno.EROFS: ("That file system is mounted read-only.", "Mount it for writing, or work in another folder."),
    errno.EACCES: (DENIED, "See that you may write there, or work in another folder."),
    errno.EPERM: (DENIED, "See that you may write there, or work in another folder."),
    errno.EIO: ("The disk reports an error.", "See what `dmesg` says of that disk, or work in a folder on another."),
    errno.ENOTDIR: (BLOCKED, "Move that file away, or work in another folder."),
    errno.EEXIST: (BLOCKED, "Move that file away, or work in another folder."),
    errno.EISDIR: ("A folder of that name is there.", "Move that folder away."),
}
EXHAUSTED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # there was room before
MISNAMED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP})
BLOCK = 4096  # bytes: what most file systems give a file at least


def refused(file: Path | str, error: OSError, elsewhere: str = "") -> NotWritten:
    """Return what it means that the system refused to write a file; `elsewhere` says how to choose another place."""
    number = error.errno or 0
    said = error.strerror or str(error)
    means, todo = MEANS.get(number, ("", "See that labctl can write there."))
    return NotWritten(f"{file} cannot be written: {said}.", number, means=means, todo=f"{todo} {elsewhere}".strip())


@contextmanager
def written(file: Path | str, elsewhere: str = "") -> Iterator[None]:
    """Raise NotWritten in place of an OSError; what this encloses does nothing but write."""
    try:
        yield
    except OSError as error:
        raise refused(file, error, elsewhere) from error


@contextmanager
def named_by_user() -> Iterator[None]:
    """Raise UsageError in place of a NotWritten that says that the user named a place that does not exist."""
    try:
        yield
    except NotWritten as error:
        if error.errno in MISNAMED:
            raise UsageError(error.what) from error
        raise


def write(file: Path, content: bytes, elsewhere: str = "") -> None:
    """Write a file, at once and as a whole, or not at all. Raises NotWritten."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with written(file, elsewhere):
        try:
            beside.write_bytes(content)
            beside.replace(file)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


def create(file: Path, content: bytes) -> None:
    """Write a file that is not there yet, as a whole or not at all. Raises NotWritten, and FileExistsError."""
    try:
        with file.open("xb", buffering=0) as made:
            try:
                _write_all(made, content)
            except OSError:
                with suppress(OSError):
                    file.unlink()
                raise
    except FileExistsError:
        raise
    except OSError as error:
        raise refused(file, error) from error


def append(file: Path, content: bytes, elsewhere: str = "") -> None:
    """Write a piece to the end of a file, as a whole or not at all. Raises NotWritten."""
    with written(file, elsewhere), file.open("ab", buffering=0) as grown:
        whole = grown.tell()
        try:
            _write_all(grown, content)
        except OSError:
            with suppress(OSError):
                grown.truncate(whole)
            raise


def _write_all(file: FileIO, content: bytes) -> None:
    """Write everything; write(2) may take the beginning only, and say why at the next call."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def make_folder(folder: Path, elsewhere: str = "", *, new: bool = False) -> None:
    """Make a folder, and those that it lies in; a `new` one is not there yet. Raises NotWritten."""
    with written(folder, elsewhere):
        folder.mkdir(parents=True, exist_ok=not new)


def opened(file: Path, mode: str, elsewhere: str = "") -> IO[bytes]:
    """Open a file that a lock or another program needs. Raises NotWritten."""
    with written(file, elsewhere):
        return file.open(mode)


def remove(file: Path) -> None:
    """Remove a file, if it is there. Raises NotWritten."""
    with written(file):
        file.unlink(missing_ok=True)


def discard(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that goes."""
    shutil.rmtree(folder, ignore_errors=True)


def folder_below(parent: str, prefix: str, mode: int, elsewhere: str = "") -> Path:
    """Make a folder with a name that nobody has yet. Raises NotWritten."""
    with written(parent, elsewhere):
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        folder.chmod(mode)
        return folder


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """Make a folder for as long as the block lasts, where TMPDIR says. Raises NotWritten."""
    with written("the folder for temporary files", TEMPORARY):
        folder = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    with folder as path:
        yield Path(path)


@contextmanager
def scratch_file() -> Iterator[IO[bytes]]:
    """Make a file without a name for as long as the block lasts, where TMPDIR says. Raises NotWritten."""
    with written("the folder for temporary files", TEMPORARY):
        file = tempfile.TemporaryFile()  # noqa: SIM115 - entered below
    with file:
        yield file


TEMPORARY = "TMPDIR names another folder for temporary files."


def demand_room(file: Path, option: str) -> None:
    """See that a file can be written that is asked for by an option, before anything is done for it.

    Raises UsageError where there is no such place, and NotWritten where nothing can be written there.
    """
    folder = file.absolute().parent
    if not file.name:
        raise UsageError(f"{option} needs the name of a file.")
    if not folder.is_dir():
        raise UsageError(f"{file} cannot be written: there is no folder {file.parent}.", todo="Make it first.")
    if file.is_dir():
        raise UsageError(f"{file} cannot be written.", todo=f"It is a folder; give {option} a file.")
    with named_by_user():
        try_out(file, f"Or give {option} another file.")


def try_out(file: Path, elsewhere: str = "") -> None:
    """See that a file can be written, without touching the one that is there. Raises NotWritten."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with written(file, elsewhere):
        try:
            beside.write_bytes(bytes(BLOCK))
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


def ran_out(printed: str, elsewhere: str = "") -> str:
    """Return what to do where another program printed that it had no room for its files; "" where it did not."""
    full = any(os.strerror(one) in printed for one in (errno.ENOSPC, errno.EDQUOT))
    return f"{FULL} {SPACE} {elsewhere}".strip() if full else ""
