"""A program in a running container, on the terminal that labctl itself was called from.

The bytes go both ways as they are and the terminal interprets none of them, so that Ctrl-C reaches the program inside
and not labctl. What else ends a terminal's programs (SIGTERM, SIGHUP) reaches labctl, and the terminal is given back as
it was before.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from labctl.engine.connection import Connection
from labctl.engine.stream import plain_socket, release
from labctl.engine.translate import translated
from labctl.errors import DeadlineExceeded, EngineError, NotThere
from labctl.system.waiting import poll

KEYBOARD, SCREEN = 0, 1  # file descriptors
CHUNK = 1 << 16  # bytes
STARTS_WITHIN = 2.0  # seconds; until then the engine may refuse to change the size of a program's terminal
LAST_WORDS = 1.0  # seconds for a terminal that was stopped to take what is still to be shown
NO_DETACHING = "ctrl-@,ctrl-@,ctrl-@"  # the engine's own sequence begins with ctrl-p, a shell's key for the line before


def interact(connection: Connection, container: str, argv: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """Run a program on this process's terminal until it ends, and return its exit code.

    None stands for a program that did not end by itself: its container did, or the terminal went away. To be called
    from the main thread. Raises EngineError.
    """
    api: Any = connection.api  # its stubs do not know the untyped calls
    doing = f"run {argv[0]} in a container"
    with translated(doing):
        settings = {"stdin": True, "tty": True, "environment": dict(environment), "detach_keys": NO_DETACHING}
        program = api.exec_create(container, list(argv), **settings)["Id"]

    def fit() -> bool:
        with suppress(EngineError), translated("change the size of a terminal"):
            columns, lines = os.get_terminal_size(KEYBOARD)
            if columns and lines:
                api.exec_resize(program, height=lines, width=columns)
            return True
        return False

    with ExitStack() as undo:
        undo.enter_context(_raw())
        bell = undo.enter_context(_Bell())
        with translated(doing):
            attached = api.exec_start(program, tty=True, socket=True)
        line = undo.enter_context(_shown(attached, bell))
        with suppress(DeadlineExceeded):
            poll(fit, STARTS_WITHIN, "the program to have a terminal")
        _type(line, bell, fit)
    with suppress(NotThere), translated(doing):
        code: int | None = api.exec_inspect(program)["ExitCode"]
        return code
    return None


class _Bell:
    """Wakes whoever waits at the keyboard: the program has ended, or the terminal has another size."""

    RESIZED, ENDED = b"r", b"e"

    def __enter__(self) -> Self:
        self.wire, self._rope = socket.socketpair()
        self._before = signal.signal(signal.SIGWINCH, lambda *_: self.ring(self.RESIZED))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.signal(signal.SIGWINCH, self._before)
        self._rope.close()
        self.wire.close()

    def ring(self, why: bytes) -> None:
        with suppress(OSError):  # nobody waits any more
            self._rope.send(why)

    def heard(self) -> bytes:
        return self.wire.recv(CHUNK)


@contextmanager
def _raw() -> Iterator[None]:
    """Have the terminal pass on every key, and give it back as it was."""
    before = termios.tcgetattr(KEYBOARD)
    tty.setraw(KEYBOARD)
    try:
        yield
    finally:
        with suppress(termios.error):  # the terminal was closed
            termios.tcsetattr(KEYBOARD, termios.TCSADRAIN, before)


@contextmanager
def _shown(attached: Any, bell: _Bell) -> Iterator[Any]:
    """Show in a thread of its own what the program prints; yields the socket that it reads its keys from."""
    line = plain_socket(attached)

    def show() -> None:
        with suppress(OSError):
            while printed := line.recv(CHUNK):
                while printed:
                    printed = printed[os.write(SCREEN, printed) :]
        bell.ring(_Bell.ENDED)

    screen = threading.Thread(target=show, name="screen", daemon=True)
    screen.start()
    try:
        yield line
    finally:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        screen.join(LAST_WORDS)
        if not screen.is_alive():  # a number that recv() still uses must not be given to another
            release(attached)


def _type(line: Any, bell: _Bell, fit: Callable[[], bool]) -> None:
    """Pass on what is typed, until the program ends or the terminal goes away."""
    with selectors.DefaultSelector() as ready, suppress(OSError):
        ready.register(KEYBOARD, selectors.EVENT_READ)
        ready.register(bell.wire, selectors.EVENT_READ)
        while True:
            awake = {key.fileobj for key, _ in ready.select()}
            if bell.wire in awake:
                if _Bell.ENDED in bell.heard():
                    return
                fit()
            if KEYBOARD in awake:
                typed = os.read(KEYBOARD, CHUNK)
                if not typed:
                    return
                line.sendall(typed)
