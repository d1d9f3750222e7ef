"""The processes of this machine, read from proc(5): who runs, how it was called, what belongs to it."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
FLAGS, VSIZE = 4, 18  # fields of stat, those after the parent counted from 0: proc_pid_stat(5)
KERNELS_OWN = 0x00200000  # PF_KTHREAD, include/linux/sched.h


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was running when it was looked at."""

    pid: int
    parent: int
    name: str  # the first 15 characters of its program's name
    argv: tuple[str, ...]  # empty for the kernel's own
    ending: bool = False  # it has given its memory back, its arguments with it, and runs no more

    def options(self, *names: str) -> list[str]:
        """Return the values that were given to an option, by any of its names: `-H x`, `--host x`, `--host=x`."""
        pairs = zip(self.argv, [*self.argv[1:], ""], strict=False)  # a program that is being started has none yet
        return [
            value if word in names else word.partition("=")[2]
            for word, value in pairs
            if word in names or word.partition("=")[0] in names
        ]


def running(proc: Path = PROC) -> Iterator[Process]:
    """Yield every process that this one can see; the dead that wait for their parents are left out."""
    for folder in proc.iterdir():
        if folder.name.isdecimal() and (process := look(int(folder.name), proc)) is not None:
            yield process


def look(pid: int, proc: Path = PROC) -> Process | None:
    """Return a process, or None where it does not run, or no more."""
    try:
        stat = (proc / str(pid) / "stat").read_text(errors="replace")
        argv = (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return None
    name, _, rest = stat.partition("(")[2].rpartition(")")  # the name may hold brackets and blanks itself
    state, parent, *fields = rest.split()
    if state in "ZX":
        return None
    flags, memory = int(fields[FLAGS]), int(fields[VSIZE])
    return Process(pid, int(parent), name, tuple(argv.split("\0")[:-1]), not memory and not flags & KERNELS_OWN)


def named(name: str, proc: Path = PROC) -> list[Process]:
    """Return the processes of a program, whatever path it was started from; one that is ending is none any more."""
    return [process for process in running(proc) if process.name == name and not process.ending]


def from_pid_file(path: Path) -> Process | None:
    """Return the process that a pid file names, or None where there is no file or no such process any more."""
    try:
        return look(int(path.read_text()))
    except (OSError, ValueError):
        return None


def with_descendants(roots: Iterable[Process]) -> list[Process]:
    """Return some processes and all that they started, the youngest first."""
    everyone = list(running())
    found = list(roots)
    for process in found:  # grows while it is walked
        found += [other for other in everyone if other.parent == process.pid and other not in found]
    return found[::-1]


def end(processes: Iterable[Process], sign: signal.Signals, *, seconds: float) -> bool:
    """Send a signal to processes and wait until none of them runs; return whether that came true in time.

    By pidfd_open(2): a descriptor stays with its process, whoever is given its number next, and is readable once the
    last of its threads has ended. What proc(5) shows is empty a moment before that, with files still open.
    """
    deadline = time.monotonic() + seconds
    with ExitStack() as opened:
        handles = []
        for process in processes:
            with suppress(ProcessLookupError):
                handles.append(os.pidfd_open(process.pid))
                opened.callback(os.close, handles[-1])
                signal.pidfd_send_signal(handles[-1], sign)
        return all(_ended(handle, deadline) for handle in handles)


def _ended(handle: int, deadline: float) -> bool:
    """Whether the process of a pidfd ends until the deadline."""
    ended, _, _ = select.select([handle], [], [], max(deadline - time.monotonic(), 0))
    return bool(ended)
