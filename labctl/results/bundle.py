"""A run in one file, as evidence for somebody else: made, and checked where there is neither engine nor scenario.

Whoever checks a bundle trusts nothing in it: it is read in memory, within bounds, and nothing of it is ever unpacked to
disk. The sums in its manifest find what was damaged. What was changed together with its sum is found because the
manifest, result.json, its fingerprint and the captured packets must tell one story. What was invented as a whole is not
found: for that the archive's own SHA-256 goes by another way.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from labctl import __version__
from labctl.errors import UsageError
from labctl.model import Result, Verdict
from labctl.results import archive
from labctl.results import result as results
from labctl.results.archive import MOST_BYTES, MOST_MEMBERS, Contents
from labctl.results.consistency import doctored

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT = 1
SUFFIX = ".labctl.tar.gz"
MANIFEST = "manifest.json"
PCAP = results.PCAP
MOST_MANIFEST = 1 << 20  # bytes; a thousand files need a sixth of it
find_run = results.find_run  # whose folder `make` takes


@dataclass(frozen=True, slots=True)
class Kept:
    """What the manifest says of one file."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself, as it is written to its manifest.json."""

    format: int
    labctl: str  # the version that made the bundle
    run: str
    scenario: str
    verdict: Verdict
    fingerprint: str
    made_from: str  # the run's folder, as the run itself named it
    files: Mapping[str, Kept]  # every file but this one
    missing: tuple[str, ...]  # what the run did not leave: one that failed early has no captures


@dataclass(frozen=True, slots=True)
class Verified:
    """A bundle that was checked; each problem begins with the name of the file inside that has it."""

    file: Path
    sha256: str
    manifest: Manifest | None
    problems: tuple[str, ...]
    result: Result | None = None


def make(folder: Path, to: Path, *, overwrite: bool = False) -> Manifest:
    """Pack a run's folder into one file, the same bytes for the same folder, and return what the bundle says of itself.

    Raises UsageError where the folder has symbolic links, holds no whole run, or more than `verify` would read, and
    where the file cannot be written, or is there already and must not be overwritten.
    """
    if to.is_dir() or (to.exists() and not overwrite):
        what = "is a folder" if to.is_dir() else "is there already"
        raise UsageError(f"{to} {what}.", todo="Name another file with `-o FILE`, or overwrite a file with `--force`.")
    files = _read_all(results.ended(folder))
    result = results.parse(files[results.NAME], str(folder / results.NAME))
    kept = {name: Kept(_sha256(content), len(content)) for name, content in files.items()}
    manifest = Manifest(FORMAT, __version__, *_told(result), kept, _missing(result, files))
    described = (json.dumps(asdict(manifest), indent=2) + "\n").encode()
    members = {f"{result.run}/{name}": content for name, content in {MANIFEST: described, **files}.items()}
    if wrong := next(filter(None, map(archive.misnamed, members)), ""):
        raise UsageError(f"{folder} cannot be bundled: its run is called {result.run!r}, and {wrong}.")
    archive.write(to, members)
    return manifest


def _told(result: Result) -> tuple[str, str, Verdict, str, str]:
    """Return what the manifest repeats of the result, in the order of its fields."""
    return result.run, result.scenario, result.verdict, result.fingerprint, result.folder


def _read_all(folder: Path) -> dict[str, bytes]:
    try:
        found = results.files(folder)
        size = sum(path.stat().st_size + 2 * tarfile.BLOCKSIZE for path in found.values())
        if len(found) < MOST_MEMBERS and size <= MOST_BYTES - MOST_MANIFEST:
            return {name: path.read_bytes() for name, path in found.items()}
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}.") from error
    raise UsageError(
        f"{folder} is too large for a bundle: {len(found)} files, {size >> 20} MiB.",
        means=f"A bundle has at most {MOST_MEMBERS} files and {MOST_BYTES >> 20} MiB.",
        todo="Run the scenario with fewer clients: `labctl run NAME --client C`.",
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _missing(result: Result, names: Iterable[str]) -> tuple[str, ...]:
    """Return what a whole run leaves and is not among the names."""
    from labctl.kernel.packets import owners

    captures = (host + PCAP for host in dict.fromkeys(owners(result.names).values()))
    return tuple(sorted({*results.OPTIONAL, *captures}.difference(names)))


def verify(file: Path) -> Verified:
    """Find everything that is wrong with a bundle.

    Raises UsageError where there is no such file, or it cannot be read.
    """
    return check(archive.read(file))


def check(contents: Contents) -> Verified:
    """Find everything that is wrong with what was read of a bundle."""
    problems, manifest, result = list(contents.problems), None, None
    members = {name: content for name, content in contents.members.items() if name != MANIFEST}
    try:
        manifest = _manifest(contents.members.get(MANIFEST))
        problems += _damages(members, manifest)
    except UsageError as error:
        problems.append(error.what)
    if results.NAME in members:
        try:
            result = results.parse(members[results.NAME], f"{results.NAME}:")
            problems += doctored(result, members)
        except UsageError as error:
            problems.append(error.what)
    else:
        problems.append(f"{results.NAME}: is missing")
    if manifest and result:
        problems += _disagreements(manifest, result, contents.top)
    return Verified(contents.file, contents.sha256, manifest, tuple(dict.fromkeys(problems)), result)


def _manifest(raw: bytes | None) -> Manifest:
    """Read a manifest; raises UsageError where it is none."""
    from pydantic import ValidationError

    if raw is None:
        raise UsageError(f"{MANIFEST}: is missing")
    if len(raw) > MOST_MANIFEST:
        raise UsageError(f"{MANIFEST}: is larger than {MOST_MANIFEST >> 20} MiB, the most that a manifest may have")
    try:
        manifest = _adapter().validate_json(raw, strict=True)
    except ValidationError as error:
        raise UsageError(f"{MANIFEST}: is not a manifest: {results.first_mistake(error)}") from error
    if manifest.format != FORMAT:
        raise UsageError(f"{MANIFEST}: is of format {manifest.format}, and labctl {__version__} knows {FORMAT} only")
    return manifest


@cache
def _adapter() -> TypeAdapter[Manifest]:
    from pydantic import TypeAdapter

    return TypeAdapter(Manifest)


def _damages(members: Mapping[str, bytes], manifest: Manifest) -> Iterator[str]:
    for name, kept in manifest.files.items():
        if name not in members:
            yield f"{name}: is missing"
        elif len(members[name]) != kept.bytes:
            yield f"{name}: has {len(members[name])} bytes, and {kept.bytes} in the manifest"
        elif _sha256(members[name]) != kept.sha256:
            yield f"{name}: has another SHA-256 than in the manifest"
    for name in members:
        if name not in manifest.files:
            yield f"{name}: is not in the manifest"


def _disagreements(manifest: Manifest, result: Result, top: str) -> Iterator[str]:
    """Yield in what the manifest differs from what it is the manifest of."""
    names = ("run", "scenario", "verdict", "fingerprint", "made_from", "missing")
    said = [getattr(manifest, name) for name in names]
    for name, one, other in zip(names, said, (*_told(result), _missing(result, manifest.files)), strict=True):
        if one != other:
            yield f"{MANIFEST}: says that {name} is {one}, and {results.NAME} that it is {other}"
    if top != manifest.run:
        yield f"{MANIFEST}: says that the run is {manifest.run}, and lies in the folder {top}"
