"""The agent in a real sandbox: overlapping requests, large replies, deadlines, orphans, and its own death."""

from __future__ import annotations

import shlex
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from labctl.errors import AgentLost, AgentRefused
from labctl.lab.lab import Lab
from labctl.lab.session import Session
from labctl.model import Listening, Ran
from labctl.system.waiting import poll
from support.labs import Deploy, sandbox_of

MOST_OUTPUT = 1 << 20  # bytes that the agent keeps of each stream of a command


def shell(lab: Lab, line: str, *, host: str = "server", timeout: float = 5) -> Ran:
    return lab.tool(host, ["sh", "-c", line], timeout)


def test_a_command_is_run_with_its_output_and_exit_code(lab: Lab) -> None:
    ran = shell(lab, "echo out; echo err >&2; exit 7")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (7, "out\n", "err\n")
    assert shell(lab, "kill -9 $$").exit_code == -9


@pytest.mark.parametrize(("first", "looked"), [("exit 0", True), ("exit 3", False), ("sleep 9", False)])
def test_what_looks_at_a_command_runs_at_once_after_one_that_worked_alone(lab: Lab, first: str, looked: bool) -> None:
    then = {"argv": ["sh", "-c", "echo seen; exit 1"], "timeout": 5}
    ran = lab.pod("server").agent.ask("run", 10, argv=["sh", "-c", first], timeout=0.5, then=then)
    assert ("then" in ran) == looked
    if looked:
        assert (ran["then"]["exit_code"], ran["then"]["stdout"]) == (1, "seen\n")


def test_requests_overlap(lab: Lab) -> None:
    """Forty commands of a quarter of a second each end together, and each reply goes to who asked."""
    began = time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        ran = list(pool.map(lambda n: shell(lab, f"sleep 0.25; echo {n}"), range(40)))
    assert [one.stdout for one in ran] == [f"{n}\n" for n in range(40)]
    assert time.monotonic() - began < 4


def test_many_small_requests_from_many_threads_are_all_answered(lab: Lab) -> None:
    server = lab.pod("server")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: server.listeners(), range(200)))
    assert len(answers) == 200
    assert all(Listening("0.0.0.0", 8080, backlog=128, waiting=0) in answer for answer in answers)


def test_a_reply_of_many_megabytes_comes_whole(lab: Lab) -> None:
    """Each null byte takes six bytes of JSON: twelve megabytes in one line."""
    ran = shell(lab, f"head -c {MOST_OUTPUT} /dev/zero; head -c {MOST_OUTPUT} /dev/zero >&2")
    assert ran.stdout == ran.stderr == "\0" * MOST_OUTPUT


def test_output_without_end_is_cut_and_does_not_fill_the_memory(lab: Lab) -> None:
    ran = shell(lab, "yes | head -c 50000000")
    assert (ran.exit_code, len(ran.stdout)) == (0, MOST_OUTPUT)


def test_output_that_is_no_text_harms_nothing(lab: Lab) -> None:
    ran = shell(lab, r"printf '\377\376\n{}'")
    assert ran.stdout == "��\n{}"


def test_a_command_that_outlives_its_deadline_is_killed_with_its_children(lab: Lab) -> None:
    began = time.monotonic()
    ran = shell(lab, "echo begun; sleep 4711 & sleep 4711", timeout=0.4)
    assert (ran.exit_code, ran.stdout) == (None, "begun\n")
    assert time.monotonic() - began < 3
    poll(lambda: shell(lab, "pgrep -fx 'sleep 4711'").exit_code == 1, 2, "no child to be left")


def test_orphans_are_reaped(lab: Lab) -> None:
    """What a command leaves in the background is PID 1's to wait for (wait(2))."""
    shell(lab, "for n in 1 2 3 4 5; do (sleep 0.05 &) >/dev/null 2>&1; done")
    poll(
        lambda: shell(lab, "ps -eo stat= | grep -c Z").stdout.strip() == "0" and not _sleeping(lab),
        3,
        "no zombie to be left",
        last=lambda: shell(lab, "ps -ef").stdout,
    )


def _sleeping(lab: Lab) -> bool:
    return shell(lab, "pgrep -fx 'sleep 0.05'").exit_code == 0


