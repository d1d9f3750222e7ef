"""Merging is Compose's: each row of tests/data/compose_merges.json is read as Compose's own output is."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from labctl.errors import Mistakes
from labctl.language import documents
from labctl.language.documents import Document
from labctl.stack import compose
from labctl.stack.load import parse_stack
from labctl.stack.merge import merge
from labctl.stack.model import Stack
from labctl.stack.service import Service
from support.compose_merges import ABSENT, FILE, FRAME, PROJECT, Row, pairs, placed, recorded

ROWS = recorded()
STRICTER = ("services", f"{ABSENT} over {ABSENT}")  # a stack has services; Compose makes a project of none
READ = 5  # rows of a key, at least, that both read
KEYS = sorted(
    {f"services.web.{field.alias or name}" for name, field in Service.model_fields.items()} | {*Stack.model_fields}
)
MORE_IS_TAKEN: Mapping[str, Callable[[Row], bool]] = {
    # what Compose's schema refuses, and labctl reads without any doubt of what is meant
    "a null below is nothing": lambda row: None in row.below.values(),
    "a null above nothing is nothing": lambda row: not row.below and None in row.above.values(),
    "a null above services is nothing": lambda row: row.path == "services" and None in row.above.values(),
    "what is there twice is one thing": lambda row: "items at 0 and 1 are equal" in (row.refused or ""),
    "an entry without a value is an empty one": lambda row: "depends_on.db must be a mapping" in (row.refused or ""),
    "a limit that is replaced may have been half a limit": lambda row: "a.json: services.web.ulimits.nofile" in (row.refused or ""),
}  # fmt: skip


def output(path: str, merged: dict[str, Any]) -> dict[str, Any]:
    """Return what Compose wrote without the defaults that it fills in, and that the subset has no word for."""
    document = placed(FRAME, path.split("."), json.loads(json.dumps(merged)))
    for service in document["services"].values():
        without_defaults(service)
    for part in ("networks", "volumes", "configs"):
        for name, entry in document.get(part, {}).items():
            assert entry.pop("name", f"{PROJECT}_{name}") == f"{PROJECT}_{name}"
    for config in document.get("configs", {}).values():
        config.setdefault("content", "")  # Compose leaves out what is empty
    if document.get("name") == PROJECT:
        del document["name"]  # no file has a name
    return document


def without_defaults(service: dict[str, Any]) -> None:
    """Take what Compose fills in out of a service that it wrote."""
    for dependency in service.get("depends_on", {}).values():
        assert dependency.pop("required") is True
    for port in service.get("ports", ()):
        assert (port.pop("mode"), port.pop("protocol")) == ("ingress", "tcp")
    for volume in service.get("volumes", ()):
        if isinstance(volume, dict):  # the frame's own are short
            assert volume.pop("volume", {}) == {}


def normal(service: Service) -> Service:
    """Return a service in the one form that Compose writes: words for a line, and addresses in the order of a list."""
    check = service.healthcheck
    if check is not None and check.test[0] == "CMD-SHELL":
        check = check.model_copy(update={"test": check.test[1]})
    changes = {
        "command": words(service.command),
        "entrypoint": words(service.entrypoint),
        "healthcheck": check,
        "extra_hosts": {name: tuple(sorted(addresses)) for name, addresses in service.extra_hosts.items()},
    }
    return service.model_copy(update=changes)


def words(command: str | list[str] | None) -> list[str] | None:
    return shlex.split(command) if isinstance(command, str) else command


def modelled(document: dict[str, Any]) -> Stack | None:
    """Return a document as the model reads it; None where it is outside of the subset."""
    try:
        read = documents.parse(Stack, Document("stack.yaml", compose.unescaped(document)))
    except Mistakes:
        return None
    return read.model_copy(update={"services": {name: normal(one) for name, one in read.services.items()}})


def files(row: Row) -> tuple[dict[str, Any], dict[str, Any]]:
    path = row.path.split(".")
    return placed(FRAME, path, row.below), placed({}, path, row.above)


def used(read: Stack | None, row: Row) -> Stack | None:
    """Return a stack without the network that Compose makes where none of the files has it."""
    if read is None or row.path != "networks" or "default" in str((row.below, row.above)):
        return read
    return read.model_copy(update={"networks": {k: v for k, v in read.networks.items() if k != "default"}})


def by_compose(row: Row) -> Stack | None:
    assert row.merged is not None
    return used(modelled(output(row.path, row.merged)), row)


def by_labctl(row: Row) -> Stack | None:
    return used(modelled(merge(*files(row))), row)


MERGED = [row for row in ROWS if row.merged is not None and (row.path, row.name) != STRICTER]
REFUSED = [row for row in ROWS if row.refused is not None and not any(why(row) for why in MORE_IS_TAKEN.values())]


@pytest.mark.parametrize("path", KEYS)
def test_every_pair_is_merged_as_compose_merges_it(path: str) -> None:
    """Two files become the same stack as by Compose, or neither result is inside the subset."""
    rows = [row for row in MERGED if row.path == path]
    assert rows
    assert [row.name for row in rows if by_labctl(row) != by_compose(row)] == []


@pytest.mark.parametrize("path", KEYS)
def test_every_key_of_the_subset_has_rows_that_are_read(path: str) -> None:
    """No key passes because everything is refused on both sides."""
    assert sum(by_compose(row) is not None for row in MERGED if row.path == path) >= READ


def test_the_rows_are_of_the_subset_and_of_the_forms_that_are_written_down() -> None:
    assert {row.path for row in ROWS} == set(KEYS)
    assert [(row.path, row.name, row.below, row.above) for row in ROWS] == [
        (row.path, row.name, row.below, row.above) for row in pairs()
    ]
    assert json.loads(FILE.read_text())["compose"].startswith("2.")


def test_every_row_is_either_merged_or_refused_and_each_tolerance_is_needed() -> None:
    assert all((row.merged is None) != (row.refused is None) for row in ROWS)
    tolerated = Counter(
        name for row in ROWS if row.refused is not None for name, why in MORE_IS_TAKEN.items() if why(row)
    )
    assert tolerated.keys() == MORE_IS_TAKEN.keys()


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: f"{row.path}: {row.name}")
def test_what_compose_refuses_is_refused(row: Row) -> None:
    below, above = files(row)
    with pytest.raises(Mistakes) as caught:
        parse_stack(Document("stack.yaml", below), above, Document("scenario.yaml", {"override": above}))
    assert caught.value.mistakes


def test_a_row_that_compose_merges_differently_would_be_seen() -> None:
    """The comparison is no comparison of nothing: another value in Compose's output is another stack."""
    row = next(row for row in MERGED if row.path == "services.web.user" and ABSENT not in row.name)
    assert by_labctl(row) != by_compose(Row(row.path, row.name, row.below, row.above, merged={"user": "other"}))
