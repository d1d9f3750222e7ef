"""labctl's own engine, started and stopped in namespaces of its own, so that this machine's engine never notices.

Each test gets fresh process, mount and network namespaces (unshare(1)): there, no dockerd runs, and whatever goes wrong
ends with the namespace. That takes root, and dockerd installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labctl.provision import debian

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or debian.program("dockerd") is None or debian.program("unshare") is None,
    reason="starting an engine takes root, dockerd and unshare",
)

PRELUDE = """
import json, os, signal, subprocess, sys, threading, time
from pathlib import Path
import pytest
from labctl.provision import daemon
from labctl.system import processes
from labctl.engine import images, once
from labctl.errors import EngineUnavailable, HostError
from labctl.provision.private import Private

private = Private.of()
said = []

def agree(question):
    raise AssertionError(question)

def start():
    return daemon.start(progress=said.append, confirm=agree)

def stop():
    return daemon.stop(progress=said.append)

def programs():
    return sorted(process.name for process in processes.running() if process.pid not in (1, os.getpid()))

def sleeping(connection):
    '''Run a container that sleeps, made of nothing but sleep(1) and its libraries.'''
    sleep = "/bin/sleep"
    listed = subprocess.run(["ldd", sleep], capture_output=True, text=True, check=True).stdout.split()
    wanted = [sleep, *(word for word in listed if word.startswith("/"))]
    tarball = private.folder / "sleep.tar"
    subprocess.run(["tar", "--create", "--dereference", "--absolute-names", "--file", tarball, *wanted], check=True)
    images.import_tarball(connection, tarball, "labctl-test:sleep", labels={"labctl.image": "test"})
    host = connection.api.create_host_config(network_mode="none")
    made = connection.api.create_container("labctl-test:sleep", [sleep, "600"], host_config=host)
    connection.api.start(made)

