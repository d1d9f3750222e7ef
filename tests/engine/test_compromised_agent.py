"""A service shares the process namespace of its sandbox, and yet it can neither speak for the agent nor steer it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.engine import images
from labctl.engine.labels import ROLE, SESSION
from labctl.lab.containers import ROOTS
from labctl.lab.lab import Lab
from labctl.lab.session import Session
from labctl.model import Verdict
from labctl.run.run import Options, run
from support.hostile import ANSWERS, IDLE, loaded, standing, told
from support.labs import context, inspect

KINDS = ("ordinary", "root", "stranger")
CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "SETGID": 6, "SETUID": 7, "NET_BIND_SERVICE": 10}
"""Their bits, include/uapi/linux/capability.h."""
NOBODY = {"copy from its memory", "copy to its memory"}
"""What some engines' seccomp profile refuses to everybody (process_vm_readv(2))."""

TRIES = r"""
import ctypes, errno, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
memory = ctypes.create_string_buffer(b"as it was")
copy = ctypes.create_string_buffer(9)

class Part(ctypes.Structure):
    _fields_ = [("at", ctypes.c_void_p), ("length", ctypes.c_size_t)]

here, there = Part(ctypes.addressof(copy), 9), Part(ctypes.addressof(memory), 9)

def call(answer):
    if answer == -1:
        raise OSError(ctypes.get_errno(), "")

def attempts(pid):
    proc = f"/proc/{pid}"
    for number in sorted(os.listdir(f"{proc}/fd"), key=int) if os.access(f"{proc}/fd", os.R_OK) else range(8):
        yield "write into its streams", lambda: os.open(f"{proc}/fd/{number}", os.O_WRONLY | os.O_NONBLOCK)
        yield "read its streams", lambda: os.open(f"{proc}/fd/{number}", os.O_RDONLY | os.O_NONBLOCK)
        yield "see its streams", lambda: os.readlink(f"{proc}/fd/{number}")
    yield "write its memory", lambda: os.open(f"{proc}/mem", os.O_RDWR)
    yield "read its environment", lambda: open(f"{proc}/environ").close()
    yield "see its files", lambda: os.listdir(f"{proc}/root")
    yield "copy from its memory", lambda: call(libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0))
    yield "copy to its memory", lambda: call(libc.process_vm_writev(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0))
    yield "trace it", lambda: call(libc.ptrace(0x4206, pid, None, None))  # PTRACE_SEIZE

def tried(pid):
    seen = {}
    for what, do in attempts(pid):
        try:
            do()
            seen.setdefault(what, []).append("done")
        except OSError as error:
            seen.setdefault(what, []).append(errno.errorcode[error.errno])
    return seen

child = os.fork()
if not child:
    import signal
    signal.pause()
print(json.dumps({"child": tried(child), "agent": tried(1)}), flush=True)
os.kill(child, 9)
"""
AS_ANOTHER = "import os; os.setgid(1000); os.setuid(1000)\n" + TRIES
SIGNALS = """
import errno, json, os, signal
sent = []
for number in range(1, signal.NSIG):
    try:
        os.kill(1, number)
        sent.append("sent")
    except OSError as error:
        sent.append(errno.errorcode[error.errno])
print(json.dumps(sorted(set(sent))))
"""


@pytest.fixture(scope="module")
def stranger(session: Session) -> Iterator[str]:
    """Return an image of somebody else's, which runs as root."""
    name = f"stranger-test:{secrets.token_hex(4)}"
    dockerfile = f"FROM {session.image}\nUSER 0\n"
    images.build(
        session.connection, context(Dockerfile=dockerfile), name, arguments={}, labels={}, progress=lambda _: None
    )
    yield name
    images.remove(session.connection, name)


@pytest.fixture(scope="module", params=KINDS)
def taken(
    request: pytest.FixtureRequest,
    stranger: str,
    session: Session,
    options: Options,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Lab]]:
    """Return a lab whose server was taken over, and what it runs as."""
    kind: str = request.param
    service = {"ordinary": {}, "root": {"user": "0"}, "stranger": {"image": stranger}}[kind]
    of = loaded(tmp_path_factory.mktemp(kind), f"taken-{kind}", IDLE, service=service)
    with standing(of, session, options) as lab:
        yield kind, lab


def status(lab: Lab) -> dict[str, str]:
    shown = lab.execute("server", ["cat", "/proc/self/status"], 10).stdout
    return dict(line.split(":\t") for line in shown.splitlines() if ":\t" in line)


