"""`labctl shell`, driven through a terminal as a person does it; and the lab that `labctl run --keep` keeps."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from labctl.engine.sweep import look
from labctl.engine.watchdog import PROGRAM as WATCHDOG
from labctl.lab.session import Session
from labctl.system import processes
from labctl.system.places import installed
from labctl.system.waiting import poll
from support.unraised import demand_none

WITHIN = 60.0  # seconds; building the image anew is not among what is awaited
ON_ITS_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "labctl", *sys.argv[1:]])
"""
STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")  # colours, the cursor
CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """A terminal of 40 lines and 130 columns, and labctl as the leader of the session on it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._master, self._slave = os.openpty()
        self.resize(40, 130)
        self.settings = self.modes()
        self.process = subprocess.Popen(
            [
                "env",
                "--default-signal=HUP,INT",
                sys.executable,
                "-c",
                ON_ITS_TERMINAL,
                *arguments,
            ],  # nohup(1) ignores one
            cwd=folder,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
        )
        self.shown = ""
        self.label = ""

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def modes(self) -> list[Any]:
        """Return how the terminal treats what is typed and shown."""
        return termios.tcgetattr(self._slave)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, pattern: str) -> re.Match[str]:
        """Read the screen until it shows a pattern, return that, and go on from there the next time."""
        deadline = time.monotonic() + WITHIN
        while not (found := re.search(pattern, self.shown)):
            assert time.monotonic() < deadline, f"{pattern} is not shown:\n{self.shown}"
            assert self._read() or self.process.poll() is None, f"{pattern} is not shown:\n{self.shown}"
        self.shown = self.shown[found.end() :]
        return found

    def _read(self) -> bool:
        if not select.select([self._master], [], [], 0.1)[0]:
            return False
        self.shown = STEERING.sub("", self.shown + os.read(self._master, 1 << 16).decode(errors="replace"))
        demand_none(self.shown)
        return True

    def find_session(self) -> bool:
        """Look for the watchdog, whose argument is the label of everything that is made."""
        mine = (one for one in processes.running() if one.parent == self.process.pid)
        self.label = next((one.argv[-1] for one in mine if WATCHDOG in one.argv), "")
        return bool(self.label)

    def prompt(self, pattern: str) -> None:
        """Wait for the shell's prompt."""
        self.until(pattern)
        assert self.find_session()

    def ended(self) -> int:
        """Read the screen to its end and return labctl's exit code."""
        deadline = time.monotonic() + WITHIN
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"labctl does not end:\n{self.shown}"
            self._read()
        while self._read():
            pass
        return int(self.process.returncode)

    def hang_up(self) -> None:
        """Close the terminal, as its window's button does."""
        for end in (self._master, self._slave):
            with suppress(OSError):
                os.close(end)


@pytest.fixture
def labctl(tmp_path: Path, session: Session) -> Iterator[Callable[..., Terminal]]:
    """Return a function that starts labctl on a terminal; whatever it made must be gone in the end."""
    opened: list[Terminal] = []

    def on_terminal(*arguments: str) -> Terminal:
        opened.append(Terminal(tmp_path, *arguments))
        return opened[-1]

    yield on_terminal
    for one in opened:
        one.process.kill()
        one.process.wait()
        one.hang_up()
        if one.label:
            poll(lambda label=one.label: not look(session.containers, label), 5, "nothing to be left")  # type: ignore[misc]


def test_the_fault_is_seen_from_inside_and_nothing_is_left_after_exit(
    session: Session, labctl: Callable[..., Terminal]
) -> None:
    inside = labctl("shell", "loopback-bind", "--host", "server")
    inside.until("You are on server, with its tools, in the faulted phase")
    inside.prompt(r"server \(faulted\) # ")
    inside.type("ss -ltn\n")
    inside.until(r"LISTEN.*\s127\.0\.0\.1:8080\s")
    inside.type("exit 7\n")
    assert inside.ended() == 0
    assert not look(session.containers, inside.label)
    assert inside.modes() == inside.settings


def test_what_is_suggested_can_be_typed(session: Session, labctl: Callable[..., Terminal]) -> None:
    """The tries work in the shell, and the commands for another terminal name containers that are there."""
    inside = labctl("shell", "wrong-port")
    tries = inside.until(r"Worth typing here:\s+\$ (curl .*?)\n\s+\$ (nc .*?)\n")
    assert "http://server:9090/" in tries[1]
    elsewhere = inside.until(r"docker exec (\S+) ss -ltnH 'sport = :9090'")
    inside.prompt(r"client \(faulted\) # ")
    for one in tries.groups():
        inside.type(f"{one}\n")
        inside.until("[Cc]onnection refused")
    assert session.containers.execute(elsewhere[1], ["ss", "-ltn"]).exit_code == 0
    inside.type(CTRL_D)
    assert inside.ended() == 0