"""

Inside = Callable[[str], None]


@pytest.fixture
def inside() -> Iterator[Inside]:
    """Return a function that runs a program where no engine runs, and fails with what the program printed."""
    state = Path(tempfile.mkdtemp(prefix="labctl-"))  # pytest's own folders are too deep for a socket's path

    def run(program: str) -> None:
        shell = f'mount -t tmpfs none /run && exec "{sys.executable}" -c "$PROGRAM"'
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")},
            "LABCTL_STATE": str(state),
            "PROGRAM": PRELUDE + textwrap.dedent(program),
        }
        done = subprocess.run(
            ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc", "sh", "-c", shell],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    yield run
    shutil.rmtree(state)


def test_it_starts_stays_up_and_stops_without_a_trace_of_a_process(inside: Inside) -> None:
    inside("""
        connection = start()
        assert connection.source == "labctl's own engine"
        assert connection.address == f"unix://{private.socket}"
        first = private.process()
        assert first is not None
        assert start().address == connection.address
        assert private.process() == first
        assert programs() == ["containerd", "dockerd"]
        assert not Path("/var/lib/docker").exists() or connection.api.info()["DockerRootDir"] == str(private.data)
        assert stop() is True
        assert programs() == []
        assert not private.socket.exists()
        assert private.data.is_dir()
        assert stop() is False
    """)


def test_it_outlives_the_process_that_started_it(inside: Inside) -> None:
    inside("""
        code = "from labctl.provision import daemon; daemon.start(progress=print, confirm=lambda question: False)"
        subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
        assert private.process() is not None
        assert os.getsid(private.process().pid) == private.process().pid
        assert stop()
        assert programs() == []
    """)


def test_a_containerd_that_takes_longer_than_dockerd_waits_is_started_once_more(inside: Inside) -> None:
    """As after a kill: it cleans up first, which may take it longer than the 15 s that dockerd waits."""
    inside("""
        import shutil
        found, kept = shutil.which("containerd"), private.folder.parent / "kept"
        kept.mkdir()
        shutil.copy(found, kept / "containerd")
        slow = kept / "slow"
        slow.write_text(f"#!/bin/sh\\n[ -e {kept}/once ] || {{ touch {kept}/once; sleep 30; }}\\nexec {kept}/containerd \\"$@\\"\\n")
        slow.chmod(0o755)
        subprocess.run(["mount", "--bind", slow, found], check=True)
        assert start().source == "labctl's own engine"
        assert any("once more" in line for line in said), said
        assert stop()
        assert [name for name in programs() if name != "sleep"] == []
    """)


def test_two_starts_at_once_start_one(inside: Inside) -> None:
    inside("""
        code = "from labctl.provision import daemon; daemon.start(progress=print, confirm=lambda question: False)"
        both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
        assert [one.wait() for one in both] == [0, 0]
        assert programs() == ["containerd", "dockerd"]
        stop()
    """)


def test_after_a_kill_it_starts_again_and_ends_the_orphans(inside: Inside) -> None:
    inside("""
        sleeping(start())
        assert "sleep" in programs()
        assert processes.end([private.process()], signal.SIGKILL, seconds=10)
        assert private.pid_file.exists() and private.socket.exists() and private.orphans()
        connection = start()
        assert "sleep" not in programs()
        assert [one["State"] for one in connection.api.containers(all=True)] == ["exited"]
        stop()
        assert programs() == []
    """)


def test_stop_after_a_kill_leaves_no_process_and_no_mount(inside: Inside) -> None:
    inside("""
        sleeping(start())
        assert processes.end([private.process()], signal.SIGKILL, seconds=10)
        assert stop() is True
        assert programs() == []
        assert str(private.folder) not in Path("/proc/self/mountinfo").read_text()
    """)


def test_pid_files_whose_numbers_now_belong_to_others_do_not_stop_it(inside: Inside) -> None:
    inside("""
        (private.run / "containerd").mkdir(parents=True)
        for path in (private.pid_file, private.run / "containerd" / "containerd.pid"):
            path.write_text("1")
        assert start().api.ping()
        stop()
    """)


def test_a_dockerd_that_cannot_start_is_quoted_and_leaves_nothing(inside: Inside) -> None:
    inside("""
        private.folder.mkdir(parents=True)
        private.data.write_text("this should be a folder")
        with pytest.raises(HostError, match="did not answer") as caught:
            start()
        assert "canonical path points to a file" in caught.value.means
        assert str(private.log) in caught.value.means
        assert programs() == []
    """)


def test_it_never_starts_beside_another_dockerd(inside: Inside) -> None:
    inside("""
        folder = private.folder.parent / "other"
        folder.mkdir()
        address = f"unix://{folder}/docker.sock"
        argv = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid"]
        log = (folder / "log").open("wb")
        other = subprocess.Popen(["dockerd", *argv, "--host", address], stdout=log, stderr=log)
        with pytest.raises(EngineUnavailable) as caught:
            start()
        assert f"process {other.pid}" in caught.value.means
        assert f"DOCKER_HOST={address}" in caught.value.todo
        other.terminate()
        other.wait()
    """)


def test_where_it_is_forbidden_nothing_starts(inside: Inside) -> None:
    inside("""
        environment = {**os.environ, "LABCTL_ENGINE": "never"}
        with pytest.raises(EngineUnavailable, match="LABCTL_ENGINE=never"):
            daemon.start(environment, progress=said.append, confirm=agree)
        assert programs() == []
        assert not private.folder.exists()
    """)


def test_a_state_folder_too_deep_for_a_socket_is_refused_with_the_way_out(inside: Inside) -> None:
    inside("""
        environment = {**os.environ, "LABCTL_STATE": os.environ["LABCTL_STATE"] + "/deep" * 20}
        with pytest.raises(HostError, match="too long") as caught:
            daemon.start(environment, progress=said.append, confirm=agree)
        assert "LABCTL_STATE" in caught.value.todo
    """)
