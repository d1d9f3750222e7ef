"""YAML files read into plain values that remember where each was written, and judged against a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as File
from typing import Any, TypeVar

import pydantic

from labctl.errors import Mistake, Mistakes, listed, nearest
from labctl.language import yaml
from labctl.language.yaml import Path, Place, quoted

__all__ = ["Document", "M", "Path", "Place", "parse", "quoted", "read", "written_path"]

QUOTED = re.compile(r"'([^']+)'")
WORDS = {  # in place of pydantic's own
    **dict.fromkeys(("tuple_type", "list_type"), "expected a list."),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "expected a mapping of keys and values."),
    "string_type": "expected text.",
    "bool_type": "expected true or false.",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "expected a whole number."),
}

M = TypeVar("M", bound=pydantic.BaseModel)


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


def read(file: File, shown_as: str | None = None) -> Document:
    """Read one YAML file.

    Raises Mistakes where it cannot be read, is no YAML, or holds what no scenario needs.
    """
    shown = shown_as or str(file)
    value, reader = yaml.read(file, shown)
    return Document(shown, value, reader.keys, reader.values)


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
        meant = f"Did you mean {near[0]!r}?" if near else f"Known here: {listed(sorted(siblings))}."
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
