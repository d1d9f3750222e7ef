"""Errors that one line tells, as a table: a pattern, and what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass

import re2

from labctl.model import Outcome, Stage
from labctl.symptoms import codes, words
from labctl.symptoms.episode import Episode, Single
from labctl.symptoms.reading import Line
from labctl.symptoms.symptom import Symptom


@dataclass(frozen=True, slots=True)
class Row:
    """One wording. Its groups `host` and `port`, where it has them, are the target."""

    pattern: re.Pattern[str]
    program: str
    outcome: Outcome | None = None  # where the text has no errno
    stage: Stage | None = None
    client: str | None = None
    own: bool = False  # the program's own words, although the kernel may be worded like that: no errno


def row(
    pattern: str,
    program: str,
    outcome: Outcome | None = None,
    stage: Stage | None = None,
    *,
    client: str | None = None,
    own: bool = False,
) -> Row:
    """Return one wording; HOST in its pattern stands for a name or an address."""
    return Row(re.compile(pattern.replace("HOST", words.HOST)), program, outcome, stage, client, own)


class Rows:
    """Wordings in the order in which they are tried, behind one pattern of RE2's that finds what any of them does."""

    def __init__(self, *rows: Row) -> None:
        self.rows = rows
        self.gate = re2.compile("|".join(_coarse(one.pattern.pattern) for one in rows))


def _coarse(pattern: str) -> str:
    """Return a pattern for RE2 that finds at least what this one does."""
    coarse = pattern.replace(words.HOST, r"\S*")
    coarse = re.sub(r"\(\?<?[=!](?:[^()\\]|\\.)*\)", "", coarse)  # looking ahead, or back
    return re.sub(r"(?<!\\)\{\d*,\d+\}\??", "*", re.sub(r"\?P<\w+>", "?:", coarse))


def first(rows: Rows, line: Line) -> Episode | None:
    """Return what the first row that is found in a line makes of it."""
    if not rows.gate.search(line.text):
        return None
    for one in rows.rows:
        if found := one.pattern.search(line.text):
            return Single(told(one, found, line))
    return None


def told(one: Row, found: re.Match[str], line: Line) -> Symptom | None:
    """Return what a wording tells, None where nothing of a failed connection is left."""
    said = line.text[found.start() :]
    errno = None if one.own else words.errno_in(said)
    outcome, stage = words.outcome_of(errno) or one.outcome, one.stage or words.stage_of(errno)
    if outcome is None and stage is None:
        return None
    place = _place(found, said, line.text)
    return Symptom(
        line=line.number,
        quoted=line.quoted,
        program=one.program,
        client=one.client,
        outcome=outcome,
        stage=stage,
        errno=errno,
        code=codes.code_of(outcome, line.text),
        host=place.host,
        port=place.port,
        seconds=words.seconds_in(said),
    )


def _place(found: re.Match[str], said: str, line: str) -> words.Place:
    groups = found.groupdict()
    if groups.get("host"):
        return words.place(groups["host"], groups.get("port"))
    nearby = words.place_in(said)
    return nearby if nearby.host else words.place_in(line)
