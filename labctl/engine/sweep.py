"""Removing everything that carries a label: one way for a lab's end, the watchdog and `clean`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from labctl.engine.containers import Containers
from labctl.engine.labels import ROLE, RUN, SANDBOX, SESSION, STARTED
from labctl.errors import DeadlineExceeded, EngineError

YOUNG = 30.0  # seconds
BETWEEN = 0.2  # seconds between two looks where there is nothing to do
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between two tries to remove what stays, each twice as long
ALIVE = ("running", "restarting", "paused")


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What carries a label: ids, and the names that a person knows them by."""

    containers: Mapping[str, str]
    networks: Mapping[str, str]
    volumes: Sequence[str]
    hosts: Sequence[Sequence[str]] = ()  # of each run, the sandboxes that run, in the order in which they were made
    reasons: Sequence[str] = ()  # why the engine did not remove them, in its words

    def __bool__(self) -> bool:
        return bool(self.containers or self.networks or self.volumes)

    def __str__(self) -> str:
        return ", ".join([*self.containers.values(), *self.networks.values(), *self.volumes])

    def demand_none(self, todo: str) -> None:
        """Raise EngineError where something is left, with the engine's reasons."""
        if self:
            raise EngineError(f"the engine did not remove {self}.", means="\n".join(self.reasons), todo=todo)


NOTHING = Leftovers({}, {}, ())


def look(containers: Containers, label: str) -> Leftovers:
    """Return what carries a label now."""
    there = containers.labelled(label)
    hosts: dict[str, list[str]] = {}
    for one in sorted(filter(_is_host, there), key=lambda one: int(one["Created"])):
        hosts.setdefault(one["Labels"].get(RUN, ""), []).append(one["Id"])
    return Leftovers(
        {one["Id"]: (one["Names"] or [one["Id"]])[0].lstrip("/") for one in there},
        {one["Id"]: one["Name"] for one in containers.labelled_networks(label)},
        [str(one["Name"]) for one in containers.labelled_volumes(label)],
        list(hosts.values()),
    )


def sweep(
    containers: Containers, label: str, *, seconds: float = 10, empty_looks: int = 1, patient: bool = False
) -> Leftovers:
    """Remove what carries a label until `empty_looks` looks in a row find nothing; return what is still there.

    More than one look is for a labctl that was killed: the engine may still carry out its last request. None is for
    who makes nothing any more: what the engine says it has removed is not looked for again. Where this is `patient`,
    an engine that does not answer may come back meanwhile. What cannot be removed is tried again after a pause, which
    grows. Raises EngineError where the engine does not answer.
    """
    deadline = time.monotonic() + seconds
    seen_empty = 0
    pause = FIRST_PAUSE
    reasons: list[str] = []
    while True:
        try:
            left = look(containers, label)
        except EngineError:
            if not patient or time.monotonic() > deadline:
                raise
            time.sleep(BETWEEN)
            continue
        if time.monotonic() > deadline:
            return replace(left, reasons=reasons)
        if left:
            seen_empty = 0
            reasons = _remove(containers, left)
            if reasons:
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            elif not empty_looks:
                return NOTHING
            continue
        seen_empty += 1
        if seen_empty >= empty_looks:
            return left
        time.sleep(BETWEEN)


def _is_host(container: Mapping[str, Any]) -> bool:
    return container["Labels"].get(ROLE) == SANDBOX and container["State"] in ALIVE


def _remove(containers: Containers, left: Leftovers) -> list[str]:
    """Remove all that is left, and return why not, once for each thing that stays.

    The hosts of one run go in turn, for the engine's sake (`labctl.lab.deploy.ENDS_WITHIN`).
    """
    hosts = {host for run in left.hosts for host in run}
    with ThreadPoolExecutor(8, thread_name_prefix="sweep") as pool:
        in_turn = [*left.hosts, *([one] for one in left.containers if one not in hosts)]
        stays = list(pool.map(partial(_removed, containers.remove, left.containers), in_turn))
    stays.append(_removed(containers.remove_network, left.networks, left.networks))
    stays.append(_removed(containers.remove_volume, {}, left.volumes))
    return [why for some in stays for why in some]


def _removed(remove: Callable[[str], None], names: Mapping[str, str], in_turn: Iterable[str]) -> list[str]:
    """Remove one after the other, and return why not; what stays is seen at the next look."""
    stays = []
    for thing in in_turn:
        try:
            remove(thing)
        except (EngineError, DeadlineExceeded) as error:
            stays.append(f"{names.get(thing, thing)}: {error.what}")
    return stays


def dead_sessions(containers: Containers) -> set[str]:
    """Return the sessions of which something is left, but that live no more."""
    there, living = _there_and_living(containers)
    return there - living


def living_sessions(containers: Containers) -> set[str]:
    """Return the sessions of which a sandbox runs.

    What was made less than YOUNG seconds ago may belong to a run that is only about to start its sandboxes.
    """
    return _there_and_living(containers)[1]


def _there_and_living(containers: Containers) -> tuple[set[str], set[str]]:
    there = containers.labelled(SESSION)
    left = [*there, *containers.labelled_networks(SESSION), *containers.labelled_volumes(SESSION)]
    running = [one for one in there if _is_host(one)]
    young = [one for one in left if abs(time.time() - float(one["Labels"].get(STARTED, 0))) < YOUNG]  # clocks are set
    return _sessions(left), _sessions(running) | _sessions(young)


def _sessions(things: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(one["Labels"][SESSION]) for one in things}
