"""A Compose document before it is read into a stack: what is refused, what is escaped, how a later one is merged.

Merging follows Compose: mappings by key, lists by appending, but command, entrypoint and a health check's test are
replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from labctl.documents import Document, Path
from labctl.errors import Mistake, Mistakes

INTERPOLATION = re.compile(r"(?<!\$)(?:\$\$)*\$(?:\{|[A-Za-z_])")
REPLACED = {"command", "entrypoint", "test"}
REFUSED = {
    "privileged": "A lab's containers have no rights beyond their own namespaces.",
    "network_mode": "Every service gets a host of its own on the lab's network.",
    "pid": "Every service gets a PID namespace of its own.",
    "ipc": "No namespace is shared with the machine.",
    "cap_add": "Only labctl's own actions change a network; a service holds no extra capability.",
    "security_opt": "Security options stay as labctl sets them.",
    "devices": "No device of the machine enters a lab.",
    "volumes_from": "Use a named volume.",
    "ports": "Lab networks are internal; nothing is published to the machine.",
    "build": "Not there yet: build the image yourself, and name it under `image`.",
    "dns": "The lab answers its own names, and no question leaves it.",
    "env_file": "Write the variables under `environment`: a lab takes nothing from its surroundings.",
}


def check(document: Document, value: Any, path: Path) -> None:
    """Refuse what no stack may ask for. `path` is where the value stands in the document.

    Raises Mistakes.
    """
    mistakes = [*_refused(document, value, path), *_interpolations(document, value, path)]
    if mistakes:
        raise Mistakes(mistakes)


def _interpolations(document: Document, value: Any, path: Path) -> Iterator[Mistake]:
    """Yield every place that Compose would fill from the environment: a lab takes nothing from its surroundings."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _interpolations(document, inner, (*path, key))
    elif isinstance(value, str) and INTERPOLATION.search(value):
        wrong = f"{value!r} asks for a variable of the environment, and a lab takes nothing from its surroundings."
        yield document.mistake(path, wrong, "Write $$ for a dollar sign.")


def unescaped(value: Any) -> Any:
    """Return a document with Compose's $$ as the dollar sign that it stands for."""
    if isinstance(value, dict):
        return {key: unescaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [unescaped(inner) for inner in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def _refused(document: Document, value: Any, path: Path) -> list[Mistake]:
    services = value.get("services") if isinstance(value, dict) else None
    if not isinstance(services, dict):
        return []
    return [
        document.mistake((*path, "services", name, key), f"{key!r} is refused in a stack.", REFUSED[key], at_key=True)
        for name, service in services.items()
        if isinstance(service, dict)
        for key in service
        if key in REFUSED
    ]


def as_mapping(value: Any) -> Any:
    """Read Compose's list form, `- KEY=value`, as a mapping."""
    if isinstance(value, list) and all(isinstance(item, str) and "=" in item for item in value):
        return dict(item.split("=", 1) for item in value)
    return value


def merge(below: Any, above: Any, key: str = "") -> Any:
    """Merge two Compose documents; `above` is the later file."""
    below, above = (
        as_mapping(below) if key == "environment" else below,
        as_mapping(above) if key == "environment" else above,
    )
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {name: merge(below.get(name), above.get(name, below.get(name)), name) for name in {**below, **above}}
    if isinstance(below, list) and isinstance(above, list) and key not in REPLACED:
        return [*below, *(item for item in above if item not in below)]
    return above
