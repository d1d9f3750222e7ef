"""A lab without an engine: its hosts are processes of labctl's own, on no network, with a folder that they share.

A scenario about the engine itself is played so, with a stand-in for one: whoever has no engine can run it. Nothing runs
here but labctl's own two programs, with settings of their own: see `labctl.stack.bare` and `labctl.scenario.policy`.
"""

from __future__ import annotations

import grp
import os
import pwd
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from labctl.clients import ONLY, REACH, UNIX, USER, WARM, speaking
from labctl.engine.stream import Output
from labctl.errors import LabError
from labctl.lab.containers import Place
from labctl.lab.lab import Lab
from labctl.lab.machine import OnMachine
from labctl.lab.piped import Piped, command, given
from labctl.lab.pod import ENDS, SANDBOX_STARTS
from labctl.lab.program import Program
from labctl.lab.session import Session
from labctl.language.fields import Command
from labctl.language.placeholders import FOLDER
from labctl.model import Exit
from labctl.results.journal import LABCTL, REMOVING, Journal
from labctl.stack.bare import ENGINE, bare_program
from labctl.stack.model import Stack
from labctl.stack.ports import Ports
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


class Bare(OnMachine):
    """One process; `service` names the one that runs now, as a container's id does elsewhere."""

    def __init__(self, host: str, settings: Service, place: Place, session: Session, folder: Path) -> None:
        super().__init__(host, settings, place, session)
        self.network = None
        self._folder = folder
        self._processes: dict[str, Piped] = {}

    def begin_service(self) -> None:
        """Start the program with its current settings; one that ran before is ended."""
        self._end()
        self.service = f"{self.host}-{next(self._numbers)}"
        self._processes[self.service] = running = Piped(*self._program(), self._folder)
        if self._current.runs_clients:
            self.clients = Program(self.host, running, "clients")
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

    def recreate(self, *, environment: Mapping[str, str], command: Command | None, ports: Ports | None = None) -> None:  # noqa: ARG002 - as Pod has it
        """Start the program anew with these settings merged onto the stack's, never onto the last recreate's."""
        self._current = self.settings.changed(environment, command)
        self.begin_service()

    def stop(self, *, grace: float) -> None:
        """SIGTERM, then SIGKILL after `grace` seconds."""
        running = self._processes[self.service]
        running.signal(signal.SIGTERM)
        if running.ended_within(grace) is None:
            self._end()

    def kill(self, *, signal: str) -> None:
        """Send a signal to the process."""
        self._processes[self.service].signal(_number(signal))

    def paused(self) -> bool:
        """Tell that it is not: nothing pauses it."""
        return False

    def exit_of(self, container: str) -> Exit | None:
        """Return how a process ended, or None while it runs."""
        return self._processes[container].ended_within(0) if container else None

    def close(self, seconds: float = 0.0) -> None:  # noqa: ARG002 - as Pod has it
        """End all that ran."""
        for one in self._processes.values():
            one.close()

    def _end(self) -> None:
        if self.service:
            self._processes[self.service].signal(signal.SIGKILL)
            if self._processes[self.service].ended_within(ENDS) is None:
                raise LabError(f"the process of {self.host!r} was killed, and runs on.")


@contextmanager
def brought_up(stack: Stack, client: str, session: Session, journal: Journal, clients: Sequence[str]) -> Iterator[Lab]:
    """Bring such a stack up; at the end, whatever the reason, remove all of it. `clients` are loaded on the client."""
    with ExitStack() as undo:
        folder = undo.enter_context(_shared_folder())
        pods = {
            host: Bare(host, service, _place(host, clients if host == client else ()), session, folder)
            for host, service in stack.services.items()
        }
        for group in stack.hosts_in_order():
            for host in group:
                with journal.timed(f"starting {host}", LABCTL):
                    pods[host].begin_service()
                undo.callback(pods[host].close)
        for pod in pods.values():
            if pod.clients is not None:
                with journal.timed(f"warming the clients on {pod.host}", LABCTL):
                    pod.clients.ready(SANDBOX_STARTS)
        undo.callback(journal.note, REMOVING, "the lab")
        yield Lab(pods, {FOLDER: str(folder)}, journal)


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
