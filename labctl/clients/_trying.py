"""One try of one client, judged; or several, where the scenario's client retries."""

from __future__ import annotations

import errno
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

from labctl.clients import Target
from labctl.clients.outcomes import Staged, judge

MOST_DETAILS = 1 << 16  # characters of a traceback, or of what a command printed, that are kept
MOST_WORDS = 1 << 12  # characters of one message
CUT = " … [cut by labctl]"
PRESSURE = "/proc/pressure/cpu"


def with_retries(
    client: ModuleType, target: Target, timeout: float, retry: Mapping[str, float] | None, pause: Any = None
) -> dict[str, Any]:
    """Try once, or, where the scenario's client retries, until it succeeds or its time is over.

    With a `pause` (`labctl.clients._batch.Pause`) the client asks a second time after it, and only that is timed.
    """
    began = Moment.now()
    if retry is None:
        report = attempt(client, target, timeout, pause)
    else:
        import tenacity

        report = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda report: report["outcome"] != "ok"),
            wait=tenacity.wait_fixed(retry["every"]),
            stop=tenacity.stop_after_delay(retry["for"]),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else {},
        )(attempt, client, target, timeout, pause)
    if pause is not None and pause.over is not None:
        began = pause.over
    return {**_within_bounds(report), **began.since()._asdict()}


class Moment(NamedTuple):
    """A moment, by time.monotonic(), and for how long something had lacked a processor by then."""

    seconds: float
    starved: float

    @classmethod
    def now(cls) -> Moment:
        """Look at both clocks."""
        return cls(time.monotonic(), _starved_so_far())

    def since(self) -> Moment:
        """Return what has passed on both since."""
        seconds, starved = Moment.now()
        return Moment(seconds - self.seconds, starved - self.starved)


def _starved_so_far() -> float:
    """Return for how many seconds since the kernel started something was ready to run and had no processor.

    That is `total` of `some` in /proc/pressure/cpu, of the whole machine, also in a container
    (Documentation/accounting/psi.rst). 0 always, where the kernel does not count it.
    """
    try:
        with open(PRESSURE) as file:
            some = file.readline()
        return int(some.rpartition("total=")[2]) / 1e6
    except (OSError, ValueError):
        return 0.0


def _within_bounds(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report whose texts are not longer than anybody reads: some quote all that a server sent."""
    cut = {name: _cut(report[name], most) for name, most in _BOUNDS.items() if name in report}
    chain = [{**link, "message": _cut(link["message"], MOST_WORDS)} for link in report.get("chain", ())]
    return {**report, **cut, **({"chain": chain} if chain else {})}


_BOUNDS = {"says": MOST_WORDS, "details": MOST_DETAILS}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def attempt(client: ModuleType, target: Target, timeout: float, pause: Any = None) -> dict[str, Any]:
    """Let one client try once; return the fields of a `labctl.model.Try`, but for its name and time."""
    if hasattr(client, "command"):
        return _command(client, target, timeout)
    stage = Staged()
    try:
        if pause is None:
            client.attempt(target, timeout, stage)
        else:
            client.attempt_twice(target, timeout, stage, pause)
    except Exception as error:  # noqa: BLE001 - the exact error is what we came for
        return judge(error, stage.now)
    return {"outcome": "ok", "stage": None}


def _command(client: ModuleType, target: Target, timeout: float) -> dict[str, Any]:
    from labctl.clients._command import ran  # loaded by clients that are commands, and by nobody else

    exit_code, stdout, stderr = ran(client.command(target, timeout))
    told = client.read(exit_code, stdout, stderr)
    number = told.pop("number")
    return {
        **told,
        "errno": errno.errorcode[number] if number else None,
        "errno_number": number,
        "exit_code": exit_code,
        "details": stdout + stderr,
    }
