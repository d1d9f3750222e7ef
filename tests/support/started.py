"""`labctl` in processes of their own, and the label of all that each makes, known from its watchdog."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from labctl.engine.watchdog import PROGRAM as WATCHDOG
from labctl.system import processes


class Running:
    """A labctl that runs; it is started in a session of its own, so that no signal of the terminal reaches it."""

    def __init__(self, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "labctl", *arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.watchdog: processes.Process | None = None

    def find_watchdog(self) -> bool:
        """Look for the watchdog, the first thing that a session starts."""
        mine = (one for one in processes.running() if one.parent == self.process.pid)
        self.watchdog = next((one for one in mine if WATCHDOG in one.argv), None)
        return self.watchdog is not None

    @property
    def label(self) -> str:
        """The label of everything that it makes."""
        assert self.watchdog is not None
        return self.watchdog.argv[-1]

    def over(self) -> bool:
        """Whether the watchdog has ended, after which nobody removes anything any more."""
        assert self.watchdog is not None
        now = processes.look(self.watchdog.pid)
        return now is None or now.argv != self.watchdog.argv

    def ended(self, seconds: float) -> tuple[str, str]:
        """Wait for its end, and return what it printed on both streams."""
        return self.process.communicate(timeout=seconds)

    def end(self) -> None:
        """Kill it, if it still runs."""
        self.process.kill()
        self.process.communicate()
