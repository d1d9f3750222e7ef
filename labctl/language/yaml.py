"""YAML read into plain values with the place of each, where the file may be anything that anybody made.

Only YAML 1.2's plain values are taken, no tags, bounded size, depth, number and length of values (an alias counts
wherever it is used), and no character that a terminal obeys or that nobody can see.
"""

from __future__ import annotations

import os
import re
import stat
from functools import lru_cache
from pathlib import Path as File
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent, Event
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import ReaderError

from labctl.errors import Mistake, Mistakes
from labctl.language.bounds import MOST_BYTES
from labctl.system.places import leads_out

MOST_VALUES = 2_000
MOST_EVENTS = (
    3 * MOST_VALUES + 4
)  # of the parser: a value has a key, a beginning and an end; a file has four of its own
MOST_DEPTH = 40
KEPT = 32  # parsed texts: more than there are stacks, which many scenarios share
MOST_BITS = 64  # of a number
MOST_QUOTED = 120  # characters
TOO_MUCH = "this file holds more than any scenario or stack needs."
UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
"""Control characters, halves of surrogate pairs, and what turns the direction of writing or ends lines (UAX 9)."""
LINK = "this is a link that leads out of its folder, and out of the one that labctl is called in."
TAGS_OF_COMPOSE = {"!reset", "!override"}
OF_COMPOSE = "An override adds to a stack or replaces a value. To leave something out, write another stack."
ESCAPED = "Leave it out, or write it as the program that reads it escapes it."
PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}

Path = tuple[str | int, ...]
Place = tuple[str, int, int]  # file, line, column


class _Bounded(Parser):
    """The parser, which gives up as soon as there is too much: to read all of it first would take seconds."""

    events = depth = 0

    def get_event(self) -> Event:
        event: Event = super().get_event()
        self.events += 1
        self.depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if self.events > MOST_EVENTS or self.depth > MOST_DEPTH:
            raise MarkedYAMLError(problem=TOO_MUCH, problem_mark=event.start_mark)
        return event


class Reader:
    """One walk over the nodes of a file."""

    def __init__(self, file: str, yaml: YAML) -> None:
        self.file = file
        self.yaml = yaml
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.length = 0  # of all texts, in characters

    def read(self, node: Node, path: Path) -> Any:
        """Return a node's value, and remember where it was written; raises Mistakes."""
        place = self._place(node)
        if node.start_mark.index == node.end_mark.index and path in self.keys:
            place = self.keys[path]  # nothing was written: the parser's own mark is at whatever comes next
        self.values[path] = place
        if len(self.values) > MOST_VALUES or len(path) > MOST_DEPTH:
            raise Mistakes([Mistake(*place, TOO_MUCH)])
        if isinstance(node, MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and node.tag in PLAIN:
            return self._scalar(node, place)
        tag = quoted(node.tag).strip("'")
        meant = OF_COMPOSE if node.tag in TAGS_OF_COMPOSE else "Plain values only."
        raise Mistakes([Mistake(*place, f"the tag {tag} has no meaning here.", meant)])

    def _scalar(self, node: ScalarNode, place: Place) -> Any:
        self._demand_readable(node, place)
        try:
            value = self.yaml.constructor.construct_object(node)
        except (YAMLError, ValueError, LookupError) as error:  # `!!int ""` is an IndexError, `!!bool x` a KeyError
            raise Mistakes([Mistake(*place, f"{quoted(node.value)} cannot be read as {node.tag}.")]) from error
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            raise Mistakes([Mistake(*place, f"{quoted(node.value)} is a larger number than anything here has.")])
        return value

    def _demand_readable(self, node: ScalarNode, place: Place) -> None:
        """See that a text is one that can be shown, and not too long with all others."""
        self.length += len(node.value)
        if self.length > MOST_BYTES:
            raise Mistakes([Mistake(*place, TOO_MUCH)])
        if unseen := UNSEEN.search(node.value):
            wrong = f"the character U+{ord(unseen[0]):04X} is refused: it controls terminals or is invisible."
            raise Mistakes(
                [Mistake(*place, wrong, "Leave it out, or write it as the program that reads it escapes it.")]
            )

    def _place(self, node: Node) -> Place:
        return self.file, node.start_mark.line + 1, node.start_mark.column + 1

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            place = self._place(key)
            if not isinstance(key, ScalarNode) or key.tag not in PLAIN:
                raise Mistakes([Mistake(*place, "a key must be a plain word.")])
            self._demand_readable(key, place)
            name = str(key.value)
            if name in mapping:
                raise Mistakes([Mistake(*place, f"the key {quoted(name)} is given twice.")])
            self.keys[*path, name] = place
            mapping[name] = self.read(value, (*path, name))
        return mapping


def read(file: File, shown: str) -> tuple[Any, Reader]:
    """Return a YAML file's value, which nobody changes, and the reader that knows where everything was written.

    Raises Mistakes where it cannot be read, is no YAML, or holds what no scenario needs.
    """
    return _parsed(_text(file, shown), shown)


@lru_cache(maxsize=KEPT)
def _parsed(text: str, shown: str) -> tuple[Any, Reader]:
    """Parse a text; one that was parsed before, as a stack that many scenarios share, is not parsed again."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Parser = _Bounded
    reader = Reader(shown, yaml)
    try:
        node = yaml.compose(text)
        value = None if node is None else reader.read(node, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        wrong = TOO_MUCH if error.problem == TOO_MUCH else f"this is not YAML: {_line(error.problem or error.context)}."
        raise Mistakes([Mistake(shown, line, column, wrong)]) from error
    except ReaderError as error:
        before = text[: error.position]
        place = (before.count("\n") + 1, error.position - before.rfind("\n"))
        wrong = f"this is not YAML: the character U+{error.character:04X} has no place in it."
        raise Mistakes([Mistake(shown, *place, wrong)]) from error
    except (YAMLError, AssertionError) as error:  # the latter where a %YAML directive has an odd version
        raise Mistakes([Mistake(shown, 1, 1, f"this is not YAML: {_line(error)}.")]) from error
    return value, reader


def _text(file: File, shown: str) -> str:
    if file.is_symlink() and leads_out(file, file.parent):
        raise Mistakes([Mistake(shown, 1, 1, LINK)])
    try:
        with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:  # noqa: PTH123 - O_NONBLOCK
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):  # a pipe would be waited for, a device has no end
                raise Mistakes([Mistake(shown, 1, 1, "this is not a regular file.")])
            raw = opened.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            wrong = f"this file is larger than {MOST_BYTES >> 10} KiB, and no scenario or stack needs as much."
            raise Mistakes([Mistake(shown, 1, 1, wrong)])
        return raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        column = error.start - before.rfind(b"\n")
        raise Mistakes([Mistake(shown, before.count(b"\n") + 1, column, "this is not UTF-8 text.")]) from error
    except OSError as error:
        raise Mistakes([Mistake(shown, 1, 1, f"this file cannot be read: {error.strerror}.")]) from error


def _line(said: Any) -> str:
    return " ".join(str(said).split())[:MOST_QUOTED]


def quoted(value: Any) -> str:
    """Return what was written as a message quotes it: its beginning, where it is long."""
    shown = repr(value)
    return shown if len(shown) <= MOST_QUOTED else f"{shown[:MOST_QUOTED]}…"
