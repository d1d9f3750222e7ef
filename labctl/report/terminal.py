"""A run on the terminal: each phase as it ends, then the verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from itertools import groupby

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from labctl.model import Diagnosis, Listening, Observation, Phase, PhaseResult, Result, Try, Verdict
from labctl.report.ladder import expected_ladder, ladder
from labctl.report.text import milliseconds, one_line, plain
from labctl.results.journal import DOCKER, LABCTL, LEFT_OUT, PHASE, PHASE_ENDED, WAITING, Event
from labctl.results.record import UNRECORDED
from labctl.run.proof import WIRE
from labctl.scenario.model import Scenario

COLOURS = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INCONCLUSIVE: "yellow", Verdict.SKIPPED: "cyan"}
HEADINGS = {
    Phase.HEALTHY: "healthy: the stack as it should be",
    Phase.FAULTED: "faulted: the fault is in place",
    Phase.UNFIXED: "unfixed: nothing is changed, only time passes",
    Phase.FIXED: "fixed: the documented fix is applied",
}
DOING = {
    Phase.HEALTHY: "looking at the healthy stack",
    Phase.FAULTED: "putting the fault in place",
    Phase.UNFIXED: "waiting, to see whether it heals by itself",
    Phase.FIXED: "applying the fix",
}
RESOLVER_PORT, DOCKERS_RESOLVER = 53, "127.0.0.11"
MOST_LINES = 14  # of a command's output
MOST_REASON = 160  # characters of a reason, where it must be brief
TIMED = (DOCKER, WAITING, LABCTL)


class Terminal:
    """Listens to one run's journal and prints."""

    def __init__(self, console: Console, scenario: Scenario) -> None:
        self._console = console
        self._scenario = scenario
        self._status: Status | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the heading, and what is going on while it goes on."""
        heading(self._console, self._scenario.name, self._scenario.title)
        with self._console.status("bringing the stack up") as status:
            self._status = status if self._console.is_terminal else None
            yield

    def rest(self) -> None:
        """Show nothing in motion any more: somebody is asked something."""
        if self._status:
            self._status.stop()

    def __call__(self, event: Event) -> None:
        """Take one event of the journal."""
        if event.kind == PHASE and self._status:
            self._status.update(DOING[Phase(event.text)])
        elif event.kind == PHASE_ENDED:
            phase(self._console, event.details["result"])
        elif event.kind == LEFT_OUT:
            left_out(self._console, event)


def left_out(console: Console, event: Event) -> None:
    """Print that a client was left out, and why."""
    console.print(Text(plain(event.text) + "\n", style="yellow"), soft_wrap=True)


def as_text(result: Result, width: int = 120) -> str:
    """Return everything that a run shows on the terminal, as plain text."""
    page = StringIO()
    console = Console(file=page, width=width, color_system=None, force_terminal=False, highlight=False)
    heading(console, result.scenario, result.title)
    for one in result.phases:
        phase(console, one)
    verdict(console, result)
    return page.getvalue().rstrip()


def heading(console: Console, name: str, title: str) -> None:
    """Print what a run's report begins with."""
    console.print(Text.assemble((name, "bold"), ": ", plain(title), "\n"), soft_wrap=True)


def phase(console: Console, result: PhaseResult, *, indent: str = "") -> None:
    """Print one phase: what was done, what each client saw, what shows the cause."""
    _Phase(console, indent).show(result)


