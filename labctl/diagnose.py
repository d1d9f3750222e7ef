"""Taking the diagnosis steps of a scenario: looks that tell its cause from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from signal import strsignal

from labctl.errors import LabError
from labctl.fields import Command, argv, typed
from labctl.journal import LABCTL, Journal
from labctl.judge import criteria, unmet
from labctl.lab import Lab
from labctl.model import Diagnosis
from labctl.scenario import DiagnosisStep

AT_ONCE = 32
TOOL_TIMEOUT = 10.0  # seconds


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
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="diagnose") as pool:
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
    if step.log is not None:
        host, command, code = step.log, f"docker compose logs {step.log}", None
        output = lab.pod(step.log).log()
    else:
        host = step.host or client
        command_line = filled(step.run or "")
        command = typed(command_line)
        execute = lab.tool if step.place == "tools" else lab.execute
        with journal.timed(f"{command} on {host}", LABCTL):
            ran = execute(host, argv(command_line), TOOL_TIMEOUT)
        output, code = ran.output, ran.exit_code
        if step.judges and step.place == "tools" and code is not None and code < 0:
            raise _ended(command, host, -code)
    reasons = unmet(step, output, code)
    if broken or not step.judges:
        held, reason = not reasons, "; ".join(reasons)
    else:
        held, reason = bool(reasons), "" if reasons else "it shows the cause here too"
    return Diagnosis(command, host, output, judged=step.judges, held=held, by=criteria(step), reason=reason)


def _ended(command: str, host: str, number: int) -> LabError:
    """Return the error that a tool was ended by a signal, after which what it did not show means nothing."""
    means = f"Something on {host} sent it, or its memory was full: a service that runs as root may signal root's tools."
    return LabError(f"`{command}` on {host} was ended by {strsignal(number) or number}.", means=means)
