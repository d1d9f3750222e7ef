"""One at a time: a lock that two labctl processes of one user see, and that ends with its process."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from labctl.system import files

STATE = "LABCTL_STATE names another folder for labctl's state."


@contextmanager
def alone(path: Path, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `path` for as long as the block lasts; `waiting` is called once if another holds it.

    The file stays: removing it would let two processes hold locks on different files (flock(2)). Children do not
    inherit the descriptor, so a daemon started inside does not keep the lock. Raises NotWritten.
    """
    files.make_folder(path.parent, STATE)
    with files.opened(path, "ab", STATE) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            with files.written(path, STATE):
                fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:  # a file system without locks
            raise files.refused(path, error, STATE) from error
        yield
