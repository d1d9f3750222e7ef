"""SIGINT, SIGTERM and SIGHUP: the first ends the work in good order, the second at once, saying what is left.

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
from labctl.sweep import Leftovers

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stoppable(left: Callable[[], Leftovers]) -> Iterator[None]:
    """Raise Interrupted at the first signal; at the second, name what is `left` and leave it to the watchdog."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread hears signals
        yield
        return
    heard: list[int] = []

    def on_signal(number: int, _: FrameType | None) -> None:
        heard.append(number)
        if len(heard) == 1:
            raise Interrupted(f"stopped by {signal.Signals(number).name}; everything was removed.")
        shown = "what the engine does not tell"
        with suppress(LabctlError):
            shown = str(left()) or "nothing"
        with suppress(OSError):
            sys.stderr.write(
                f"\nlabctl: stopped while removing. Left: {shown}.\n"
                "The watchdog goes on removing them for a minute; `labctl clean` removes what it does not reach.\n"
            )
            sys.stderr.flush()
        os._exit(Interrupted.exit_code)

    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()  # as nohup(1) has it
    before = {number: signal.signal(number, on_signal) for number in SIGNALS if number not in ignored}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
