"""Look-alikes on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from labctl.knowledge.entries import Entry
from labctl.knowledge.tree import Group, tree
from labctl.report.apart import drawn, leaves
from labctl.report.text import plain


def lookalikes(console: Console, groups: Sequence[Group], entries: Sequence[Entry]) -> None:
    """Print the groups of scenarios that clients cannot tell apart, and what can."""
    for names, alike in by_names(groups).items():
        if len(names) == 1:
            continue
        clients = ", ".join(group.client for group in alike)
        console.print(Text(f"{len(names)} look alike to {clients}", style="bold"), soft_wrap=True)
        console.print(Text(f"  {looks(alike)}", style="dim"), soft_wrap=True)
        for name in names:
            console.print(Text(f"  {name}"), soft_wrap=True)
        steps = tree(names, entries)
        console.print(
            "  to distinguish them:" if len(leaves(steps)) > 1 else "  no recorded diagnosis step distinguishes them."
        )
        for line in drawn(steps) if len(leaves(steps)) > 1 else ():
            console.print(Text(plain(f"    {line}")), soft_wrap=True)
        for left in leaves(steps):
            if len(left) > 1:
                console.print(Text(plain(f"  not separated: {', '.join(left)}"), style="yellow"), soft_wrap=True)
        console.print()


def looks(alike: Sequence[Group]) -> str:
    """Return what clients see of a group, in a line; the exception where it is one client's."""
    seen = alike[0].appearance
    parts = [f"{seen.outcome} at {seen.stage}" if seen.stage else seen.outcome.value, seen.errno, seen.time]
    if len(alike) == 1:
        parts += seen.types[:1]
    return ", ".join(part for part in parts if part)


def by_names(groups: Sequence[Group]) -> dict[tuple[str, ...], list[Group]]:
    """Return the groups by what is in them, for many clients see the same."""
    found: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        found.setdefault(group.names, []).append(group)
    return dict(sorted(found.items(), key=lambda item: (-len(item[0]), item[0])))
