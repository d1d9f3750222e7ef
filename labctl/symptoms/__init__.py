"""Reading errors out of pasted text: which failed connections it tells of, in whose words.

Each family of programs has a module with a recogniser: it says whether a line begins an error, and what it begins takes
the lines that belong to it. Nothing here knows of scenarios or records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from errno import errorcode

from labctl.clients.outcomes import NO_SOCKET
from labctl.symptoms import commands, node, others, python, statuses, words
from labctl.symptoms.episode import Episode, Recogniser, Single
from labctl.symptoms.reading import Line, lines, printable
from labctl.symptoms.symptom import LONGEST_QUOTE, Symptom

__all__ = ["Symptom", "symptoms"]

RECOGNISERS: tuple[Recogniser, ...] = (
    node.recognise,
    others.recognise,
    python.recognise,
    commands.recognise,
    statuses.recognise,
    others.recognise_wording,
)
MOST_KINDS = 1000  # different errors of one text; there reading ends
MOST_KNOWN = 1000  # lines that are remembered, since logs repeat themselves
MOST_STREAMS = 64  # containers whose lines are read in turn
ALONE = re.compile(
    r"\[?(?:errno|winerror)?[ =:]{0,3}(-?\d{1,5})\]?|\[?(?:errno[ =:]{1,3})?(?:WSA)?(E[A-Z]{3,16})\]?", re.IGNORECASE
)


def symptoms(text: str) -> tuple[Symptom, ...]:
    """Return every error of a failed connection in a text, in the order of the text, each kind once.

    Two errors are of one kind where they are the same apart from their place, times and local ports; `times` counts
    them. A text with no error gives none, and nothing is raised, whatever the text is.
    """
    alone = _alone(text)
    if alone is not None:
        return alone
    kinds: dict[Symptom, Symptom] = {}
    for found in _all(text):
        kind = found.kind
        if kind in kinds:
            earlier = min(kinds[kind], found, key=lambda one: one.line)
            kinds[kind] = replace(earlier, times=kinds[kind].times + 1)
        else:
            kinds[kind] = found
        if len(kinds) == MOST_KINDS:
            break
    return tuple(sorted(kinds.values(), key=lambda one: one.line))


def _alone(text: str) -> tuple[Symptom, ...] | None:
    """Return what a text tells that is nothing but an errno; None where it is more."""
    if len(text) > LONGEST_QUOTE:
        return None
    said = printable(text).strip()
    found = ALONE.fullmatch(said)
    if not found or not (found[1] or found[2]):
        return None
    if found[1]:
        errno = words.errno_of(abs(int(found[1])))
    else:
        errno = found[2].upper() if found[2].upper() in words.NAMES else None
    if errno is None or errno == errorcode[NO_SOCKET]:  # which is a missing file's much more often
        return ()
    at = 1 + text[: text.find(said[0])].count("\n")
    outcome, stage = words.outcome_of(errno), words.stage_of(errno)
    return (Symptom(at, said, "errno", outcome=outcome, stage=stage, errno=errno),)


def _all(text: str) -> Iterator[Symptom]:
    """Yield every error, in the order in which they end."""
    reading = _Reading({}, {})
    for line, hinted in lines(text):
        yield from reading.of(line, hinted=hinted)
    for episode in reading.open.values():
        yield from _told(episode.symptom())


@dataclass(slots=True)
class _Reading:
    """What is known so far of a text that is being read."""

    open: dict[str, Episode]  # errors that may go on, by the stream that they stand in
    known: dict[str, Symptom | None]  # what lines tell that are errors by themselves, or none

    def of(self, line: Line, *, hinted: bool) -> Iterator[Symptom]:
        """Yield the errors that are complete with this line."""
        episode = self.open.get(line.stream)
        if episode is not None:
            if episode.takes(line, hinted=hinted):
                return
            yield from _told(self.open.pop(line.stream).symptom())
        if not hinted:
            return
        if line.text not in self.known:
            begun = _begun(line)
            if begun is not None and type(begun) is not Single:
                yield from self._opened(line, begun)
                return
            self._know(line, begun.symptom() if begun else None)
        if (same := self.known[line.text]) is not None:
            yield replace(same, line=line.number, quoted=line.quoted)

    def _opened(self, line: Line, begun: Episode) -> Iterator[Symptom]:
        if len(self.open) >= MOST_STREAMS:
            yield from _told(self.open.pop(next(iter(self.open))).symptom())
        self.open[line.stream] = begun

    def _know(self, line: Line, told: Symptom | None) -> None:
        if len(self.known) >= MOST_KNOWN:
            self.known.clear()
        self.known[line.text] = told


def _begun(line: Line) -> Episode | None:
    return next((begun for recognise in RECOGNISERS if (begun := recognise(line))), None)


def _told(found: Symptom | None) -> Iterator[Symptom]:
    if found is not None:
        yield found
