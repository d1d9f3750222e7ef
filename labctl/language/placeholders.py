"""What a scenario leaves open until its lab stands, such as `${address.server}` or `${client.target.port}`.

Addresses differ from run to run, and the client's target from phase to phase; the rest of a scenario does not.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from labctl.clients import Target
from labctl.language.documents import Path

PLACEHOLDER = re.compile(r"(?<!\$)\$\{([^}]*)\}")
TARGET_URL, TARGET_HOST, TARGET_PORT = "client.target.url", "client.target.host", "client.target.port"
UNASSIGNED = "unassigned.address"  # of the lab's own network, and no host has it
FOLDER = "folder"  # that the programs of a lab without an engine share
PROSE = ("explain", "title")
FIXED = ("name", "cause", "stack", "override", "requires")  # known before there is a lab


def address_of(host: str, network: str = "") -> str:
    """Return the name of the placeholder for a host's address: where it begins, or on another network."""
    return f"address.{host}.{network}" if network else f"address.{host}"


def loopback_of(host: str) -> str:
    """Return the name of the placeholder for the loopback address that a lab has on the machine itself."""
    return address_of(host, "loopback")


def known(path: Path, hosts: Collection[str], machine: str | None = None, *, bare: bool = False) -> list[str]:
    """Return the placeholders that may stand at a place of a scenario.

    `machine` is the host on the machine's own network; a lab that is `bare` has no network.
    """
    if path[0] in FIXED:
        return []
    if bare:
        return [FOLDER, *([TARGET_URL] if path[0] == "diagnose" else [])]
    of_the_lab = [*map(address_of, sorted(hosts)), UNASSIGNED, *([loopback_of(machine)] if machine else [])]
    return [TARGET_URL, TARGET_HOST, TARGET_PORT, *of_the_lab] if path[0] == "diagnose" else of_the_lab


def named(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield every placeholder in a scenario's value, and where it stands; prose holds none."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if (*path, key)[0] not in PROSE:
                yield from named(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from named(inner, (*path, index))
    elif isinstance(value, str):
        yield from ((path, name) for name in PLACEHOLDER.findall(value))


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """Return a value with the placeholders replaced that `values` knows; others stay, for a later time.

    Two dollar signs before a brace are one that means nothing here.
    """
    if isinstance(value, dict):
        return {key: filled(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, values) for inner in value]
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), value).replace("$${", "${")
    return value


def of_target(url: str) -> dict[str, str]:
    """Return the values of the placeholders that a client's target gives."""
    target = Target.parse(url)
    return {TARGET_URL: target.url, TARGET_HOST: target.host, TARGET_PORT: str(target.port)}
