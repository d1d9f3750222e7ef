"""labctl's own Docker Engine, for a machine on which none runs.

`start` is what the make targets call. It returns the engine that answers, whoever started it. Where none answers and
no dockerd runs, it installs Debian's or Ubuntu's package if that is missing and starts a dockerd of its own: data,
sockets, pid file and log lie in one folder below labctl's state folder, nothing of it in /var/lib/docker. It stays up
until `stop`, which ends this dockerd and no other.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping

from labctl.engine.connection import Connection, candidates, connect
from labctl.errors import DeadlineExceeded, EngineUnavailable, HostError, indented
from labctl.provision import debian
from labctl.provision.private import STOP, Private
from labctl.system import files, processes
from labctl.system.lock import alone
from labctl.system.progress import Progress
from labctl.system.waiting import poll

PACKAGES = {"dockerd": ["docker.io", "apparmor", "ca-certificates"], "iptables": ["iptables"]}
"""What is installed where a program is missing. dockerd fails where the kernel has AppArmor on and the parser is absent
(moby, daemon/apparmor_default.go), and Debian only recommends it."""

START = 60.0
"""Seconds for a dockerd to answer; it takes 1 to 2, more on a large data root."""
CONTAINERS_STOP = 5
"""Seconds that it gives its containers."""
SERVICE = 20.0
"""Seconds for a dockerd that somebody else is starting."""
LONGEST_FOLDER = 70
"""Bytes: a socket's path has at most 107 (unix(7)), and containerd's lie 31 below this folder."""

Confirm = Callable[[str], bool]
STARTING = "waiting for another labctl, which starts or stops the engine"


def start(environment: Mapping[str, str] = os.environ, *, progress: Progress, confirm: Confirm) -> Connection:
    """Return an engine that answers: one that is there, else labctl's own, started now.

    `confirm` is asked before packages are installed. Two processes may call this at once: the second finds what the
    first has started. Raises EngineUnavailable where labctl must not or cannot start one, HostError where it failed.
    """
    try:
        return connect(environment)
    except EngineUnavailable as silence:
        _permitted(environment, silence)
    private = Private.of(environment)
    with alone(private.folder / "lock", waiting=lambda: progress(STARTING)):
        connection = _already(environment, progress)
        if connection is None and _install(progress, confirm):
            connection = _already(environment, progress)  # the package may have started the distribution's service
        return _launch(private, environment, progress) if connection is None else connection


def stop(environment: Mapping[str, str] = os.environ, *, progress: Progress) -> bool:
    """End labctl's own engine and all that runs on it; return whether there was anything to end."""
    private = Private.of(environment)
    if not private.folder.is_dir():
        return False
    with alone(private.folder / "lock", waiting=lambda: progress(STARTING)):
        dockerd = private.process()
        if dockerd is not None:
            progress(f"stopping dockerd (process {dockerd.pid})")
            if not processes.end([dockerd], signal.SIGTERM, seconds=STOP):
                progress(f"it did not end within {STOP:g} s, so it is killed")
                processes.end([dockerd], signal.SIGKILL, seconds=STOP)
        left = private.orphans()
        private.sweep()
        return dockerd is not None or bool(left)


def _permitted(environment: Mapping[str, str], silence: EngineUnavailable) -> None:
    """Raise the silence of all engines, with the reason, where labctl must not or cannot start one."""
    if any(candidate.chosen for candidate in candidates(environment)):
        raise silence
    if environment.get("LABCTL_ENGINE") == "never":
        means = "labctl may not start one here: LABCTL_ENGINE=never."
        raise EngineUnavailable(silence.what, means=means, todo="Start an engine yourself, or unset LABCTL_ENGINE.")
    if not sys.platform.startswith("linux"):
        means = "labctl can start one on Linux only."
        raise EngineUnavailable(silence.what, means=means, todo="Start Docker Desktop, or set DOCKER_HOST.")
    if not debian.is_root():
        means = "Only root can start one."
        todo = "Start the machine's own (`sudo systemctl start docker`), or run `labctl engine start` as root."
        raise EngineUnavailable(silence.what, means=means, todo=todo)


def _already(environment: Mapping[str, str], progress: Progress) -> Connection | None:
    """Return an engine that runs without labctl's doing, or None where no dockerd runs at all."""
    try:
        return connect(environment)
    except EngineUnavailable as silence:
        others = processes.named("dockerd")
        return _await_other(others[0], environment, silence, progress) if others else None