def test_keys_and_size_reach_the_program_inside(labctl: Callable[..., Terminal]) -> None:
    """Ctrl-C interrupts what runs inside, not labctl, and a terminal's new size is the new size inside."""
    inside = labctl("shell", "loopback-bind", "--at", "healthy", "--with", "service")
    inside.prompt(r"client \(healthy\) \$ ")
    inside.type("sh -c 'echo begun; exec sleep 600'\n")
    inside.until(r"\nbegun\n")
    inside.type(CTRL_C)
    inside.prompt(r"client \(healthy\) \$ ")
    inside.type("stty size; id -u\n")
    inside.until(r"\n40 130\n1000\n")
    inside.resize(50, 150)
    os.kill(inside.process.pid, signal.SIGWINCH)
    inside.type("until stty size | grep '^50 150$'; do :; done\n")
    inside.until(r"\n50 150\n")
    inside.type("exit\n")
    assert inside.ended() == 0


def test_a_terminal_that_is_closed_leaves_nothing(session: Session, labctl: Callable[..., Terminal]) -> None:
    inside = labctl("shell", "server-down", "--at", "healthy")
    inside.prompt(r"client \(healthy\) # ")
    assert look(session.containers, inside.label)
    inside.hang_up()
    inside.process.send_signal(signal.SIGHUP)  # the kernel sends one, and the shell that opened the terminal another
    assert inside.process.wait(WITHIN) == 130
    poll(lambda: not look(session.containers, inside.label), 5, "everything to be removed")


def test_sigterm_gives_the_terminal_back_and_leaves_nothing(session: Session, labctl: Callable[..., Terminal]) -> None:
    inside = labctl("shell", "server-down", "--at", "healthy")
    inside.prompt(r"client \(healthy\) # ")
    assert inside.modes() != inside.settings
    inside.process.terminate()
    assert inside.ended() == 130
    assert "stopped by SIGTERM; everything was removed." in inside.shown
    assert inside.modes() == inside.settings
    assert not look(session.containers, inside.label)


def test_a_lab_that_goes_under_the_shell_is_told(session: Session, labctl: Callable[..., Terminal]) -> None:
    """Where a sandbox ends, so does the shell in it; that is the lab's breakage and no verdict."""
    inside = labctl("shell", "loopback-bind", "--at", "healthy")
    inside.prompt(r"client \(healthy\) # ")
    found = look(session.containers, inside.label).containers
    [sandbox] = [container for container, name in found.items() if name.endswith("-client")]
    session.containers.remove(sandbox)
    assert inside.ended() == 3
    assert "'client' has lost its agent" in inside.shown
    assert inside.modes() == inside.settings


def test_where_the_phase_does_not_come_out_there_is_no_shell(labctl: Callable[..., Terminal], tmp_path: Path) -> None:
    yaml = YAML()
    written = yaml.load(installed("scenarios") / "server-down.yaml")
    written["name"] = "wrong"
    written["expect"] = {"outcome": "timed-out"}
    yaml.dump(written, tmp_path / "wrong.yaml")
    refused = labctl("shell", "wrong.yaml")
    assert refused.ended() == 1
    assert "failed wrong" in refused.shown
    assert "got refused, expected timed-out" in refused.shown
    assert "You are on" not in refused.shown


def test_nobody_can_be_in_a_service_that_does_not_run(labctl: Callable[..., Terminal]) -> None:
    refused = labctl("shell", "server-down", "--host", "server", "--with", "service")
    assert refused.ended() == 2
    assert "the service of 'server' is not running" in refused.shown


def test_the_whole_run_comes_before_a_shell_in_the_fixed_phase(labctl: Callable[..., Terminal]) -> None:
    inside = labctl("shell", "server-down", "--at", "fixed")
    for heading in ("healthy:", "faulted:", "unfixed:", "fixed:", "The fix:"):
        inside.until(heading)
    inside.prompt(r"client \(fixed\) # ")
    inside.type("curl -sS http://server:8080/\n")
    inside.until(r"\nhello\n")
    inside.type("exit\n")
    assert inside.ended() == 0


def test_without_a_terminal_there_is_no_shell(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "labctl", "shell", "loopback-bind"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert not done.stdout


def test_a_kept_lab_lives_until_enter_is_pressed(session: Session, labctl: Callable[..., Terminal]) -> None:
    kept = labctl("run", "server-down", "--client", "curl", "--keep", "always")
    [container] = kept.until(r"docker exec -it (\S+-server) sh").groups()
    kept.prompt("Press Enter to remove it")
    assert session.containers.execute(container, ["true"]).exit_code == 0
    kept.type("\n")
    assert kept.ended() == 0
    assert "passed server-down" in kept.shown
    assert not look(session.containers, kept.label)


def test_ctrl_c_while_a_lab_is_kept_ends_the_whole_command(session: Session, labctl: Callable[..., Terminal]) -> None:
    """The lab is removed, and the scenario after it is not begun."""
    kept = labctl("run", "server-down", "wrong-port", "--client", "curl", "--keep", "always")
    kept.prompt("Press Enter to remove it")
    kept.type("\x03")
    assert kept.ended() == 130
    assert "stopped by SIGINT; everything was removed." in kept.shown
    assert "wrong-port" not in kept.shown
    assert not look(session.containers, kept.label)
