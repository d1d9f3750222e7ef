"""Triggers: what brings a fault to light, done before every look, or while the clients try."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from labctl.actions import Action, Ask
from labctl.errors import DeadlineExceeded
from labctl.kernel.sockets import Ends
from labctl.lab.lab import Lab


class Triggers:
    """The triggers of one scenario in one lab; `apply` does an action."""

    def __init__(self, lab: Lab, actions: Sequence[Action], apply: Callable[[Action], None]) -> None:
        self._lab = lab
        self._actions = actions
        self._apply = apply

    def replay(self) -> None:
        """Do all of them, each at once: what they hold open stays so until the next release."""
        for action in self._actions:
            self._apply(action)

    def begin(self) -> None:
        """Do those that come before the clients try."""
        self._lab.held.clear()
        for action in self._actions:
            if action.early:
                self._apply(action)

    def between(self) -> None:
        """Do those that happen between two requests of a client."""
        for action in self._actions:
            if action.between:
                self._apply(action)

    @property
    def any_late(self) -> bool:
        """Whether anything is done while the clients try."""
        return any(action.late for action in self._actions)

    def late(self, tries: int, timeout: float) -> Callable[[], None]:
        """Return what to do while so many tries are made: the late ones, each in its turn.

        What it raises: DeadlineExceeded where a turn does not come within `timeout` seconds, and what an action raises.
        """
        known = {
            action.after_handshakes: frozenset(self._lab.connections(action.after_handshakes))
            for action in self._actions
            if action.after_handshakes is not None
        }
        return partial(self._do_late, time.monotonic(), tries, timeout, known)

    def _do_late(self, began: float, tries: int, timeout: float, known: dict[str, frozenset[Ends]]) -> None:
        for action in self._actions:
            if action.late:
                time.sleep(max(0.0, began + (action.after or 0) - time.monotonic()))
                self._await_turn(action, tries, timeout, known)
                self._apply(action)

    def _await_turn(self, action: Action, tries: int, timeout: float, known: dict[str, frozenset[Ends]]) -> None:
        seconds = timeout if action.at_most is None else action.at_most
        try:
            if action.after_syns is not None:
                self._lab.await_syns(action.after_syns, tries, seconds)
            if action.after_handshakes is not None:
                self._lab.await_handshakes(action.after_handshakes, tries, seconds, known[action.after_handshakes])
        except DeadlineExceeded:
            if action.at_most is None:
                raise

    def release(self) -> None:
        """Let go of what they hold open."""
        for host in {action.subject for action in self._actions if action.kind == "hold"}:
            self._lab.carry_out(Ask(host, "release", of="clients"))
