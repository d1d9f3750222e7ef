"""A lab without an engine: its hosts are processes of labctl's own, on no network, with a folder that they share.

A scenario about the engine itself is played so, with a stand-in for one: whoever has no engine can run it. Nothing runs
here but labctl's own two programs, with settings of their own: see `labctl.stack.bare` and `labctl.scenario.policy`.
"""

from __future__ import annotations

import grp
import itertools
import os
import pwd
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from labctl.actions import verbs
from labctl.actions.verbs import Verb
from labctl.clients import ONLY, REACH, UNIX, USER, WARM, speaking
from labctl.engine.stream import Output
from labctl.errors import LabError
from labctl.lab.host import ENDS, refused, warm
from labctl.lab.lab import Lab
from labctl.lab.piped import Piped, command, given
from labctl.lab.place import Place
from labctl.lab.program import Program
from labctl.language.placeholders import FOLDER
from labctl.model import Exit, Ran
from labctl.results.journal import LABCTL, REMOVING, Journal
from labctl.stack.bare import ENGINE, bare_program
from labctl.stack.model import Stack
from labctl.stack.service import Service
from labctl.standin.settings import FOLDER_VARIABLE, GROUP_VARIABLE, SOCKET
from labctl.system import files

CLIENTS, STANDIN = "labctl.clients", "labctl.standin"  # packages that are programs
NOBODY = 65534  # the user and the group who own nothing, of Debian and of the kernel: fs.overflowuid, proc(5)
BELOW = "/tmp"  # noqa: S108 - where anybody may pass, and a socket's path stays under 108 bytes: hier(7), unix(7)
PASSABLE = 0o711  # others find what they know the name of in a folder, and cannot list it
KEEPER = ("sh", "-c", 'cat > /dev/null; rm -rf -- "$1"', "keeper")
LISTS = 10.0  # seconds for the clients to load, and to say what they are
LISTENS = "00010000"  # __SO_ACCEPTCON, include/linux/net.h, as /proc/net/unix shows it


class Bare:
    """One process; `service` names the one that runs now, as a container's id does elsewhere. A `Host`."""

    network: str | None = None

    def __init__(self, name: str, settings: Service, place: Place, folder: Path) -> None:
        self.name = name
        self.settings = settings
        self.place = place
        self.clients: Program | None = None
        self.service = ""
        self.outputs: list[Output] = []
        self._current = settings  # as the last recreate left them
        self._folder = folder
        self._processes: dict[str, Piped] = {}
        self._numbers = itertools.count(1)

    def begin_service(self) -> None:
        """Start the program with its current settings; one that ran before is ended."""
        self._end()
        self.service = f"{self.name}-{next(self._numbers)}"
        self._processes[self.service] = running = Piped(*self._program(), self._folder)
        if self._current.runs_clients:
            self.clients = Program(self.name, running, "clients")
            return
        self.outputs.append(output := Output(self.service))
        running.listen(output.add, lambda: None)

    def _program(self) -> tuple[str, dict[str, str]]:
        """Return the module that is run, and its environment."""
        if bare_program(self._current) == ENGINE:
            group = NOBODY if os.geteuid() == 0 else os.getgid()
            own = {FOLDER_VARIABLE: str(self._folder), GROUP_VARIABLE: str(group)}
            return STANDIN, {**self._current.environment, **own}
        become = {USER: f"{NOBODY}:{NOBODY}"} if os.geteuid() == 0 else {}
        loaded = ",".join(self.place.clients or ())
        return CLIENTS, {WARM: UNIX, ONLY: loaded, REACH: str(self._folder), **become}

    def carry_out(self, verb: Verb) -> bool | None:
        """Do to the process what a verb says that can be done to one; raises LabError for another."""
        match verb:
            case verbs.Start():
                self.begin_service()
            case verbs.Stop(grace=grace):
                self._stop(grace)
            case verbs.Kill(signal=name):
                self._processes[self.service].signal(_number(name))
            case verbs.Recreate(environment=environment, command=command):
                self._current = self.settings.changed(environment, command)
                self.begin_service()
            case verbs.Running():
                return self.exit() is None
            case verbs.Ended():
                return self.exit() is not None
            case _:
                raise refused(self.name, f"a process is not there to {verb.verb()}")
        return None

    def execute(self, argv: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None) -> Ran:  # noqa: ARG002 - a Host
        """Refused: raises LabError."""
        raise refused(self.name, "no command is run")

    def await_health(self) -> None:
        """Return at once: a process has no health check."""

    def exit(self) -> Exit | None:
        """Return how the process ended, or None while it runs."""
        return self.exit_of(self.service)

    def exit_of(self, container: str) -> Exit | None:
        """Return how a process ended, or None while it runs."""
        return self._processes[container].ended_within(0) if container else None

    def paused(self) -> bool:
        """Tell that it is not: nothing pauses it."""
        return False

    def log(self) -> str:
        """Return what the process printed."""
        return self.outputs[-1].text if self.outputs else ""

    def published(self) -> str:
        """Return nothing: a process is on no network."""
        return ""

    def state(self) -> str:
        """Refused: raises LabError."""
        raise refused(self.name, "no engine says what the state of a container is")

    def close(self, seconds: float = 0.0) -> None:  # noqa: ARG002 - a Host
        """End all that ran."""
        for one in self._processes.values():
            one.close()

    def _stop(self, grace: float) -> None:
        running = self._processes[self.service]
        running.signal(signal.SIGTERM)
        if running.ended_within(grace) is None:
            self._end()

    def _end(self) -> None:
        if self.service:
            self._processes[self.service].signal(signal.SIGKILL)
            if self._processes[self.service].ended_within(ENDS) is None:
                raise LabError(f"the process of {self.name!r} was killed, and runs on.")


