"""SIGINT, SIGTERM and SIGHUP: the first ends the work in good order, the second at once, naming what is left.

The first raises Interrupted in the main thread, where the work is. From the moment when what was made is being removed
it is only noted, and raised when the removal is over. The second is for a removal that hangs, so the main thread may be
anywhere, and hold any lock: a thread of its own reads signals from a pipe (signal.set_wakeup_fd), names what is left
and ends the process.

A terminal that is closed sends SIGHUP twice, from the kernel and from its shell, and takes no message any more.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from labctl.errors import Interrupted, LabctlError
from labctl.system.threads import aside

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SECOND = 2  # the number of the signal that ends the process at once
ANSWERS_WITHIN = 2.0  # seconds for the engine to list what is left; it may be the reason why the removal hangs
SHOW_CURSOR = "\x1b[?25h"  # DECTCEM: progress on a terminal hides it
Left = Callable[[], str]


class Removal:
    """Whether what was made is being removed, and the signal that came meanwhile."""

    def __init__(self) -> None:
        self.begun = False
        self.noted: Interrupted | None = None

    def begin(self) -> None:
        """From now on the first signal is noted, and raised at the end."""
        self.begun = True


@contextmanager
def stoppable(left: Left) -> Iterator[Removal]:
    """Raise Interrupted at the first signal, or at the end where a removal has begun; end the process at the second.

    `left` names what the second one leaves to the watchdog.
    """
    removal = Removal()
    if threading.current_thread() is not threading.main_thread():  # only the main thread hears signals
        yield removal
        return

    def on_signal(number: int, _: FrameType | None) -> None:
        if heard:
            return
        heard.append(number)
        stopped = Interrupted(f"stopped by {signal.Signals(number).name}; everything was removed.")
        if removal.begun:
            removal.noted = stopped
        else:
            raise stopped

    heard: list[int] = []
    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()  # as nohup(1) has it
    with _end_at_the_second(left):
        before = {number: signal.signal(number, on_signal) for number in SIGNALS if number not in ignored}
        try:
            yield removal
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if removal.noted is not None:
        raise removal.noted


@contextmanager
def _end_at_the_second(left: Left) -> Iterator[None]:
    """Have a thread count signals, and end the process at the second, whatever the main thread does."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # as set_wakeup_fd() asks for
    counting = aside("signals", _count, reading, left)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)
        counting.result()
        os.close(reading)


def _count(reading: int, left: Left) -> None:
    """Read the numbers of signals until the pipe ends."""
    seen = 0
    while number := os.read(reading, 1):
        seen += number[0] in SIGNALS
        if seen == SECOND:
            _end_now(left)


def _end_now(left: Left) -> None:
    shown = "what the engine does not list"
    with suppress(LabctlError, TimeoutError):
        shown = aside("left", left).result(ANSWERS_WITHIN) or "nothing"
    with suppress(OSError):
        sys.stderr.write(
            f"{SHOW_CURSOR if sys.stderr.isatty() else ''}\nlabctl: stopped while removing. Left: {shown}.\n"
            "The watchdog goes on removing them for a minute; `labctl clean` removes what it does not reach.\n"
        )
        sys.stderr.flush()
    os._exit(Interrupted.exit_code)