@dataclass(frozen=True, slots=True)
class _Phase:
    """Prints one phase, its lines beginning with an indent."""

    console: Console
    indent: str

    def show(self, result: PhaseResult) -> None:
        took = milliseconds(result.ended - result.began)
        begun = bool(result.observations)
        heading = HEADINGS[result.phase] if begun else f"{result.phase}: {DOING[result.phase]}, without success"
        self.console.print(Text.assemble(self.indent, (heading, "bold"), ("  " + took, "dim")), soft_wrap=True)
        for done in result.done:
            self._line("$ " + _further_lines(done), style="cyan")
        if result.phase is Phase.UNFIXED and len(result.observations) > 1:
            seconds = result.observations[-1].at - result.observations[0].at
            self._line(f"tried {len(result.observations)} times in {milliseconds(seconds)}; the last try:")
        for observation in result.observations[-1:]:
            self._observation(observation, brief=result.phase is Phase.UNFIXED)
        self._evidence(result)
        for step in result.diagnoses:
            if result.phase is Phase.FAULTED or not step.held:
                self._diagnosis(step)
        self.console.print()

    def _observation(self, observation: Observation, *, brief: bool) -> None:
        for one in observation.tries:
            wrong = [finding for finding in observation.findings if not finding.held and finding.about == one.client]
            style = "red" if wrong else "green" if one.outcome == "ok" else "yellow"
            self._line(f"{one.client:<12} {told(one)}, after {milliseconds(one.seconds)}", style=style)
            if one.says and not brief:
                self._line("  " + one_line(one.says))
            for finding in wrong[:1]:  # where the outcome is another, so is the rest
                self._line(f"  expected {one_line(finding.claim)}", style="red")

    def _evidence(self, result: PhaseResult) -> None:
        """Show what the kernels saw: of the fault, and once it is repaired."""
        evidence = result.observations[-1].evidence if result.observations else None
        if evidence is None or result.phase not in (Phase.FAULTED, Phase.FIXED):
            return
        for flaw in evidence.flaws:
            self._line(one_line(flaw), style="red")
        wrong = [one for one in evidence.findings if not one.held]
        ascii_only = not self.console.encoding.startswith("utf")
        if evidence.expected is not None and any(one.about == WIRE for one in wrong):
            self._line("expected on the wire:", style="red")
            server = evidence.connections[0].server if evidence.connections else "server"
            self._lines(expected_ladder(evidence.expected, evidence.client, server, ascii=ascii_only))
            self._line("captured:", style="red")
        self._lines(ladder(evidence.connections, evidence.client, ascii=ascii_only))
        if result.phase is Phase.FAULTED:
            for host in dict.fromkeys(one.server for one in evidence.connections if one.server in evidence.hosts):
                self._line(_listening(host, evidence.hosts[host].listeners))
        for rule, packets in evidence.rules.items():
            self._line(f"{one_line(rule)} took {packets} packet{'s' * (packets != 1)}")
        for one in evidence.findings:
            if one.about != WIRE:
                self._line(f"{one_line(one.about)} {one_line(one.seen)}", style="" if one.held else "red")
                if not one.held:
                    self._line(f"  expected {one_line(one.claim)}", style="red")

    def _diagnosis(self, step: Diagnosis) -> None:
        self._line(f"what shows the cause, on {step.host} ({step.by}):" if step.judged else f"seen on {step.host}:")
        self._line("$ " + _further_lines(step.command), style="cyan")
        lines = plain(step.output).rstrip().splitlines()
        for line in lines[:MOST_LINES] or ["(nothing)"]:
            self._line("  " + line)
        if len(lines) > MOST_LINES:
            self._line(f"  … {len(lines) - MOST_LINES} more lines in result.json")
        if not step.held:
            self._line(one_line(step.reason), style="red")

    def _lines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._line("  " + line)

    def _line(self, text: str, style: str = "") -> None:
        self.console.print(Text(f"{self.indent}  {text}", style=style, overflow="fold"), soft_wrap=True)


def _listening(host: str, listeners: Sequence[Listening]) -> str:
    """Return what listens on a host, apart from its resolvers: the lab's own, and Docker's."""
    own = [one for one in listeners if one.port != RESOLVER_PORT and one.address != DOCKERS_RESOLVER]
    shown = (f"{one.address}:{one.port} (backlog {one.backlog}, {one.waiting} waiting)" for one in own)
    return f"{host} listens on {', '.join(shown) or 'nothing'}"


def told(one: Try) -> str:
    """Return what a try came to in a few words: refused at connect, ECONNREFUSED (111)."""
    where = f" at {one.stage.value}" if one.stage else ""
    number = f", {one.errno} ({one.errno_number})" if one.errno else ""
    return f"{one.outcome.value}{where}{number}"


def verdict(console: Console, result: Result) -> None:
    """Print what a run came to, why, and where everything about it is."""
    console.print(verdict_line(result), soft_wrap=True)
    further(console, result)


def further(console: Console, result: Result) -> None:
    """Print what is known beyond a run's reason, and where everything about it is."""
    if result.advice:
        console.print(Text("  " + _further_lines(result.advice)), soft_wrap=True)
    if result.record.startswith(UNRECORDED):
        console.print(Text(f"  {plain(result.record)}"), soft_wrap=True)
    if result.folder:
        console.print(Text(f"  all of it: {result.folder}/result.json", style="dim"), soft_wrap=True)


def verdict_line(result: Result, *, brief: bool = False) -> Text:
    """Return a run's verdict and the reason, or its beginning, in one line."""
    name = (result.verdict.value, f"bold {COLOURS[result.verdict]}")
    reason = beginning(result.reason) if brief else _further_lines(result.reason)
    return Text.assemble(name, f" {result.scenario} in {result.seconds:.2f} s: {reason}")


def _further_lines(text: str) -> str:
    """Return text that may have several lines, none but the first where a line of the report's own begins."""
    return plain(text).replace("\n", "\n  ")


def beginning(reason: str) -> str:
    """Return a reason, cut where it is too long for a list of many."""
    return textwrap.shorten(plain(reason), MOST_REASON, placeholder=" …")


def timings(console: Console, events: Sequence[Event]) -> None:
    """Print the time line: each step, and the sums by who took the time."""
    timed = [event for event in events if event.kind in TIMED]
    table = Table(box=None, header_style="bold")
    for heading, side in (("at", "right"), ("took", "right"), ("who", "left"), ("what", "left")):
        table.add_column(heading, justify="right" if side == "right" else "left")
    for event in sorted(timed, key=lambda event: event.at):
        table.add_row(f"{event.at:.3f}", f"{event.seconds:.3f}", event.kind, plain(event.text))
    console.print(table)
    by_kind = groupby(sorted(timed, key=lambda event: event.kind), key=lambda event: event.kind)
    sums = (f"{kind} {sum(event.seconds for event in of_kind):.3f} s" for kind, of_kind in by_kind)
    console.print(Text("  " + ", ".join(sums)))
