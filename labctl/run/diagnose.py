"""Taking the diagnosis steps of a scenario: looks that tell its cause from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from signal import strsignal

from labctl.actions.verbs import Unpaused
from labctl.errors import DeadlineExceeded, EngineError, LabError
from labctl.lab.bare import at_socket
from labctl.lab.host import Host
from labctl.lab.lab import Lab
from labctl.language.fields import Command, argv, typed
from labctl.language.placeholders import FOLDER
from labctl.model import Diagnosis, Ran
from labctl.results.journal import LABCTL, Journal
from labctl.run.judge import unmet
from labctl.scenario.model import DiagnosisStep
from labctl.scenario.questions import criteria
from labctl.standin.settings import SOCKET
from labctl.system.threads import Workers
from labctl.system.waiting import poll

AT_ONCE = 32
TOOL_TIMEOUT = 10.0  # seconds
LOG_COMES = 2.0  # seconds that a line of a log may be under way: the program writes, the engine passes it on


def diagnosed(
    lab: Lab,
    steps: Sequence[DiagnosisStep],
    client: str,
    filled: Callable[[Command], Command],
    journal: Journal,
    *,
    broken: bool,
) -> list[Diagnosis]:
    """Take every step, all at once, since they only look; a judged one must hold while the fault is in place, else not.

    `client` is the host where a step is taken that names none; `filled` puts the client's target into a command.
    """
    take = partial(_taken, lab, client=client, filled=filled, journal=journal, broken=broken)
    if len(steps) == 1:
        return [take(steps[0])]
    with Workers(AT_ONCE, "diagnose") as pool:
        return list(pool.map(take, steps))


def _taken(
    lab: Lab,
    step: DiagnosisStep,
    *,
    client: str,
    filled: Callable[[Command], Command],
    journal: Journal,
    broken: bool,
) -> Diagnosis:
    code: int | None = None
    if step.log is not None:
        host, command = step.log, f"docker compose logs {step.log}"
        output = _log(lab.host(step.log), step, broken=broken)
    elif step.ports is not None:
        host, command = step.ports, f"docker port {step.ports}"
        output = lab.host(step.ports).published()
    elif step.socket is not None:
        host, command = step.socket, f"ls -l {SOCKET}; ss -xl"
        output = at_socket(Path(lab.values[FOLDER]))
    elif step.state is not None:
        host, command = step.state, f"docker inspect --format '{{{{json .State}}}}' {step.state}"
        output = lab.host(step.state).state()
    else:
        host = step.host or client
        command_line = filled(step.run or "")
        command = typed(command_line)
        with journal.timed(f"{command} on {host}", LABCTL):
            ran = _ran(lab, step, host, argv(command_line))
        output, code = ran.output, ran.exit_code
        if step.judges and step.place == "tools" and code is not None and code < 0:
            raise _ended(command, host, -code)
    reasons = unmet(step, output, code)
    if broken or not step.judges:
        held, reason = not reasons, "; ".join(reasons)
    else:
        held, reason = bool(reasons), "" if reasons else "it also matches while the fault is not in place"
    return Diagnosis(command, host, output, judged=step.judges, held=held, by=criteria(step), reason=reason)


def _log(host: Host, step: DiagnosisStep, *, broken: bool) -> str:
    """Return what a service printed; while the fault is in place, once it is what the step asks for."""
    if broken and step.judges:
        with suppress(DeadlineExceeded):  # then it is judged as it is
            poll(lambda: not unmet(step, host.log(), None), LOG_COMES, "a line of the log")
    return host.log()


def _ran(lab: Lab, step: DiagnosisStep, host: str, command: list[str]) -> Ran:
    """Run a step's command; where the service has ended or is paused, the answer is that, as `docker exec` has it."""
    if step.place == "tools":
        return lab.tool(host, command, TOOL_TIMEOUT)
    try:
        return lab.execute(host, command, TOOL_TIMEOUT)
    except EngineError:
        if lab.host(host).carry_out(Unpaused(host)):
            raise
        return Ran(1, "", f"The container of {host} does not run.", 0.0)


def _ended(command: str, host: str, number: int) -> LabError:
    """Return the error that a tool was ended by a signal, after which what it did not show means nothing."""
    means = f"Something on {host} sent it, or its memory was full: a service that runs as root may signal root's tools."
    return LabError(f"`{command}` on {host} was ended by {strsignal(number) or number}.", means=means)
