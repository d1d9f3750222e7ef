"""YAML files read into plain values that remember where each was written, and judged against a model.

A file is untrusted: only YAML 1.2's plain values are taken, no tags, bounded size, depth and number of values (an alias
counts at every place it is used).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as File
from typing import Any, TypeVar

import pydantic
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from labctl.errors import Mistake, Mistakes, nearest

MOST_BYTES = 256 << 10
MOST_VALUES = 10_000
MOST_DEPTH = 40
MOST_QUOTED = 120  # characters
QUOTED = re.compile(r"'([^']+)'")
PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}

WORDS = {  # in place of pydantic's own
    **dict.fromkeys(("tuple_type", "list_type"), "a list is wanted."),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "a mapping of keys and values is wanted."),
    "string_type": "a text is wanted.",
    "bool_type": "true or false is wanted.",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number is wanted."),
}

Path = tuple[str | int, ...]
M = TypeVar("M", bound=pydantic.BaseModel)


Place = tuple[str, int, int]  # file, line, column


@dataclass(frozen=True, slots=True)
class Document:
    """A file's value, and where each key and value of it was written, by their path."""

    file: str
    value: Any
    keys: Mapping[Path, Place] = field(default_factory=dict)
    values: Mapping[Path, Place] = field(default_factory=dict)

    def mistake(self, path: Path, wrong: str, meant: str = "", *, at_key: bool = False) -> Mistake:
        """Return a mistake at a path, or at the nearest place above it that was written."""
        for length in range(len(path), -1, -1):
            at = path[:length]
            place = (self.keys.get(at) if at_key else None) or self.values.get(at)
            if place:
                return Mistake(*place, wrong, meant)
        return Mistake(self.file, 1, 1, wrong, meant)

    def with_value(self, value: Any) -> Document:
        """Return the document with another value at the same places."""
        return replace(self, value=value)

    def overlaid(self, other: Document, path: Path, value: Any) -> Document:
        """Return a document of this value, in which what `other` has below a path was written there, not here."""

        def below(places: Mapping[Path, Place]) -> dict[Path, Place]:
            depth = len(path)
            return {at[depth:]: place for at, place in places.items() if at[:depth] == path and len(at) > depth}

        return Document(self.file, value, {**self.keys, **below(other.keys)}, {**self.values, **below(other.values)})


class _Reader:
    """One walk over the nodes of a file."""

    def __init__(self, file: str, yaml: YAML) -> None:
        self.file = file
        self.yaml = yaml
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}

    def read(self, node: Node, path: Path) -> Any:
        place = self._place(node)
        if node.start_mark.index == node.end_mark.index and path in self.keys:
            place = self.keys[path]  # nothing was written: the parser's own mark is at whatever comes next
        self.values[path] = place
        if len(self.values) > MOST_VALUES or len(path) > MOST_DEPTH:
            raise Mistakes([Mistake(*place, "this file holds more than any scenario or stack needs.")])
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and node.tag in PLAIN:
            try:
                return self.yaml.constructor.construct_object(node)
            except (YAMLError, ValueError) as error:
                raise Mistakes([Mistake(*place, f"{quoted(node.value)} cannot be read: {error}.")]) from error
        raise Mistakes([Mistake(*place, f"the tag {node.tag} has no meaning here.", "Plain values only.")])

    def _place(self, node: Node) -> Place:
        return self.file, node.start_mark.line + 1, node.start_mark.column + 1

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            place = self._place(key)
            if not isinstance(key, ScalarNode) or key.tag not in PLAIN:
                raise Mistakes([Mistake(*place, "a key must be a plain word.")])
            name = str(key.value)
            if name in mapping:
                raise Mistakes([Mistake(*place, f"the key {quoted(name)} stands here a second time.")])
            self.keys[*path, name] = place
            mapping[name] = self.read(value, (*path, name))
        return mapping


