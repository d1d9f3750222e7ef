"""A scenario's record, which lies next to it: the exact error of every client while the fault is in place.

What may vary from run to run is replaced by names (`labctl.results.reproducible`), so two runs have equal records, and
a change in a library's wording shows. `labctl record` writes it, every run is compared with it, `labctl schema record`
documents the file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from pathlib import Path
from typing import Literal

from pydantic import Field

from labctl.language import jsonfile
from labctl.language.fields import Name, Written
from labctl.model import Outcome, Phase, Result, Stage, Try
from labctl.results.reproducible import TimeClass, text, time_class

UNRECORDED = "not recorded yet"  # what Result.record begins with where a scenario has no record
FOLDER = "records"  # in the folder of the scenarios
MOST_SHOWN = 100  # characters of a text, where a line shows it
CONTEXT = 24  # characters shown on either side of what differs in a longer one
NO_PROSE = ("outcome", "stage", "errno", "errno_number", "exit_code", "time")


class RecordedLink(Written):
    """One exception of a chain."""

    type: str = Field(description="The exception's type with its module, as a traceback names it.")
    message: str = Field(description="What str() of it gives, with what varies from run to run replaced by names.")
    link: str = Field(
        description="What leads to it from the one before: cause, context, reason, …; empty at the first."
    )


class Recorded(Written):
    """What one client saw of the fault."""

    outcome: Outcome = Field(description="The outcome of its try.")
    stage: Stage | None = Field(description="The stage that the try reached; null where the client does not report it.")
    errno: str | None = Field(description="The errno's name, see errno(3); null where there is none.")
    errno_number: int | None = Field(description="The errno's number on Linux; null where there is none.")
    exit_code: int | None = Field(description="What the command exits with; null for a library.")
    chain: tuple[RecordedLink, ...] = Field(description="Its exceptions, the outermost first; empty for a command.")
    says: str = Field(description="The last line that a user sees, with what varies from run to run replaced by names.")
    time: TimeClass = Field(
        description="How long it took: under two fifths of the client's timeout, nine tenths of it or more, or between."
    )
    version: str = Field(
        description="The client's version when this was recorded. A different version alone is not a difference."
    )


class Record(Written):
    """What every client saw while a scenario's fault was in place, as `labctl record` writes it."""

    scenario: Name = Field(description="The scenario's name; the file is called so, too.")
    format: Literal[1] = Field(description="The version of this format.")
    clients: dict[str, Recorded] = Field(description="What each client saw, by the client's name.")


def of(result: Result, like: Record | None = None) -> Record:
    """Return the record of one run: what its clients saw first in its faulted phase.

    With `like`, each client's time is taken for what is recorded there, if it would have been on a machine that never
    lacked a processor.

    Raises ValueError where they saw nothing, since it never came as far.
    """
    observations = [seen for phase in result.phases if phase.phase is Phase.FAULTED for seen in phase.observations]
    if not observations:
        raise ValueError(f"this run of {result.scenario} has no faulted phase in which a client tried.")
    clients = {one.client: recorded(one, result.names, result.timeout) for one in observations[0].tries}
    if like is not None:
        for one in observations[0].tries:
            least = time_class(one.least_seconds, result.timeout)
            if one.client in like.clients and like.clients[one.client].time == least:
                clients[one.client] = clients[one.client].model_copy(update={"time": least})
    return Record(scenario=result.scenario, format=1, clients=clients)


def recorded(one: Try, names: Mapping[str, str], timeout: float) -> Recorded:
    """Return one client's try, with what varies replaced; `timeout` is the client's, in seconds."""

    def kept(said: str) -> str:
        return _encodable(text(said, names))

    return Recorded(
        outcome=one.outcome,
        stage=one.stage,
        errno=one.errno,
        errno_number=one.errno_number,
        exit_code=one.exit_code,
        chain=tuple(RecordedLink(type=link.type, message=kept(link.message), link=link.link) for link in one.chain),
        says=kept(one.says),
        time=time_class(one.seconds, timeout),
        version=kept(one.version),
    )


def _encodable(said: str) -> str:
    """Write out visibly what has no UTF-8: halves of surrogate pairs, as Python has them for bytes that are no text."""
    return said.encode(errors="backslashreplace").decode()


def file_of(scenario_file: Path) -> Path:
    """Return the file of a scenario's record."""
    return scenario_file.parent / FOLDER / f"{scenario_file.stem}.json"


def orphans(folder: Path, scenarios: Collection[str]) -> list[Path]:
    """Return the records below a folder of scenarios whose scenario there is no more."""
    return sorted(file for file in (folder / FOLDER).glob("*.json") if file.stem not in scenarios)


def encoded(record: Record) -> bytes:
    """Return a record as it is written: the keys in the schema's order, the clients by name, every text readable."""
    value = record.model_dump(mode="json")
    value["clients"] = dict(sorted(value["clients"].items()))
    return jsonfile.encoded(value)


def write(file: Path, record: Record) -> None:
    """Write a record; makes the folder.

    Raises NotWritten, and LabctlError where it would be too large to be read again.
    """
    jsonfile.write(file, encoded(record))