@contextmanager
def brought_up(stack: Stack, client: str, journal: Journal, clients: Sequence[str]) -> Iterator[Lab]:
    """Bring such a stack up; at the end, whatever the reason, remove all of it. `clients` are loaded on the client."""
    with ExitStack() as undo:
        folder = undo.enter_context(_shared_folder())
        hosts = {
            host: Bare(host, service, _place(host, clients if host == client else ()), folder)
            for host, service in stack.services.items()
        }
        for group in stack.hosts_in_order():
            for name in group:
                with journal.timed(f"starting {name}", LABCTL):
                    hosts[name].begin_service()
                undo.callback(hosts[name].close)
        warm(hosts.values(), journal)
        undo.callback(journal.note, REMOVING, "the lab")
        yield Lab(hosts, {FOLDER: str(folder)}, journal)


@contextmanager
def _shared_folder() -> Iterator[Path]:
    """Make a folder that is gone at the end, whatever ends this process: its keeper has a pipe to wait for that."""
    folder = files.folder_below(BELOW, "labctl-", PASSABLE, "The hosts of this lab share a folder there.")
    with subprocess.Popen([*KEEPER, str(folder)], stdin=subprocess.PIPE, start_new_session=True):
        yield folder


def listed_here() -> str:
    """Return what this machine's own clients of an engine say of themselves, as `python -m labctl.clients --list`."""
    environment = given({WARM: UNIX, ONLY: ",".join(speaking(UNIX))}, Path.home())
    asked = command(CLIENTS, "--list")
    return subprocess.run(asked, env=environment, capture_output=True, text=True, check=True, timeout=LISTS).stdout


def at_socket(folder: Path) -> str:
    """Return what `ls -l` shows of the engine's socket in a lab's folder, and whether somebody listens there."""
    path = folder / SOCKET
    try:
        there = path.stat()
    except FileNotFoundError:
        return f"{path}: there is no such file\n"
    lines = (line.split() for line in Path("/proc/net/unix").read_text().splitlines())
    heard = any(words[-1] == str(path) and words[3] == LISTENS for words in lines)
    owner, group = _named(pwd.getpwuid, there.st_uid), _named(grp.getgrgid, there.st_gid)
    return f"{stat.filemode(there.st_mode)} {owner} {group} {path}: {'somebody' if heard else 'nobody'} listens\n"


def _named(look: Callable[[int], Sequence[Any]], number: int) -> str:
    """Return the name of a user or a group, or its number where it has none."""
    try:
        return str(look(number)[0])
    except KeyError:
        return str(number)


def _place(host: str, clients: Sequence[str]) -> Place:
    """Return a place on no network."""
    return Place(host, {}, "", (), {}, {}, {}, {}, {}, clients, UNIX)


def _number(name: str) -> int:
    return int(signal.Signals[name])