def test_a_command_cannot_write_into_the_replies_or_read_the_requests(lab: Lab) -> None:
    """Its input is empty and its output a pipe of its own."""
    assert shell(lab, "cat; readlink /proc/self/fd/0").stdout == "/dev/null\n"
    assert shell(lab, "ls /proc/self/fd | wc -l").stdout.strip() in ("3", "4")


@pytest.mark.parametrize("argv", [["no-such-program"], ["/etc/passwd"], []])
def test_a_command_that_cannot_be_started_says_why(lab: Lab, argv: list[str]) -> None:
    with pytest.raises(AgentRefused, match="'server' could not "):
        lab.tool("server", argv, 2)
    assert shell(lab, "true").exit_code == 0


def test_an_unknown_request_is_refused(lab: Lab) -> None:
    with pytest.raises(AgentRefused, match="juggle"):
        lab.pod("server").agent.ask("juggle", 2)


def test_the_service_cannot_kill_the_agent(lab: Lab) -> None:
    """PID 1 of a namespace takes no signal from inside it that it has no handler for (pid_namespaces(7))."""
    for sign in ("KILL", "STOP", "TERM", "INT"):
        lab.execute("server", ["sh", "-c", f"kill -{sign} 1"], 10)
        shell(lab, f"kill -{sign} 1")
    assert shell(lab, "echo alive").stdout == "alive\n"


WRITE = """
import os, sys
wanted, text = sys.argv[1:]
for number in os.listdir("/proc/1/fd"):
    flags = next(line for line in open(f"/proc/1/fdinfo/{number}") if line.startswith("flags"))
    mode = {0: "requests", 1: "replies"}[int(flags.split()[1], 8) & 1]
    place = os.readlink(f"/proc/1/fd/{number}")
    if mode == wanted and place.startswith("pipe:") and place != os.readlink("/proc/1/fd/2"):
        os.write(os.open(f"/proc/1/fd/{number}", os.O_WRONLY), text.encode())
"""  # written into the agent's own streams, as only root in the sandbox can


def test_an_agent_that_dies_or_talks_nonsense_fails_what_waits_for_it(deploy: Deploy, session: Session) -> None:
    with deploy() as doomed, ThreadPoolExecutor(2) as pool:
        waits = {host: pool.submit(shell, doomed, "sleep 20", host=host, timeout=20) for host in ("server", "client")}
        shell(doomed, "echo the last words > /proc/1/fd/2")
        poll(lambda: shell(doomed, "pgrep -fx 'sleep 20'").exit_code == 0, 3, "the command to run")
        with pytest.raises(AgentLost, match="it sent something that is not a reply") as nonsense:
            doomed.tool("client", ["python3", "-c", WRITE, "replies", "Segmentation fault\n"], 5)
        assert "Segmentation fault" in str(nonsense.value)
        session.containers.kill(sandbox_of(session, doomed, "server"), "SIGKILL")
        with pytest.raises(AgentLost, match="'server' has lost its agent: its stream ended") as dead:
            waits["server"].result(5)
        assert "the last words" in str(dead.value)
        with pytest.raises(AgentLost, match="'client' has lost its "):
            waits["client"].result(5)
        with pytest.raises(AgentLost):
            shell(doomed, "true")


def test_an_agent_that_fails_ends_at_once_and_says_why(deploy: Deploy) -> None:
    """Whatever goes wrong in it, nobody waits for it until a deadline."""
    spoil = ["python3", "-c", WRITE, "requests", "no request\n"]
    with deploy() as doomed:
        began = time.monotonic()
        with pytest.raises(AgentLost, match="its stream ended") as failed:
            shell(doomed, f"{shlex.join(spoil)}; sleep 20", host="client", timeout=21)
        assert time.monotonic() - began < 10
        assert "JSONDecodeError" in str(failed.value)


def test_what_a_command_leaves_in_the_background_delays_nobody(lab: Lab) -> None:
    """A child that holds its parent's output open is not waited for, and goes on."""
    ran = shell(lab, "sleep 30 & echo started")
    assert (ran.exit_code, ran.stdout) == (0, "started\n")
    assert ran.seconds < 3
    assert shell(lab, "pgrep -x sleep").exit_code == 0