def read(file: Path) -> Record | None:
    """Return what was recorded, or None where nothing was.

    Raises Mistakes with everything that is wrong with the file.
    """
    todo = f"`labctl record {file.stem}` writes it anew."
    record = jsonfile.read(file, Record, todo)
    if record is not None and record.scenario != file.stem:
        wrong = f"scenario: this is the record of {record.scenario!r}, and its file is called otherwise."
        raise jsonfile.mistakes(file, todo, wrong)
    return record


def unrecorded(recorded: Record, seen: Record) -> list[str]:
    """Return the clients that tried and are not recorded."""
    return sorted(seen.clients.keys() - recorded.clients.keys())


def untried(recorded: Record, seen: Record) -> list[str]:
    """Return the clients that are recorded and did not try."""
    return sorted(recorded.clients.keys() - seen.clients.keys())


def comparable(recorded: Record, seen: Record) -> Record:
    """Return what was seen without the clients that have another version than the recorded ones.

    Where clients are the machine's own, and not the image's, another version may well say something else.
    """
    known = recorded.clients
    kept = {name: one for name, one in seen.clients.items() if name not in known or known[name].version == one.version}
    return seen.model_copy(update={"clients": kept})


def differences(recorded: Record, seen: Record) -> list[str]:
    """Return in what the clients that both records have differ, as lines for a person; none where in nothing.

    Each difference is a line that says what differs, and one or two more with what was recorded (`  - …`) and what was
    seen (`  + …`); of long texts these show only where they differ. Another version is told where something else
    differs, too, and is no difference of itself.
    """
    lines: list[str] = []
    for client in sorted(recorded.clients.keys() & seen.clients.keys()):
        old, new = recorded.clients[client], seen.clients[client]
        found = [line for one in _between(old, new) for line in (f"{client}: {one.what}", *one.signed())]
        if found and old.version != new.version:
            found.append(f"{client} was recorded with {old.version}, and is {new.version} now")
        lines += found
    return lines


@dataclass(frozen=True, slots=True)
class _Difference:
    """What differs, as it was recorded and as it was seen; None where there is none of it."""

    what: str
    old: str | None
    new: str | None

    def signed(self) -> Iterator[str]:
        """Yield what was recorded and what was seen, each on a line that begins with its sign."""
        shown = contrast(self.old or "", self.new or "")
        for sign, whole, part in zip("-+", (self.old, self.new), shown, strict=True):
            if whole is not None:
                on_one_line = part.replace("\n", "\\n") or "(nothing)"
                yield f"  {sign} {on_one_line}"


def _between(old: Recorded, new: Recorded) -> Iterator[_Difference]:
    """Yield in what one client's error differs."""
    for name in NO_PROSE:
        before, after = (str(getattr(one, name)) for one in (old, new))
        if before != after:
            yield _Difference(name.replace("_", " "), before, after)
    yield from _chains(old.chain, new.chain)
    if old.says != new.says and not (_repeats_the_chain(old) and _repeats_the_chain(new)):
        yield _Difference("what it says", old.says, new.says)


def _chains(old: Sequence[RecordedLink], new: Sequence[RecordedLink]) -> Iterator[_Difference]:
    matcher = SequenceMatcher(None, [link.type for link in old], [link.type for link in new], autojunk=False)
    for how, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if how == "equal":
            for before, after in zip(old[old_from:old_to], new[new_from:new_to], strict=True):
                if before.message != after.message:
                    yield _Difference(f"message of {after.type}", before.message, after.message)
                if before.link != after.link:
                    yield _Difference(f"what leads to {after.type}", before.link, after.link)
        else:
            for gone in old[old_from:old_to]:
                yield _Difference(f"{gone.type} is gone from the chain", gone.message, None)
            for added in new[new_from:new_to]:
                yield _Difference(f"{added.type} is new in the chain", None, added.message)


def _repeats_the_chain(one: Recorded) -> bool:
    """Tell whether what a client says is its outermost exception once more."""
    return bool(one.chain) and one.says == ": ".join(filter(None, (one.chain[0].type, one.chain[0].message)))


def contrast(one: str, other: str) -> tuple[str, str]:
    """Return two texts, cut to where they differ if they are long."""
    if max(len(one), len(other)) <= MOST_SHOWN:
        return one, other
    same = _alike(one, other)
    tail = _alike(one[same:][::-1], other[same:][::-1])
    begin = max(0, same - CONTEXT)
    return _cut(one, begin, len(one) - tail + CONTEXT), _cut(other, begin, len(other) - tail + CONTEXT)


def _alike(one: str, other: str) -> int:
    """Return with how many characters two texts begin alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _cut(said: str, begin: int, end: int) -> str:
    """Return a part of a text, no longer than MOST_SHOWN, with dots where it is not the whole."""
    end = min(end, len(said), begin + MOST_SHOWN)
    return ("…" if begin else "") + said[begin:end] + ("…" if end < len(said) else "")
