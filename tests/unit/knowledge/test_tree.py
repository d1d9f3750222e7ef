"""Which scenarios look alike to a client, and which steps tell them apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labctl.knowledge.entries import Entry
from labctl.knowledge.tree import Fork, Group, Tree, appearance, groups, separating, tree
from labctl.knowledge.truths import Shown
from labctl.model import Outcome
from labctl.report.apart import leaves
from support.known import entries

CLIENTS = sorted({client for entry in entries() for client in entry.recorded})
INSEPARABLE = {("loopback-bind", "loopback-bind-flask"), ("keepalive-race", "stale-keepalive")}
"""One cause in two servers; and a server that ends a kept connection a moment sooner or later, which no command shows
afterwards: other clients tell, those that look before they ask again."""
BY_NAME = {entry.name: entry for entry in entries()}


def everywhere() -> list[Group]:
    return [group for client in CLIENTS for group in groups(entries(), client)]


def answering(**answers: str) -> list[Entry]:
    """Return four scenarios; for each question the names of those of which the step holds."""
    names = ("server-crashed", "server-down", "wrong-address", "wrong-port")
    return [
        replace(BY_NAME[name], shown=Shown(answers={asked: name in held.split() for asked, held in answers.items()}))
        for name in names
    ]


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_in_a_group_looks_the_same_and_no_two_groups_do(client: str) -> None:
    found = groups(entries(), client)
    looks = [{appearance(BY_NAME[name].recorded[client]) for name in group.names} for group in found]
    assert all(len(one) == 1 for one in looks)
    assert len(set.union(*looks)) == len(found)
    recorded = {entry.name: entry.recorded[client] for entry in entries() if client in entry.recorded}
    failing = {name for name, seen in recorded.items() if seen.outcome is not Outcome.OK}
    assert {name for group in found for name in group.names} == failing


def test_the_step_that_splits_most_evenly_comes_first() -> None:
    split = answering(one="server-down", half="server-down wrong-port", none="", everything="*")
    names = [entry.name for entry in split]
    assert separating(names, split) == "half"
    assert tree(names, split) == Fork(
        "half", Fork("one", ("server-down",), ("wrong-port",)), ("server-crashed", "wrong-address")
    )


def test_what_no_step_separates_stays_together() -> None:
    assert tree(["server-down", "wrong-port"], answering(same="server-down wrong-port")) == (
        "server-down",
        "wrong-port",
    )
    assert tree(["server-down"], answering(one="server-down")) == ("server-down",)
    assert tree([], answering()) == ()


def test_a_step_that_nobody_could_be_asked_does_not_hold() -> None:
    some = answering(one="server-down")
    some[0] = replace(some[0], shown=Shown())
    assert tree([entry.name for entry in some], some) == Fork(
        "one", ("server-down",), ("server-crashed", "wrong-address", "wrong-port")
    )


def demand_separated(names: tuple[str, ...], steps: Tree) -> None:
    """See that each fork has both answers on record, and that no other question would split more evenly."""
    if not isinstance(steps, Fork):
        assert sorted(names) == sorted(steps)
        return
    held = tuple(name for name in names if BY_NAME[name].shown.answers.get(steps.question))
    rest = tuple(name for name in names if name not in held)
    assert held
    assert rest
    for question in {asked for name in names for asked in BY_NAME[name].shown.answers}:
        other = sum(bool(BY_NAME[name].shown.answers.get(question)) for name in names)
        assert min(other, len(names) - other) <= min(len(held), len(rest))
    demand_separated(held, steps.holds)
    demand_separated(rest, steps.fails)


def test_each_step_separates_by_what_the_runs_recorded() -> None:
    groups = {group.names for group in everywhere()}
    assert groups
    for names in groups:
        demand_separated(names, tree(names, entries()))


def test_every_group_is_separated_but_for_what_is_one_cause() -> None:
    left = {leaf for group in everywhere() for leaf in leaves(tree(group.names, entries())) if len(leaf) > 1}
    assert left <= INSEPARABLE
