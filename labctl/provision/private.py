"""labctl's own Docker Engine: where it keeps its things, its processes, and what is left of one that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labctl.system import files, processes
from labctl.system.places import private_engine

STOP = 30.0
"""Seconds for a dockerd to end by SIGTERM."""
CLEANS_UP = "timeout waiting for containerd to start"  # after 15 s: moby, libcontainerd/supervisor/remote_daemon.go
TORN = "libnetwork.(*controller).reservePools("  # of a panic, where a network is stored that has no addresses yet


@dataclass(frozen=True, slots=True)
class Private:
    """Where labctl's own engine keeps its things."""

    folder: Path

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Private:
        """Return the one that belongs to a state folder."""
        return cls(private_engine(environment))

    @property
    def settings(self) -> Path:
        """Dockerd's configuration; it also tells this dockerd from every other."""
        return self.folder / "daemon.json"

    @property
    def pid_file(self) -> Path:
        """Written and removed by dockerd itself."""
        return self.folder / "docker.pid"

    @property
    def socket(self) -> Path:
        """Where it answers."""
        return self.folder / "docker.sock"

    @property
    def log(self) -> Path:
        """What it said since it was last started."""
        return self.folder / "dockerd.log"

    @property
    def data(self) -> Path:
        """Images, containers and volumes; stays when the engine stops."""
        return self.folder / "data"

    @property
    def run(self) -> Path:
        """Sockets and state of what runs."""
        return self.folder / "exec"

    def process(self) -> processes.Process | None:
        """Return this engine's dockerd, or None where it does not run. A pid file that lies is seen through."""
        named = processes.from_pid_file(self.pid_file)
        if named is not None and str(self.settings) in named.options("--config-file"):
            return named
        return next(
            (one for one in processes.named("dockerd") if str(self.settings) in one.options("--config-file")), None
        )

    def orphans(self) -> list[processes.Process]:
        """Return the containerd, the shims and their containers that a killed dockerd left running."""
        below = f"{self.run}/"
        mine = [one for one in processes.running() if any(word.startswith(below) for word in one.argv[1:])]
        return processes.with_descendants(one for one in mine if one.name.startswith("containerd"))

    def sweep(self) -> None:
        """Remove what a dockerd that was killed left: its processes, its mounts, files that would stop the next one."""
        processes.end(self.orphans(), signal.SIGKILL, seconds=STOP)
        mounted = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
        for point in reversed([one for one in mounted if one.startswith(f"{self.folder}/")]):
            command = ["umount", "--lazy", point]  # what stays does no harm
            subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
        for stale in (self.pid_file, self.socket, self.run / "containerd" / "containerd.pid"):
            files.remove(stale)

    def overcome(self) -> str:
        """See to what the last start met because an engine was killed; return what that was, "" where it was not so."""
        log = self.log.read_text(errors="replace")
        if CLEANS_UP in log:
            return "its containerd cleaned up after an engine that was killed for longer than dockerd waits"
        if TORN in log:
            files.remove(self.data / "network" / "files" / "local-kv.db")
            return "an engine was killed while it made a network, and left a list of networks that none can read"
        return ""