def read(file: File, shown_as: str | None = None) -> Document:
    """Read one YAML file.

    Raises Mistakes where it cannot be read, is no YAML, or holds what no scenario needs.
    """
    shown = shown_as or str(file)
    text = _text(file, shown)
    yaml = YAML(typ="safe", pure=True)
    reader = _Reader(shown, yaml)
    try:
        node = yaml.compose(text)
        value = None if node is None else reader.read(node, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Mistakes(
            [Mistake(shown, line, column, f"this is not YAML: {error.problem or error.context}.")]
        ) from error
    except RecursionError as error:
        raise Mistakes([Mistake(shown, 1, 1, "this file is nested more deeply than any scenario.")]) from error
    except YAMLError as error:
        raise Mistakes([Mistake(shown, 1, 1, f"this is not YAML: {error}.")]) from error
    return Document(shown, value, reader.keys, reader.values)


def _text(file: File, shown: str) -> str:
    try:
        with file.open("rb") as opened:
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


def parse(
    model: type[M],
    document: Document,
    *,
    tags: Mapping[str, type[pydantic.BaseModel]] | None = None,
    context: Mapping[str, Any] | None = None,
) -> M:
    """Read a document's value into a model.

    `tags` names the model that each discriminator's tag stands for; `context` is for the fields' validators.
    Raises Mistakes with all that is wrong.
    """
    if not isinstance(document.value, dict):
        raise Mistakes([document.mistake((), "this file must be a mapping of keys to values.")])
    try:
        return model.model_validate(document.value, context=context)
    except pydantic.ValidationError as error:
        mistakes = (_mistake(model, document, one, tags or {}) for one in error.errors())
        raise Mistakes(list(dict.fromkeys(mistakes))) from error


def _mistake(model: type[M], document: Document, error: Any, tags: Mapping[str, type[pydantic.BaseModel]]) -> Mistake:
    path = written_path(document, error["loc"])
    kind, message = error["type"], str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    message = message[0].lower() + message[1:] + ("" if message.endswith("?") else ".")
    if kind == "extra_forbidden":
        key = str(error["loc"][-1])
        siblings = _fields_at(model, error["loc"][:-1], tags)
        near = nearest(key, siblings)
        meant = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(sorted(siblings)) or 'nothing'}."
        return document.mistake((*path, key), f"unknown key {quoted(key)}.", meant, at_key=True)
    message = WORDS.get(kind, message)
    if kind == "missing":
        return document.mistake(path, f"the key {error['loc'][-1]!r} is missing.")
    at_key = error["loc"][-1:] == ("[key]",)
    if kind == "value_error" and message.startswith("there is no "):
        return document.mistake(path, message, at_key=at_key)
    shown = error.get("input")
    choices = QUOTED.findall(error["ctx"]["expected"]) if kind in ("enum", "literal_error") else []
    near = nearest(str(shown), choices)
    meant = f"Did you mean {near[0]!r}?" if near else ""
    wrong = f"{quoted(shown)}: {message}" if isinstance(shown, str | int | float | bool) else message
    return document.mistake(path, wrong, meant, at_key=at_key)


def quoted(value: Any) -> str:
    """Return what was written as a message quotes it: its beginning, where it is long."""
    shown = repr(value)
    return shown if len(shown) <= MOST_QUOTED else f"{shown[:MOST_QUOTED]}…"


def written_path(document: Document, location: Iterable[str | int]) -> Path:
    """Return the part of pydantic's location that stands in the file: union tags and the like do not."""
    path: Path = ()
    for part in location:
        if (*path, part) in document.values:
            path = (*path, part)
    return path


def _fields_at(model: Any, location: Iterable[str | int], tags: Mapping[Any, type[pydantic.BaseModel]]) -> list[str]:
    """Return the keys that are known where a location ends, by walking the models' fields."""
    for part in location:
        if part in tags:
            model = tags[part]
            continue
        fields = getattr(model, "model_fields", {})
        named = next((f for name, f in fields.items() if part in (name, f.alias)), None)
        if named is not None:
            model = _innermost_model(named.annotation)
    return [f.alias or name for name, f in getattr(model, "model_fields", {}).items()]


def _innermost_model(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _innermost_model(inner)
        if found is not None:
            return found
    return None
