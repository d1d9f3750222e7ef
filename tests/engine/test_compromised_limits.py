"""What a service may take of the machine is bounded, whether it forks, fills its memory, or prints without end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from labctl.engine.containers import MOST_OUTPUT
from labctl.engine.spec import MEMORY_LIMIT, PIDS_LIMIT
from labctl.engine.stream import MOST_LOG
from labctl.lab.session import Session
from labctl.model import Verdict
from labctl.run.run import Options, run
from labctl.system.waiting import poll
from support.hostile import ANSWERS, IDLE, loaded, standing, told
from support.labs import inspect, sandbox_of
from support.variants import python

SOON = 60.0  # seconds for a whole run beside a service that floods, on a busy machine; one alone takes 3
GROWS = 150 << 10  # kilobytes that labctl may need more than beside a quiet service
FORKS = """
import json, os, signal
children = []
try:
    while len(children) < 5000:
        pid = os.fork()
        if not pid:
            signal.pause()
        children.append(pid)
    print(json.dumps({"forked": len(children), "stopped": False}))
except BlockingIOError:
    print(json.dumps({"forked": len(children), "stopped": True}))
for pid in children:
    os.kill(pid, signal.SIGKILL)
for pid in children:
    os.waitpid(pid, 0)
"""
STORM = """
import os, signal
while True:
    try:
        if not os.fork():
            signal.pause()
    except BlockingIOError:
        pass
"""
EATS = "eaten = []\nwhile True: eaten.append(bytearray(16 << 20))"
PRINTS = "import os\nwhile True: os.write(1, b'x' * 65535 + chr(10).encode())"
FLOOD = (
    ANSWERS
    + """
import os
printed = 0
def flood():
    global printed
    while True:
        printed += os.write(1, b"x" * 65535 + chr(10).encode())
        if printed > (1 << 30):
            open("/home/lab/gigabyte", "w").close()
threading.Thread(target=flood, daemon=True).start()
serve()
"""
)
MEASURED = """
import resource, sys
from labctl.cli.main import main
code = main(sys.argv[1:])
print("kilobytes", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""


def test_a_service_forks_until_its_limit_and_its_host_s_tools_go_on(
    tmp_path: Path, session: Session, options: Options
) -> None:
    """The sandbox has processes of its own to count, so that the agent can still start what it is asked for."""
    with standing(loaded(tmp_path, "forks", IDLE), session, options) as lab:
        seen = told(lab, "server", FORKS)
        assert seen["stopped"]
        assert PIDS_LIMIT - 20 <= seen["forked"] < PIDS_LIMIT
    with standing(loaded(tmp_path, "storm", STORM), session, options) as lab:

        def full() -> bool:
            return int(lab.tool("server", ["sh", "-c", "ls -d /proc/[0-9]* | wc -l"], 10).stdout) >= PIDS_LIMIT

        poll(full, 20, "the service to have forked as often as it may")


def test_a_service_that_eats_memory_is_ended_and_nobody_else(
    tmp_path: Path, session: Session, options: Options
) -> None:
    of = loaded(tmp_path, "eats", IDLE)
    with standing(of, session, options) as lab:
        for container in (lab.pod("server").service, sandbox_of(session, lab, "server")):
            assert inspect(session, container)["HostConfig"]["Memory"] == MEMORY_LIMIT
        assert lab.execute("server", ["python3", "-c", "bytearray(200 << 20)"], 20).exit_code == 0
        assert lab.execute("server", ["python3", "-c", EATS], 20).exit_code == 137  # 128 + SIGKILL
        assert lab.tool("server", ["true"], 5).exit_code == 0
    eaten = run(loaded(tmp_path, "eaten", EATS), session, Options(clients=("socket",), runs=options.runs))
    assert eaten.verdict is Verdict.INCONCLUSIVE
    ended = eaten.services["server"][0].exit
    assert ended is not None
    assert ended.out_of_memory


def test_nothing_that_a_container_prints_is_kept_by_the_engine(
    tmp_path: Path, session: Session, options: Options
) -> None:
    """A gigabyte of output is on no disk; labctl keeps the end of it, read from the attached stream."""
    with standing(loaded(tmp_path, "flood", FLOOD), session, options) as lab:
        pod = lab.pod("server")
        for container in (pod.service, sandbox_of(session, lab, "server"), lab.pod("client").service):
            shown: dict[str, Any] = inspect(session, container)
            assert shown["HostConfig"]["LogConfig"]["Type"] == "none"
            assert shown["LogPath"] == ""
        gigabyte = ["test", "-e", "/home/lab/gigabyte"]
        poll(lambda: lab.execute("server", gigabyte, 10).exit_code == 0, SOON, "a gigabyte to have been printed")
        assert 0 < len(pod.log()) <= MOST_LOG


def test_a_program_that_is_run_in_a_service_is_heard_within_bounds(
    tmp_path: Path, session: Session, options: Options
) -> None:
    """The beginning is kept of what it prints, and after its time nobody listens any more."""
    with standing(loaded(tmp_path, "prints", IDLE), session, options) as lab:
        whole = lab.execute("server", ["sh", "-c", "head -c 100000 /dev/zero | tr '\\\\0' x; echo err >&2"], 10)
        assert (whole.exit_code, len(whole.stdout), whole.stderr) == (0, 100_000, "err\n")
        more = lab.execute("server", ["head", "-c", str(64 << 20), "/dev/zero"], 30)
        assert (more.exit_code, len(more.stdout)) == (0, MOST_OUTPUT)
        began = time.monotonic()
        endless = lab.execute("server", ["python3", "-c", PRINTS], 1)
        assert endless.exit_code is None
        assert time.monotonic() - began < 10
        assert lab.execute("server", ["echo", "on"], 10).stdout == "on\n"


def test_a_run_beside_a_flood_of_output_is_soon_over_and_needs_little_memory(tmp_path: Path) -> None:
    """Some hundred megabytes a second, as fast as the engine hands them on, against a quiet service."""
    kilobytes: dict[str, int] = {}
    for kind, program in (("quiet", ANSWERS + "serve()"), ("loud", FLOOD)):
        loaded(tmp_path, kind, program)
        began = time.monotonic()
        done = python(tmp_path, "-c", MEASURED, "run", "-q", f"./{kind}.yaml")
        assert done.returncode == 0, done.stdout + done.stderr
        assert time.monotonic() - began < SOON
        kilobytes[kind] = int(done.stdout.split()[-1])
        [log] = (tmp_path / ".labctl").glob(f"runs/*-{kind}/logs/server-1.log")
        assert (log.stat().st_size == MOST_LOG) == (kind == "loud")
    assert kilobytes["loud"] < kilobytes["quiet"] + GROWS, kilobytes
