"""What the shell completes: names that are read from folders, with nothing heavy loaded.

A mistake on the line is told by the command itself, so what cannot be completed has no completions here.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from labctl.errors import UsageError
from labctl.language.bounds import SUFFIXES
from labctl.scenario import catalogue
from labctl.system.places import installed

PATH = "file"  # click's word for: the shell's own completion of paths


def scenarios(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a scenario's name, or a path once it looks like one."""
    if "/" in incomplete or incomplete.startswith((".", "~")):
        return [CompletionItem(incomplete, type=PATH)]
    with suppress(UsageError):
        return _beginning(incomplete, catalogue.everything())
    return []


def clients(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a client's name."""
    from labctl.clients import names

    return _beginning(incomplete, names())


def hosts(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a host of the stack of the scenario that the line names already."""
    with suppress(Exception):  # files of people, which the command will read with care
        scenario = ctx.params.get("name") or ctx.args[0]  # click stops reading at an option without its value
        return _beginning(incomplete, _hosts(scenario))
    return []


def _beginning(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]


def _hosts(scenario: str) -> list[str]:
    """Read the names of a scenario's hosts out of its stack."""
    file = catalogue.find(scenario)
    stack = str(_yaml(file)["stack"])
    beside = file.parent / stack if stack.endswith(SUFFIXES) else installed("compose") / f"{stack}.yaml"
    return list(_yaml(beside)["services"])


def _yaml(file: Path) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(file)
