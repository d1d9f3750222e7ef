"""All actions by their names: those of labctl, one family a file, and those of other packages."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from labctl.actions.action import Action, registry
from labctl.actions.step import Configure
from labctl.errors import indented
from labctl.language.fields import duration

FAMILIES = "labctl.actions"  # the package, and the entry-point group
broken_plugins: dict[str, str] = {}  # entry point to why it was left out


@cache
def discover() -> Mapping[str, type[Action]]:
    """Load every family and every plugin, once; one that fails is named in `broken_plugins`, the rest works."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        importlib.import_module(f"{FAMILIES}.{module.name}")
    for entry in entry_points(group=FAMILIES):
        try:
            entry.load()
        except Exception as error:  # noqa: BLE001 - whatever a stranger's module does must not stop ours
            broken_plugins[entry.name] = f"{entry.value}: {type(error).__name__}: {error}"
    return registry


def key_of(written: Any) -> str | None:
    """Return the one action that a mapping in a scenario names, or None."""
    named = [key for key in written if key in registry] if isinstance(written, dict) else []
    return named[0] if named else None


def plan(actions: Sequence[Action]) -> Iterator[str]:
    """Yield, line by line, what a list of actions would do: for --dry-run."""
    for action in actions:
        yield action.typed()
        if action.when:
            yield indented(f"when: {action.when}")
        for step in action.steps():
            if not isinstance(step, Configure):  # the line above says it all
                yield indented(str(step))
        for proof in action.proofs():
            yield indented(f"then: {proof.claim}")
        if action.until is not None:
            yield indented(f"until: {action.until}, within {duration(action.until.within)}")
