"""Ports of a service that the engine publishes on the machine: Compose's `ports`, confined to a lab's own addresses."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from labctl.language.fields import LAST_PORT, Written

SHORT = re.compile(r"(?:(127\.0\.0\.1):)?(\d{1,5}):(\d{1,5})", re.ASCII)
FIRST, LAST = 19800, 19899
"""What may be published: ports below those that Linux gives to clients (ip_local_port_range, ip(7)), few enough that
a client on the machine can reach nothing else that listens there."""


class Port(Written):
    """One port of a service, and where the machine passes connections on to it.

    On `127.0.0.1`: on the lab's own loopback address alone; otherwise on the machine's address on the lab's network,
    too. Docker would take every address of the machine, of which a lab leaves those alone that others can reach.
    """

    published: int = Field(ge=FIRST, le=LAST)
    target: int = Field(ge=1, le=LAST_PORT)
    host_ip: Literal["127.0.0.1"] | None = None

    def __str__(self) -> str:
        return f"{self.host_ip}:{self.published}:{self.target}" if self.host_ip else f"{self.published}:{self.target}"


def _long(value: Any) -> Any:
    """Read Compose's short form."""
    if not isinstance(value, str | int):
        return value
    found = SHORT.fullmatch(str(value))
    if found is None:
        raise ValueError('is not a published port; write one such as "19880:8080" or "127.0.0.1:19880:8080"')
    return {"host_ip": found[1], "published": int(found[2]), "target": int(found[3])}


Ports = tuple[Annotated[Port, BeforeValidator(_long)], ...]
