"""Programs started by PID 1, and every orphan of the PID namespace reaped."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SILENCE = 0.05  # seconds between two looks at whether a program has ended
MOST_OUTPUT = 1 << 20  # bytes kept of each stream of a command


class Children:
    """Starts programs and waits for them; `subprocess` cannot, since PID 1 must reap strangers too (wait(2))."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: set[int] = set()
        self._ended: dict[int, int] = {}
        threading.Thread(target=self._reap, name="reaper", daemon=True).start()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                with self._changed:
                    self._changed.wait(0.2)  # woken when a program starts; orphans can wait this long
                continue
            with self._changed:
                if pid in self._running:
                    self._ended[pid] = os.waitstatus_to_exitcode(status)
                    self._changed.notify_all()

    def run(self, argv: Sequence[str], timeout: float) -> dict[str, Any]:
        """Run a program to its end, or kill its process group after `timeout` seconds (then its exit is null).

        Raises OSError where it cannot be started.
        """
        began = time.monotonic()
        out_read, out_write = os.pipe2(os.O_CLOEXEC)
        err_read, err_write = os.pipe2(os.O_CLOEXEC)
        try:
            with self._changed:  # the reaper must not see it end before it is known
                pid = os.posix_spawnp(
                    argv[0],
                    list(argv),
                    os.environ,
                    file_actions=[(os.POSIX_SPAWN_DUP2, out_write, 1), (os.POSIX_SPAWN_DUP2, err_write, 2)],
                    setpgroup=0,
                )
                self._running.add(pid)
                self._changed.notify_all()
        except OSError:
            os.close(out_read)
            os.close(err_read)
            raise
        finally:
            os.close(out_write)
            os.close(err_write)
        output = _drain({out_read: bytearray(), err_read: bytearray()}, began + timeout, lambda: pid in self._ended)
        code = self._wait(pid, began + timeout)
        return {
            "exit_code": code,
            "stdout": bytes(output[out_read]).decode(errors="replace"),
            "stderr": bytes(output[err_read]).decode(errors="replace"),
            "seconds": time.monotonic() - began,
        }

    def _wait(self, pid: int, deadline: float) -> int | None:
        with self._changed:
            in_time = self._changed.wait_for(lambda: pid in self._ended, max(0.0, deadline - time.monotonic()))
            if not in_time:
                try:
                    os.killpg(pid, signal.SIGKILL)
                except ProcessLookupError:  # it has just ended
                    pass
                self._changed.wait_for(lambda: pid in self._ended, 1)
            self._running.discard(pid)
            code = self._ended.pop(pid, None)
            return code if in_time else None


def _drain(streams: dict[int, bytearray], deadline: float, ended: Callable[[], bool]) -> dict[int, bytearray]:
    """Read pipes until all end or the deadline passes; closes them. Output beyond MOST_OUTPUT is read and dropped.

    A pipe that is silent although the program has `ended` is held by something that it left in the background, which
    may go on: nobody waits for that.
    """
    poll = select.poll()
    for stream in streams:
        poll.register(stream, select.POLLIN)
    still_open = set(streams)
    while still_open and (left := deadline - time.monotonic()) > 0:
        over = ended()
        readable = poll.poll(min(left, SILENCE) * 1000)
        if over and not readable:
            break
        for stream, _ in readable:
            chunk = os.read(stream, 65536)
            if chunk:
                streams[stream] += chunk[: MOST_OUTPUT - len(streams[stream])]
            else:
                poll.unregister(stream)
                still_open.discard(stream)
    for stream in streams:
        os.close(stream)
    return streams
