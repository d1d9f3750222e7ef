"""The scenarios that came with labctl, and what is known of them, read once."""

from __future__ import annotations

from functools import cache

from labctl.knowledge.entries import Entry, atlas
from labctl.scenario.catalogue import within
from labctl.scenario.load import Loaded, load
from labctl.system.places import installed


@cache
def scenarios() -> dict[str, Loaded]:
    """Return every scenario by its name."""
    return {name: load(file) for name, file in within(installed("scenarios")).items()}


@cache
def entries() -> tuple[Entry, ...]:
    """Return what is known of every scenario."""
    return atlas(scenarios().values())
