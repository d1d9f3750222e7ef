"""What labctl need not ask the engine for: clients run commands in their own container, and events tell of health."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labctl.actions.verbs import Pause, Unpause
from labctl.errors import DeadlineExceeded, EngineError
from labctl.lab.lab import Lab
from labctl.lab.session import Session
from labctl.run.run import Options
from support.hostile import ANSWERS, loaded, standing

COMMANDS = {
    "streams-and-exit": ["sh", "-c", "echo out; echo err >&2; exit 3"],
    "who-and-where": ["sh", "-c", "id; pwd; umask; ulimit -n; cat /proc/self/status | grep Cap"],
    "environment": ["sh", "-c", "env | sort"],
    "no-input": ["cat"],
    "not-found": ["sh", "-c", "no-such-program"],
    "ended-by-a-signal": ["sh", "-c", "kill -9 $$"],
    "much": ["head", "-c", "100000", "/dev/zero"],
}
FLAG = "/tmp/serves"  # noqa: S108 - in a container
CHECK = {"test": ["CMD", "test", "-e", FLAG], "interval": "100ms", "timeout": "1s", "retries": 5}


@pytest.fixture(scope="module")
def standing_lab(tmp_path_factory: pytest.TempPathFactory, session: Session, options: Options) -> Iterator[Lab]:
    of = loaded(tmp_path_factory.mktemp("told"), "told", ANSWERS + "serve()", service={"healthcheck": CHECK})
    with standing(of, session, options) as lab:
        yield lab


@pytest.mark.parametrize("argv", COMMANDS.values(), ids=COMMANDS)
def test_a_command_that_the_clients_run_is_as_one_that_the_engine_runs(
    argv: list[str], standing_lab: Lab, session: Session
) -> None:
    pod, environment = standing_lab.pod("client"), {"GREETING": "hello, 'you'"}
    ours = pod.execute(argv=argv, seconds=10, environment=environment)
    engines = session.containers.execute(pod.service, argv, environment, seconds=10)
    # Python takes UTF-8 where no locale is set, and tells its children so (PEP 538)
    stdout = "".join(line for line in ours.stdout.splitlines(keepends=True) if not line.startswith("LC_CTYPE="))
    assert (ours.exit_code, stdout, ours.stderr) == (engines.exit_code, engines.stdout, engines.stderr)


def test_a_command_that_takes_too_long_is_ended(standing_lab: Lab) -> None:
    ran = standing_lab.execute("client", ["sleep", "600"], 0.3)
    assert ran.exit_code is None
    assert "sleep 600" not in standing_lab.tool("client", ["ps", "-eo", "args"], 5).stdout


def test_a_program_that_is_not_there_is_told_as_a_shell_would(standing_lab: Lab) -> None:
    ran = standing_lab.execute("client", ["no-such-program"], 5)
    assert ran.exit_code == 127
    assert "No such file" in ran.stderr


def test_nothing_runs_where_the_clients_are_paused(standing_lab: Lab) -> None:
    standing_lab.carry_out(Pause("client"))
    try:
        with pytest.raises(EngineError, match="paused"):
            standing_lab.execute("client", ["true"], 5)
    finally:
        standing_lab.carry_out(Unpause("client"))
    assert standing_lab.execute("client", ["true"], 5).exit_code == 0


def test_health_is_awaited_until_the_check_passes_and_no_longer(standing_lab: Lab, session: Session) -> None:
    pod = standing_lab.pod("server")
    with pytest.raises(DeadlineExceeded, match="server to become healthy"):
        pod.await_health()
    assert standing_lab.execute("server", ["touch", FLAG], 5).exit_code == 0
    pod.await_health()
    assert session.containers.health(pod.service) == "healthy"
    pod.await_health()
