"""What a run left in its folder, found and read back: result.json, and the files beside it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.errors import UnknownName, UsageError
from labctl.model import Result
from labctl.results.journal import STAMPED
from labctl.system.places import RUNS, all_kept, readable

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

NAME = "result.json"
COUNTERS = "counters.json"
OPTIONAL = (COUNTERS, "environment.json", "journal.jsonl", "scenario.json", "stack.json")
PCAP = ".pcap"
MORE = re.compile(r"[^/]+\.pcap|logs/[^/]+\.log")
LAST = "last"

MOST_BYTES = 32 << 20  # a hundred times what a run of eleven clients writes
MOST_VALUES = 300_000  # commas: pydantic keeps about a kilobyte for each value that is wrong
ORDINARY = re.compile(r"[A-Za-z0-9_.-]+")
ESCAPES = re.compile(  # of JSON (RFC 8259, 7): a surrogate pair, half of one, any other
    rb"\\(?:(?P<pair>u[dD][89abAB]..\\u[dD][c-fC-F]..)|u(?P<half>[dD][89a-fA-F]..)|.)", re.DOTALL
)


def find_run(name: str, runs: Path = RUNS) -> Path:
    """Return a run's folder: by its path, its name, its scenario's name (the newest run), or `last`.

    Raises UnknownName with the nearest names, UsageError where there are no runs, or where that run was cut off.
    """
    if "/" in name or name.startswith("."):
        path = Path(name)
        return ended(path.parent if path.name == NAME else path)
    known = run_names(runs)
    if not known:
        where = " or ".join(map(str, all_kept(runs)))
        raise UsageError(f"there are no runs in {where}.", todo="`labctl run NAME` leaves one there.")
    fitting = known if name == LAST else [run for run in known if name in (run, scenario_of(run))]
    if not fitting:
        names = known if name[:1].isdigit() else {*map(scenario_of, known), LAST}
        raise UnknownName("run, or scenario that has run,", name, names)
    return ended(next(one / fitting[-1] for one in readable(runs) if (one / fitting[-1]).is_dir()))


def run_names(runs: Path = RUNS) -> list[str]:
    """Return the names of the runs in a folder, and in the one used in its place, the oldest first."""
    return sorted(path.name for one in readable(runs) for path in one.iterdir() if path.is_dir())


def scenario_of(run: str) -> str:
    """Return the scenario's name, by the name of a run."""
    found = STAMPED.fullmatch(run)
    return found[1] if found else run


def ended(folder: Path) -> Path:
    """Return a run's folder; raises UsageError where the run has not ended, or there is no such folder."""
    try:
        if (folder / NAME).is_file():
            return folder
    except PermissionError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}.") from error
    if not folder.is_dir():
        todo = "Give a run's folder, its name, the name of its scenario, or `last`."
        raise UsageError(f"there is no folder {folder}.", todo=todo)
    raise UsageError(
        f"{folder} has no {NAME}.",
        means="The run was cut off before it ended, or it has not ended yet.",
        todo=f"Run it again: `labctl run {scenario_of(folder.name)}`.",
    )


def files(folder: Path) -> dict[str, Path]:
    """Return the files that a run left, by their names below its folder, in their order; others are left out.

    Raises OSError, and UsageError where there is a symbolic link: it would lead to what is not the run's.
    """
    found = {path.name: path for path in folder.iterdir()}
    logs = found.get("logs")
    if logs is not None and not logs.is_symlink() and logs.is_dir():
        found |= {f"logs/{path.name}": path for path in logs.iterdir()}
    for path in found.values():
        if path.is_symlink():
            raise UsageError(
                f"{path} is a symbolic link.",
                means="A run writes no links, and a link may lead to files that are not part of it.",
                todo="Remove it, or put the file itself there.",
            )
    names = sorted(name for name in found if name in (NAME, *OPTIONAL) or MORE.fullmatch(name))
    return {name: found[name] for name in names if found[name].is_file()}


def counters(result: Result) -> dict[str, dict[str, dict[str, int]]]:
    """Return by how much the counters of each host moved in each phase's last observation: what counters.json holds."""
    return {
        phase.phase.value: {host: dict(look.counters) for host, look in observation.evidence.hosts.items()}
        for phase in result.phases
        for observation in phase.observations
        if observation.evidence
    }


def read(file: Path) -> Result:
    """Read a file that labctl wrote at the end of a run.

    Raises UsageError where it cannot be read, or is no result.
    """
    try:
        with file.open("rb") as opened:
            raw = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    return parse(raw, str(file))


def parse(text: str | bytes, shown: str = NAME) -> Result:
    r"""Read a result from its JSON; keys that this labctl does not know are left out.

    Half of a surrogate pair, as Python has it for bytes that are no text, is read as its escape: `\udc80`.
    Raises UsageError, with the first mistake and its path, where it is no result; `shown` is what it calls the file.
    """
    from pydantic import ValidationError

    raw = text.encode(errors="backslashreplace") if isinstance(text, str) else text
    if len(raw) > MOST_BYTES or raw.count(b",") > MOST_VALUES:
        raise _no_result(shown, "it holds more than any run writes")
    try:
        return _adapter().validate_json(ESCAPES.sub(_whole, raw) if b"\\u" in raw else raw, strict=True)
    except ValidationError as error:
        raise _no_result(shown, first_mistake(error)) from error


def first_mistake(error: ValidationError) -> str:
    """Return the first of pydantic's complaints as `path.to.it: what is wrong`, fit for a terminal."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = ".".join(str(part) if ORDINARY.fullmatch(str(part)) else ascii(part) for part in first["loc"])
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"{path}: {message}" if path else message


def _whole(escape: re.Match[bytes]) -> bytes:
    return escape[0] if escape["half"] is None else rb"\\u" + escape["half"]


def _no_result(shown: str, why: str) -> UsageError:
    return UsageError(
        f"{shown} is not the result of a run: {why}.",
        means="labctl writes this file at the end of a run. It was changed since, or another labctl wrote it.",
    )


@cache
def _adapter() -> TypeAdapter[Result]:
    from pydantic import TypeAdapter

    return TypeAdapter(Result)
