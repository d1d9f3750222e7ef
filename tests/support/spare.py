"""An engine that tests may kill, stop and starve: in namespaces of its own, reached by its socket like any other.

It is labctl's own engine (`labctl.provision.daemon`), started in fresh process, mount and network namespaces (unshare(1)), and it
gets labctl's images from the engine that the other tests use. That takes root, and dockerd installed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from labctl.engine.connection import Connection, connect
from labctl.provision import debian
from labctl.system import processes
from labctl.system.waiting import poll

STARTS = 60.0  # seconds
needed = pytest.mark.skipif(
    os.geteuid() != 0 or debian.program("dockerd") is None or debian.program("unshare") is None,
    reason="an engine of its own takes root, dockerd and unshare",
)
SUPERVISOR = textwrap.dedent("""
    import contextlib, os, sys
    from labctl.provision import daemon
    private = daemon.Private.of()
    for line in sys.stdin:
        if line == "start\\n":
            daemon.start(progress=lambda text: None, confirm=lambda question: False)
        elif line == "fill\\n":
            disk = os.statvfs(private.data)
            assert disk.f_blocks * disk.f_frsize < 2 << 30, "this is no disk of its own"
            with contextlib.suppress(OSError), open(private.data / "ballast", "wb") as file:
                while True:
                    file.write(bytes(1 << 20))
        elif line == "end\\n":
            daemon.stop(progress=lambda text: None)
        else:
            os.kill(private.process().pid, int(line))
        print("done", flush=True)
""")


class Spare:
    """The engine; it runs from `start` on."""

    def __init__(self, state: Path, *, mounts: str = "") -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
        # the shell stays, as PID 1: it reaps what a killed engine leaves. While one service is not, the sandbox whose PID
        # namespace it joined cannot end (zap_pid_ns_processes, kernel/pid_namespace.c), and the next containerd waits for it
        shell = f'mount -t tmpfs none /run && {mounts or "true"} && "{sys.executable}" -c "$SUPERVISOR"; exit $?'
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc", "sh", "-c", shell],
            env={**kept, "LABCTL_STATE": str(state), "SUPERVISOR": SUPERVISOR},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # what it has mounted is seen by way of its process only, proc_pid_root(5)
        self.address = f"unix:///proc/{self._process.pid}/root{state}/engine/docker.sock"

    @property
    def dockerd(self) -> processes.Process:
        """Its dockerd, by the number that it has outside of its namespace."""
        mine = (one for one in processes.running() if one.pid == self._process.pid)
        return next(one for one in processes.with_descendants(mine) if one.name == "dockerd")

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process is told that is to use this engine."""
        return {**os.environ, "DOCKER_HOST": self.address}

    def start(self) -> Connection:
        """Start it, or start it again; return a connection to it."""
        self._do("start")
        return self.connect()

    def connect(self) -> Connection:
        """Return a connection to it, once it answers."""
        found: list[Connection] = []

        def answers() -> bool:
            with contextlib.suppress(Exception):
                found.append(connect(self.environment))
            return bool(found)

        poll(answers, STARTS, "the spare engine to answer", every=0.1)
        return found[0]

    def send(self, number: signal.Signals) -> None:
        """Send dockerd a signal."""
        self._do(f"{number.value}")

    def fill(self) -> None:
        """Leave no room on the disk that its data lie on."""
        self._do("fill")

    def close(self) -> None:
        """End it, and its namespaces with all that runs in them."""
        with contextlib.suppress(OSError, AssertionError):
            self._do("end")
        self._process.kill()
        self._process.communicate()

    def _do(self, command: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n", f"the spare engine's keeper did not {command}"


@contextlib.contextmanager
def spare(image: str, source: Connection, *, mounts: str = "") -> Iterator[Spare]:
    """Start a spare engine, and give it an image by its tag; `mounts` is done before, in its mount namespace."""
    state = Path(tempfile.mkdtemp(prefix="labctl-"))  # pytest's own folders are too deep for a socket's path
    engine = Spare(state, mounts=mounts.format(state=state))
    try:
        connection = engine.start()
        api: Any = connection.api  # its stubs do not know all calls
        api.load_image(source.api.get_image(image))
        connection.close()
        yield engine
    finally:
        engine.close()
        shutil.rmtree(state, ignore_errors=True)
