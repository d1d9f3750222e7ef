"""The processes of this machine, read from proc(5): who runs, how it was called, what belongs to it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import DeadlineExceeded
from labctl.waiting import poll

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
    """Send a signal to processes and wait until none of them runs; return whether that came true in time."""
    addressed = list(processes)
    for process in addressed:
        with suppress(ProcessLookupError):
            os.kill(process.pid, sign)
    try:
        poll(lambda: not any(map(_same, addressed)), seconds, "processes to end")
    except DeadlineExceeded:
        return False
    return True


def _same(process: Process) -> bool:
    """Whether a process still runs, and its number was not given to another."""
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)  # where it is our own child, nobody else will
    now = look(process.pid)
    return now is not None and now.argv == process.argv
