"""A Compose document before it is read into a stack: what is refused, and what is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from labctl.errors import Mistake, Mistakes
from labctl.language.documents import Document, Path

INTERPOLATION = re.compile(r"(?<!\$)(?:\$\$)*\$(?:\{|[A-Za-z_])")
NAMESPACES = "No namespace is shared with the machine: every service has its own."
RIGHTS = "A service holds the rights that Docker gives by itself, or fewer; only labctl's own actions change a network."
RESOURCES = "What a host may use is set by `mem_limit` and `ulimits`."
OF_THE_ENGINE = "Containers run as labctl sets them up, on the engine's usual runtime."
SURROUNDINGS = "Write the variables under `environment`: a lab uses nothing from its environment."
WRITTEN_OUT = "Write the stack out in this file: a lab reads no other."
CONTENT = "Write what is in it under `content`: a lab uses no file of the machine."
OWN_VOLUMES = "A volume belongs to the lab: it is created and removed with it, and has no options."
OWN_NETWORKS = "A network is the lab's own, and internal: it is made with the lab, and is removed with it."
REFUSED = {
    "privileged": "A lab's containers have no rights beyond their own namespaces.",
    "pid": "Every service gets a PID namespace of its own.",
    "ipc": "No namespace is shared with the machine.",
    **dict.fromkeys(("uts", "userns_mode", "cgroup", "cgroup_parent"), NAMESPACES),
    "cap_add": "Only labctl's own actions change a network; a service holds no extra capability.",
    **dict.fromkeys(("group_add", "device_cgroup_rules", "credential_spec", "use_api_socket"), RIGHTS),
    "security_opt": "Security options stay as labctl sets them.",
    **dict.fromkeys(("devices", "gpus"), "No device of the machine enters a lab."),
    **dict.fromkeys(("runtime", "isolation", "logging", "storage_opt", "restart", "provider"), OF_THE_ENGINE),
    **dict.fromkeys(("deploy", "scale", "shm_size", "oom_score_adj", "oom_kill_disable", "pids_limit"), RESOURCES),
    "volumes_from": "Use a named volume.",
    "build": "Not there yet: build the image yourself, and name it under `image`.",
    "dns": "The lab answers its own names, and no question leaves it.",
    "env_file": SURROUNDINGS,
    "extends": WRITTEN_OUT,
    "secrets": "Write it under `configs`, with `content`: nothing in a lab is secret.",
    **dict.fromkeys(("labels", "annotations", "container_name"), "Labels and names are how labctl finds what it made."),
}
REFUSED_BESIDE = {  # by the key at the top of the file, in each of its entries
    "configs": dict.fromkeys(("file", "environment", "external", "name"), CONTENT),
    "networks": dict.fromkeys(("external", "name", "driver", "driver_opts", "ipam", "attachable"), OWN_NETWORKS),
    "services": REFUSED,
    "volumes": dict.fromkeys(("external", "name", "driver", "driver_opts"), OWN_VOLUMES),
}
REFUSED_AT_THE_TOP = {"include": WRITTEN_OUT, "secrets": REFUSED["secrets"]}


def check(document: Document, value: Any, path: Path) -> None:
    """Refuse what no stack may ask for. `path` is where the value stands in the document.

    Raises Mistakes.
    """
    mistakes = [*_refused(document, value, path), *_interpolations(document, value, path)]
    if mistakes:
        raise Mistakes(mistakes)


def _interpolations(document: Document, value: Any, path: Path) -> Iterator[Mistake]:
    """Yield every place that Compose would fill from the environment: a lab uses nothing from its environment."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _interpolations(document, inner, (*path, key))
    elif isinstance(value, str) and INTERPOLATION.search(value):
        wrong = f"{value!r} asks for a variable of the environment, and a lab uses nothing from its environment."
        yield document.mistake(path, wrong, "Write $$ for a dollar sign.")


def unescaped(value: Any) -> Any:
    """Return a document with Compose's $$ as the dollar sign that it stands for."""
    if isinstance(value, dict):
        return {key: unescaped(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [unescaped(inner) for inner in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def _refused(document: Document, value: Any, path: Path) -> Iterator[Mistake]:
    if not isinstance(value, dict):
        return
    yield from _in(document, value, path, REFUSED_AT_THE_TOP)
    for part, keys in REFUSED_BESIDE.items():
        entries = value.get(part)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict):
                yield from _in(document, entry, (*path, part, name), keys)


def _in(document: Document, entry: Mapping[str, Any], path: Path, keys: Mapping[str, str]) -> Iterator[Mistake]:
    for key in entry:
        if key in keys:
            yield document.mistake((*path, key), f"{key!r} is refused in a stack.", keys[key], at_key=True)