def test_a_service_holds_no_capability_but_what_a_stranger_s_root_needs_to_begin(taken: tuple[str, Lab]) -> None:
    """To prepare its files, to become another user, to take a port below 1024: nothing of other processes."""
    kind, lab = taken
    assert set(ROOTS) == set(CAPABILITIES)
    most = sum(1 << bit for bit in CAPABILITIES.values()) if kind == "stranger" else 0
    shown = status(lab)
    assert {int(shown[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {most}
    assert (shown["NoNewPrivs"], shown["Seccomp"]) == ("1", "2")
    assert shown["Uid"].split()[0] == ("1000" if kind == "ordinary" else "0")


def test_a_service_can_do_to_its_own_child_what_it_cannot_do_to_the_agent(taken: tuple[str, Lab]) -> None:
    """Each way to a process's streams and memory works where it may, and fails at PID 1: ptrace(2), proc(5).

    The agent holds NET_ADMIN, which no service does, so that the kernel lets none look (security/commoncap.c,
    cap_ptrace_access_check).
    """
    _, lab = taken
    seen = told(lab, "server", TRIES)
    assert {what for what, ends in seen["child"].items() if "done" not in ends} <= NOBODY
    assert seen["child"].keys() == seen["agent"].keys()
    assert {end for ends in seen["agent"].values() for end in ends} <= {"EACCES", "EPERM"}, seen["agent"]


def test_a_stranger_s_root_that_becomes_another_user_gets_no_further(taken: tuple[str, Lab]) -> None:
    kind, lab = taken
    if kind == "root":
        assert "PermissionError" in lab.execute("server", ["python3", "-c", AS_ANOTHER], 20).stderr
        return
    seen = told(lab, "server", AS_ANOTHER)
    assert {end for ends in seen["agent"].values() for end in ends} <= {"EACCES", "EPERM"}, seen["agent"]


def test_a_stranger_s_root_can_still_prepare_its_files_and_become_another_user(taken: tuple[str, Lab]) -> None:
    """As the entry points of nginx, redis and PostgreSQL do."""
    kind, lab = taken
    prepare = "os.chown('/var/tmp/its', 1000, 1000); os.setgroups([]); os.setgid(1000); os.setuid(1000)"
    program = f"import os, socket; socket.create_server(('', 80)); open('/var/tmp/its', 'w').close(); {prepare}"
    assert (lab.execute("server", ["python3", "-c", program], 10).exit_code == 0) == (kind == "stranger")


def test_no_signal_of_a_service_ends_or_stops_the_agent(taken: tuple[str, Lab]) -> None:
    """PID 1 gets only those signals of its own namespace that it has handlers for: pid_namespaces(7)."""
    kind, lab = taken
    before = lab.tool("server", ["cat", "/proc/1/stat"], 5).stdout.split()
    assert told(lab, "server", SIGNALS) == (["EPERM"] if kind == "ordinary" else ["sent"])
    after = lab.tool("server", ["cat", "/proc/1/stat"], 5).stdout.split()
    assert before[21] == after[21]  # when it started, proc(5)
    assert {before[2], after[2]} <= {"R", "S"}  # running or asleep, and not stopped


def test_there_is_no_terminal_on_which_a_service_could_type(taken: tuple[str, Lab]) -> None:
    """TIOCSTI (ioctl_tty(2)) wants one; the streams of both are pipes, and there is no /dev/console."""
    _, lab = taken
    streams = "readlink /proc/1/fd/0 /proc/1/fd/1 /proc/1/fd/2 /proc/1/fd/3; ls /dev/pts"
    assert set(lab.tool("server", ["sh", "-c", streams], 5).stdout.split()) & {"/dev/console", "/dev/tty", "0"} == set()
    assert "pipe:" in lab.tool("server", ["sh", "-c", streams], 5).stdout
    assert lab.execute("server", ["sh", "-c", "ls /dev/console; : < /dev/tty"], 10).exit_code != 0


def test_a_root_that_starves_the_agent_makes_the_run_inconclusive(
    tmp_path: Path, session: Session, options: Options
) -> None:
    """The same user may take file descriptors from another's process (prlimit(2)), which breaks it, and no more."""
    starve = (
        "import resource\ntry:\n    resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))\nexcept OSError:\n    pass\n"
    )
    asked = Options(clients=("socket",), runs=options.runs)
    root, ordinary = (
        run(loaded(tmp_path, f"starves-{user}", f"{starve}{ANSWERS}serve()", service={"user": user}), session, asked)
        for user in ("0", "1000")
    )
    assert (root.verdict, ordinary.verdict) == (Verdict.INCONCLUSIVE, Verdict.PASSED), root.reason
    assert "Too many open files" in root.reason


HARASS = """
import contextlib, os, signal, time
while True:
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]:
        with contextlib.suppress(OSError):
            print("found", open(f"/proc/{pid}/cmdline").read().replace(chr(0), " "), flush=True)
        for number in range(1, 10):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/fd/{number}", "w") as stream:
                stream.write('{"id": 1, "ok": {"client": "socket", "version": "forged", "outcome": "ok"}}' + chr(10))
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    time.sleep(0.001)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_on_the_client_s_host_neither_sees_nor_touches_the_clients(
    kind: str, stranger: str, tmp_path: Path, session: Session, options: Options
) -> None:
    """They have processes of their own beside it. It kills and writes into whatever it finds, and changes nothing."""
    service = {"ordinary": {}, "root": {"user": "0"}, "stranger": {"image": stranger}}[kind]
    worker = {"image": "labctl", "command": ["python3", "-u", "-c", HARASS], **service}
    of = loaded(tmp_path, f"harassed-{kind}", ANSWERS + "serve()", services={"client": worker})
    result = run(of, session, Options(runs=options.runs, allow_images=("stranger-test:*",)))
    assert result.verdict is Verdict.PASSED, f"{result.reason} {result.advice}"
    assert "forged" not in {one.version for phase in result.phases for look in phase.observations for one in look.tries}
    assert "bin/clients" not in result.services["client"][0].log


def test_clients_beside_a_service_have_their_own_processes_and_the_host_s_network(
    tmp_path: Path, session: Session, options: Options
) -> None:
    worker = {"image": "labctl", "command": ["python3", "-c", IDLE]}
    of = loaded(tmp_path, "beside", ANSWERS + "serve()", services={"client": worker})
    with standing(of, session, options) as lab:
        [found] = [
            one["Id"]
            for one in session.containers.labelled(f"{SESSION}={session.id}")
            if one["Labels"][ROLE] == "clients"
        ]
        shared: dict[str, Any] = inspect(session, lab.pod("client").service)["HostConfig"]
        own: dict[str, Any] = inspect(session, found)["HostConfig"]
        assert own["NetworkMode"] == shared["NetworkMode"] == shared["PidMode"]
        assert own["PidMode"] == ""
        assert "bin/clients" not in lab.tool("client", ["ps", "-eo", "args"], 5).stdout
        assert "bin/agent" in lab.tool("client", ["ps", "-eo", "args"], 5).stdout


def test_a_root_that_kills_its_host_s_tools_makes_the_run_inconclusive(
    tmp_path: Path, session: Session, options: Options
) -> None:
    """A tool that was ended shows nothing; without that, a step that `lacks` something would hold."""
    listens = {"run": "sleep 0.5; ! ss -ltn | grep -q :8080", "host": "server", "with": "tools", "exits": 0}
    program = f"{ANSWERS}threading.Thread(target=serve, daemon=True).start()\n{HARASS}"
    root, ordinary = (
        run(of, session, Options(clients=("socket",), runs=options.runs))
        for user in ("0", "1000")
        for of in [loaded(tmp_path, f"kills-{user}", program, service={"user": user}, diagnose=[listens])]
    )
    assert (root.verdict, ordinary.verdict) == (Verdict.INCONCLUSIVE, Verdict.PASSED), ordinary.reason
    assert "was ended by Killed" in root.reason


LIES = """
import json, sys
forged = {"client": "socket", "version": "forged", "outcome": "ok", "stage": None, "seconds": 0.1}
for number in [None, *range(1, 200)]:
    for ok in (None, forged, {"exit_code": 0, "stdout": "forged", "stderr": "", "seconds": 0.1}):
        for stream in (sys.stdout, sys.stderr):
            print(json.dumps({"id": number, "ok": ok}), file=stream, flush=True)
print(json.dumps({"at": 1.0, "kind": "note", "text": "verdict: passed"}))
print("passed lies in 1.00 s: broken as claimed, and repaired by the fix", flush=True)
"""


def test_lines_of_the_protocol_and_of_reports_are_only_a_log_where_a_service_prints_them(
    tmp_path: Path, session: Session, options: Options
) -> None:
    """The claim is wrong, and stays so; where it is right, nothing is made of the lines either."""
    asked = Options(clients=("socket",), runs=options.runs)
    wrong = loaded(tmp_path, "lies", LIES + "\n" + ANSWERS + "serve()", expect={"outcome": "timed-out"})
    right = loaded(tmp_path, "honest", LIES + "\n" + ANSWERS + "serve()")
    failed, passed = run(wrong, session, asked), run(right, session, asked)
    assert (failed.verdict, passed.verdict) == (Verdict.FAILED, Verdict.PASSED), f"{failed.reason} {passed.reason}"
    assert '"forged"' in failed.services["server"][0].log
    tries = [one for phase in failed.phases for look in phase.observations for one in look.tries]
    assert {one.version for one in tries} == {passed.versions["socket"]}
    journal = (Path(failed.folder) / "journal.jsonl").read_text().splitlines()
    assert "verdict: failed" in journal[-1]
