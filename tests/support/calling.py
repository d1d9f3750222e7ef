"""Calling labctl's command line in this process, for tests in which a process of its own is not the point."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from labctl.cli.main import main
from support.variants import clean

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def labctl(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call labctl in a folder, and return what a process of it would have printed and exited with."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    with _within(folder, clean(environment)), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return subprocess.CompletedProcess(["labctl", *arguments], code, _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


@contextlib.contextmanager
def _within(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Be in a folder with another environment, with the signals' handlers as they are now afterwards."""
    before, handlers, variables = Path.cwd(), {one: signal.getsignal(one) for one in SIGNALS}, dict(os.environ)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(variables)
        os.chdir(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
