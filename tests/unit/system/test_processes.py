"""Processes as proc(5) shows them, and ending them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.system import processes
from labctl.system.processes import Process

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)

LARGE = "import time; large = bytearray(b'x') * 300_000_000; print('ready', flush=True); time.sleep(60)"


def folder(proc: Path, pid: int, stat: str, cmdline: bytes, *, flags: int = 0, memory: int = 4096) -> None:
    """Write what the kernel shows of a process; `stat` up to the parent."""
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "stat").write_text(f"{stat} 1 1 0 -1 {flags} {'0 ' * 13}{memory} 0 0\n")
    (proc / str(pid) / "cmdline").write_bytes(cmdline)


def test_a_process_is_known_by_its_name_its_parent_and_its_arguments() -> None:
    me = processes.look(os.getpid())
    assert me is not None
    assert me.parent == os.getppid()
    assert len(me.argv) >= 1


def test_names_may_hold_blanks_and_brackets_and_the_dead_are_left_out(tmp_path: Path) -> None:
    folder(tmp_path, 7, "7 (a) b (c) S 1", b"a\0--x\0")
    folder(tmp_path, 8, "8 (dockerd) Z 1", b"", memory=0)
    folder(tmp_path, 9, "9 (kthreadd) S 0", b"", flags=0x208040, memory=0)
    (tmp_path / "self").mkdir()
    (tmp_path / "10").mkdir()  # ended between the listing and the look
    found = {process.pid: process for process in processes.running(tmp_path)}
    assert found == {7: Process(7, 1, "a) b (c", ("a", "--x")), 9: Process(9, 0, "kthreadd", ())}
    assert processes.named("dockerd", tmp_path) == []


def test_a_program_that_is_ending_is_not_found_by_its_name(tmp_path: Path) -> None:
    """Between its memory's release and its death its name is still there, and nothing else of it (exit_mm(), exit.c)."""
    folder(tmp_path, 8, "8 (dockerd) R 1", b"", memory=0)
    folder(tmp_path, 9, "9 (dockerd) R 1", b"")  # is being started: its arguments are still to come
    assert [process.pid for process in processes.named("dockerd", tmp_path)] == [9]


def test_no_process_that_runs_here_is_taken_for_one_that_is_ending() -> None:
    me = processes.look(os.getpid())
    assert me is not None
    assert not me.ending
    assert all(process.argv == () for process in processes.running() if process.ending)


@pytest.mark.parametrize("content", ["", "x", "-1", "0", "4194305", None])
def test_a_pid_file_that_names_no_process_names_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "pid"
    if content is not None:
        path.write_text(content)
    assert processes.from_pid_file(path) is None


def test_options_are_found_in_every_form_that_dockerd_takes() -> None:
    argv = ("dockerd", "-H", "unix:///a", "--host=tcp://b", "--host", "fd://", "--debug", "-H")
    assert Process(1, 0, "dockerd", argv).options("-H", "--host") == ["unix:///a", "tcp://b", "fd://", ""]


def test_a_program_that_is_only_being_started_has_no_options_yet() -> None:
    """Between its fork and its exec the kernel shows no argument at all (proc(5), cmdline)."""
    assert Process(1, 0, "dockerd", ()).options("-H", "--host") == []


def test_descendants_come_before_those_that_started_them() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & echo ready; wait"], stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        parent = processes.look(shell.pid)
        assert parent is not None
        found = processes.with_descendants([parent])
        assert [process.parent for process in found] == [shell.pid, os.getpid()]  # a child may not have exec'd yet
        assert processes.end(found, signal.SIGKILL, seconds=5)


def test_a_process_that_does_not_end_in_time_is_told_apart() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        process = processes.look(started.pid)
        assert process is not None
        assert not processes.end([process], signal.SIGTERM, seconds=0.2)
        assert processes.end([process], signal.SIGKILL, seconds=5)


def test_a_process_has_ended_when_its_last_file_is_closed() -> None:
    """The memory of a large one takes the kernel a while to free, and it shows no arguments then (exit_mm(), exit.c)."""
    held, end = os.pipe()
    with subprocess.Popen([sys.executable, "-c", LARGE], stdout=subprocess.PIPE, pass_fds=[end]) as started:
        os.close(end)
        assert started.stdout is not None
        started.stdout.readline()
        process = processes.look(started.pid)
        assert process is not None
        assert processes.end([process], signal.SIGKILL, seconds=10)
        os.set_blocking(held, False)
        assert os.read(held, 1) == b""  # BlockingIOError while anyone holds the other end
        assert processes.look(started.pid) is None
    os.close(held)


def test_ending_what_is_gone_is_no_error() -> None:
    with subprocess.Popen(["true"]) as started:
        gone = Process(started.pid, os.getpid(), "true", ("true",))
        started.wait()
    assert processes.end([gone], signal.SIGTERM, seconds=1)
