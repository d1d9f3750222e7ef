"""One Compose document merged over another, as Docker Compose does it.

- A mapping is merged by its keys. A list is appended; `labctl.stack.service` then takes an item once that is there
  twice: a volume and a config by where it is put (the later one stays), a port by both ends and its address.
- A short form is first read as the long one: `depends_on`, `networks`, `environment`, `sysctls`, `extra_hosts`,
  `tmpfs`. A dependency in the short form waits for a start, whatever the file below waits for; a network in the short
  form keeps its aliases.
- `command`, `entrypoint`, a health check's `test` and each of `ulimits` are replaced, as is anything else that is
  neither a mapping nor a list. A host of `extra_hosts` keeps the addresses of both files.
- A null leaves what is below, but for `command`, `entrypoint`, and each of `environment` and `sysctls`.

tests/data/compose_merges.json holds what Compose 2.40 makes of more than a thousand pairs. 2.26 differs in an extension
(`x-labctl`), which it replaces as a whole, and in extra hosts of which there are none, which it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from labctl.language.documents import Path
from labctl.stack.readiness import Dependency, by_name

OF_A_DOCUMENT = ("services", "networks", "volumes", "configs")  # parts whose entries have names of the user's own
ANY = "*"  # such a name, in the paths of RULES


def as_mapping(value: Any) -> Any:
    """Read Compose's list form, `- KEY=value`, as a mapping; a key alone has no value."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return {key: rest if equals else None for key, equals, rest in (item.partition("=") for item in value)}
    return value


def as_list(value: Any) -> Any:
    """Read one text as a list of it."""
    return [value] if isinstance(value, str) else value


def as_hosts(value: Any) -> Any:
    """Read `extra_hosts`, in the short form `- name:address` or `- name=address`, as lists of addresses by name."""
    if isinstance(value, list) and all(isinstance(one, str) and re.search("[:=]", one) for one in value):
        hosts: dict[str, list[str]] = {}
        for name, address in (re.split("[:=]", one, maxsplit=1) for one in value):
            hosts.setdefault(name, []).append(address)
        return hosts
    return {name: as_list(one) for name, one in value.items()} if isinstance(value, dict) else value


def _dependencies(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: {"condition": Dependency().condition} for name in value}
    return by_name(value)


def merge(below: Any, above: Any, path: Path = ()) -> Any:
    """Merge two Compose documents, or what they have at a path; `above` is the later file."""
    rule = RULES.get((path[0], ANY, *path[2:]) if path[:1] and path[0] in OF_A_DOCUMENT and path[1:] else path, _deeply)
    return rule(below, above, path)


def _deeply(below: Any, above: Any, path: Path) -> Any:
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        both = {key: merge(below[key], above[key], (*path, key)) for key in below.keys() & above.keys()}
        return {key: both.get(key, above.get(key, below.get(key))) for key in {**below, **above}}
    if isinstance(below, list) and isinstance(above, list):
        return [*below, *above]
    return _later(below, above, path)


def _later(below: Any, above: Any, _: Path) -> Any:
    return below if above is None else above


def _replaced(_: Any, above: Any, __: Path) -> Any:
    return above


def _flatly(below: Any, above: Any, path: Path) -> Any:
    """Merge mappings by their keys, of which each value is replaced."""
    both = isinstance(below, Mapping) and isinstance(above, Mapping)
    return {**below, **above} if both else _later(below, above, path)


Rule = Callable[[Any, Any, Path], Any]


def _read(form: Callable[[Any], Any], rule: Rule) -> Rule:
    """Return a rule for what has a short form."""
    return lambda below, above, path: rule(form(below), form(above), path)


RULES: Mapping[Path, Rule] = {
    **{("services", ANY, key): rule for key, rule in {
        "command": _replaced,
        "entrypoint": _replaced,
        "depends_on": _read(_dependencies, _deeply),
        "networks": _read(by_name, _deeply),
        "environment": _read(as_mapping, _flatly),
        "sysctls": _read(as_mapping, _flatly),
        "extra_hosts": _read(as_hosts, _deeply),
        "tmpfs": _read(as_list, _deeply),
        "ulimits": _flatly,
    }.items()},
    ("services", ANY, "healthcheck", "test"): _later,
}  # fmt: skip
