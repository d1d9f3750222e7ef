"""Many runs on the terminal: each as it ends, those that go on in a table that moves, and what all came to."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from labctl.model import WRONG, Phase, Result, Verdict
from labctl.report import terminal
from labctl.report.estimate import Durations, seconds_left
from labctl.report.repeats import repeats
from labctl.report.terminal import COLOURS, DOING
from labctl.results.journal import LEFT_OUT, PHASE, REMOVING, Event

REFRESHED = 4  # times a second


@dataclass(frozen=True, slots=True)
class Going:
    """A run that goes on: since when, and what is being done."""

    scenario: str
    since: float
    doing: str


class Many:
    """Is told what happens in a matrix, and prints."""

    def __init__(
        self,
        console: Console,
        planned: Sequence[str],
        jobs: int,
        known: Durations,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Show the runs of the scenarios `planned`; `known` is how long such have taken before, in seconds."""
        self._console = console
        self._planned = planned
        self._jobs = jobs
        self._known = {name: list(seconds) for name, seconds in known.items()}
        self._clock = clock
        self._going: dict[int, Going] = {}
        self._begun: set[int] = set()
        self._left_out: set[str] = set()  # told once, though every run has it
        self.ended: dict[int, Result] = {}
        self._lock = Lock()  # runs begin, and tell what they do, in threads of their own

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show what is going on while it goes on, on a terminal that can."""
        if not self._console.is_interactive or not self._console.file.isatty():
            yield
            return
        with Live(get_renderable=self._table, console=self._console, transient=True, refresh_per_second=REFRESHED):
            yield

    def begins(self, number: int) -> None:
        """Take note that a run begins."""
        with self._lock:
            self._begun.add(number)
            self._going[number] = Going(self._planned[number], self._clock(), "bringing the stack up")

    def hears(self, number: int, event: Event) -> None:
        """Take one event of a run's journal."""
        if event.kind == LEFT_OUT and event.text not in self._left_out:
            self._left_out.add(event.text)
            terminal.left_out(self._console, event)
            return
        if event.kind == PHASE:
            doing = DOING[Phase(event.text)]
        elif event.kind == REMOVING:
            doing = "taking the stack down"
        else:
            return
        with self._lock:
            going = self._going.get(number)
            if going is not None:
                self._going[number] = Going(going.scenario, going.since, doing)

    def ends(self, number: int, result: Result) -> None:
        """Print what a run came to; of one that did not pass, also the phase that decided."""
        wrong = result.verdict in WRONG
        line = Text.assemble(self._counted(number, result), terminal.verdict_line(result, brief=wrong))
        self._console.print(line, soft_wrap=True)
        if wrong:
            for phase in result.phases[-1:] if result.kept else ():
                terminal.phase(self._console, phase, indent="  ")
            terminal.further(self._console, result)

    def _counted(self, number: int, result: Result) -> Text:
        """Take note that a run has ended, and return how many have."""
        with self._lock:
            self._going.pop(number, None)
            self.ended[number] = result
            self._known.setdefault(self._planned[number], []).append(result.seconds)
        total = len(self._planned)
        return Text(f"[{len(self.ended):>{len(str(total))}}/{total}] ", style="dim")

    def _table(self) -> RenderableType:
        with self._lock:
            now = self._clock()
            going = list(self._going.values())
            waiting = [name for number, name in enumerate(self._planned) if number not in self._begun]
            running = [(one.scenario, now - one.since) for one in going]
            left = seconds_left(waiting, running, self._known, self._jobs)
            ended = list(self.ended.values())
        rows = Table.grid(padding=(0, 2))
        for column in ("name", "doing"):
            rows.add_column(column, no_wrap=True, overflow="ellipsis")
        rows.add_column("so far", justify="right", no_wrap=True)
        for one in going:
            rows.add_row(f"  {one.scenario}", Text(one.doing, style="dim"), f"{now - one.since:.0f} s")
        line = f"{len(ended)} of {len(self._planned)} are over"
        if ended:
            line += f": {counted(ended)}"
        if left is not None:
            line += f"; about {clock_time(left)} left"
        return Group(Text(), rows, Text(line, style="bold"))


def counted(results: Sequence[Result]) -> str:
    """Return how many came to what: 3 passed, 1 failed."""
    counts = Counter(result.verdict for result in results)
    return ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])


def clock_time(seconds: float) -> str:
    """Write a time that is only roughly known: 8 s, 2 min 5 s."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"  # noqa: PLR2004 - seconds of a minute


def summary(
    console: Console, results: Sequence[Result], *, seconds: float, unrun: Sequence[str], cut_off: bool = False
) -> None:
    """Print how many runs came to what in how many seconds, what ran more than once, and what is wrong, by name.

    `unrun` are the scenarios of runs that did not begin, or were `cut_off`.
    """
    overall = Verdict.overall(result.verdict for result in results)
    word = ("interrupted", "bold yellow") if cut_off else (overall.value, f"bold {COLOURS[overall]}")
    console.print(Text.assemble("\n", word, f": {counted(results)}, in {clock_time(seconds)}"), soft_wrap=True)
    repeats(console, results)
    for result in sorted((one for one in results if one.verdict in WRONG), key=lambda one: WRONG.index(one.verdict)):
        shown = (f"  {result.verdict.value:<12}", COLOURS[result.verdict])
        reason = terminal.beginning(result.reason)
        console.print(Text.assemble(shown, f"  {result.scenario}: {reason}"), soft_wrap=True)
        if result.folder:
            console.print(Text(f"{'':16}{result.folder}", style="dim"), soft_wrap=True)
    if unrun:
        console.print(Text(f"  {'not finished' if cut_off else 'not run':<12}  {', '.join(unrun)}"), soft_wrap=True)
