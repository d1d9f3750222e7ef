"""Letting clients try in a lab that stands, as a run does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labctl.lab.lab import Lab
from labctl.model import Try
from labctl.run.tries import tried
from labctl.stack.client_settings import ClientSettings


def all_of(lab: Lab, clients: Sequence[str], target: str, timeout: float, **more: Any) -> list[Try]:
    """Let clients on the host `client` try at once, and return what each came to."""
    program = lab.pod("client").clients
    assert program is not None
    return tried(program, clients, settings(target=target, timeout=timeout, **more))


def settings(**written: Any) -> ClientSettings:
    """Return a client's settings, in which times may be numbers of seconds."""
    times = {
        name: f"{1000 * value:g}ms"
        for name, value in written.items()
        if type(value) in (int, float) and name != "nofile"
    }
    return ClientSettings.model_validate({**written, **times})


def one(lab: Lab, client: str, target: str, timeout: float, **more: Any) -> Try:
    """Let one client on the host `client` try, and return what it came to."""
    [came] = all_of(lab, [client], target, timeout, **more)
    return came