def _install(progress: Progress, confirm: Confirm) -> bool:
    """Install the packages of what is missing, if the user agrees; return whether anything was."""
    wanted = [package for name, needs in PACKAGES.items() if debian.program(name) is None for package in needs]
    if not wanted:
        return False
    listed = f"{', '.join(wanted[:-1])} and {wanted[-1]}" if len(wanted) > 1 else wanted[0]
    if not debian.here():
        raise EngineUnavailable(
            "no Docker Engine answers, and none is installed.",
            means="labctl can install one on Debian and Ubuntu only.",
            todo="Install Docker (docs.docker.com/engine/install), or set DOCKER_HOST.",
        )
    if not confirm(f"No Docker Engine is installed. Install the packages {listed} now?"):
        raise EngineUnavailable(
            "no Docker Engine answers, and none is installed.",
            means="You chose not to install one.",
            todo=f"Install it yourself (`apt-get install {' '.join(wanted)}`), or set DOCKER_HOST.",
        )
    progress("no Docker Engine is installed here: Debian's or Ubuntu's own is added")
    debian.install(wanted, progress=progress)
    return True


def _await_other(
    other: processes.Process, environment: Mapping[str, str], silence: EngineUnavailable, progress: Progress
) -> Connection | None:
    """Return the engine of another dockerd, which may still be starting, or None where it was ending."""
    hosts = [host for host in other.options("-H", "--host") if not host.startswith("fd:")]
    elsewhere = bool(hosts) and not {candidate.address for candidate in candidates(environment)} & set(hosts)
    progress(f"a dockerd runs already (process {other.pid})" + ("" if elsewhere else "; waiting for it to answer"))
    try:
        return _await_answer(environment, 0 if elsewhere else SERVICE, until=lambda: not _runs(other))
    except DeadlineExceeded:
        if not _runs(other):
            return None
        todo = f"Was it meant? DOCKER_HOST={hosts[0]}" if hosts else "Set DOCKER_HOST to where it listens, or stop it."
        raise EngineUnavailable(
            silence.what,
            means=f"A dockerd runs (process {other.pid}), though none of these addresses is its own. "
            "Two on one machine disturb each other, so labctl starts none beside it.",
            todo=todo,
        ) from silence


def _runs(dockerd: processes.Process) -> bool:
    now = processes.look(dockerd.pid)
    return now is not None and now.name == dockerd.name and not now.ending


def _launch(private: Private, environment: Mapping[str, str], progress: Progress) -> Connection:
    """Start dockerd and wait until it answers; whatever else happens, it does not stay."""
    if len(os.fsencode(private.folder)) > LONGEST_FOLDER:
        raise HostError(
            f"the path of labctl's state folder is too long for a socket: {private.folder}",
            todo="Set LABCTL_STATE to a shorter one.",
        )
    progress(f"starting dockerd, with all its data in {private.folder}")
    try:
        return _launched(private, environment)
    except HostError:
        overcome = private.overcome()
        if not overcome:
            raise
    progress(f"{overcome}: once more")
    return _launched(private, environment)


def _launched(private: Private, environment: Mapping[str, str]) -> Connection:
    private.sweep()
    files.write(private.settings, (json.dumps(_settings(private), indent=2) + "\n").encode())
    with files.opened(private.log, "wb") as log:
        dockerd = subprocess.Popen(
            [debian.program("dockerd") or "dockerd", "--config-file", str(private.settings)],
            cwd="/",
            env=debian.environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return _await_answer(environment, START, until=lambda: dockerd.poll() is not None)
    except BaseException as error:
        dockerd.terminate()
        dockerd.wait(STOP)
        private.sweep()
        if not isinstance(error, DeadlineExceeded):
            raise
        said = debian.last_lines(private.log.read_text(errors="replace"))
        raise HostError(
            f"dockerd did not answer ({'it ended' if dockerd.returncode > 0 else f'in {START:g} s'}).",
            means=f"Its log, {private.log}, ends with:\n{indented(said)}",
            todo="Start an engine in another way, or set DOCKER_HOST to one elsewhere.",
        ) from error
    finally:
        dockerd.returncode = dockerd.returncode or 0  # it is meant to outlive this process, and is no leak


def _settings(private: Private) -> dict[str, object]:
    """Return dockerd's settings; the machine's own in /etc/docker are for the machine's own engine."""
    return {
        "data-root": str(private.data),
        "exec-root": str(private.run),
        "hosts": [f"unix://{private.socket}"],
        "pidfile": str(private.pid_file),
        "shutdown-timeout": CONTAINERS_STOP,
    }


def _await_answer(
    environment: Mapping[str, str], seconds: float, *, until: Callable[[], bool] = lambda: False
) -> Connection:
    """Return the first engine that answers within `seconds`, unless `until` comes true before."""
    found: list[Connection] = []

    def answers() -> bool:
        try:
            found.append(connect(environment))
        except EngineUnavailable:
            return until()
        return True

    poll(answers, seconds, "dockerd to answer", every=0.1)
    if not found:
        raise DeadlineExceeded("dockerd to answer", seconds)
    return found[0]
