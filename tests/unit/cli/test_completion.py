"""What the shell completes: by click's protocol of environment variables, and once in a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from labctl import clients
from labctl.cli import main
from labctl.scenario import catalogue
from labctl.scenario.load import load
from labctl.system.places import installed

COMMANDS = main.labctl.list_commands(click.Context(main.labctl))
HEAVY = {"docker", "pydantic", "rich", "requests", "ruamel"}
PROGRAM = """
import sys
from labctl.cli import main
try:
    main.main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def complete(line: str, folder: Path) -> tuple[list[str], set[str]]:
    """Return what is offered at the end of a line typed in a folder, and the modules that were loaded for it."""
    environment = {
        **os.environ,
        "_LABCTL_COMPLETE": "bash_complete",
        "COMP_WORDS": f"labctl {line}",
        "COMP_CWORD": str(f"labctl {line}".count(" ")),
    }
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split(), set(done.stderr.split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a scenario of its own."""
    (tmp_path / "scenarios").mkdir()
    text = (installed("scenarios") / "server-down.yaml").read_text()
    (tmp_path / "scenarios" / "my-own.yaml").write_text(text.replace("server-down", "my-own"))
    return tmp_path


def takes_scenarios(name: str) -> bool:
    command = main.labctl.get_command(click.Context(main.labctl), name)
    assert command is not None
    return any("NAME|PATH" in (param.metavar or "") and param.param_type_name == "argument" for param in command.params)


TAKING_SCENARIOS = [*(name for name in COMMANDS if takes_scenarios(name)), "new mine --from"]


def test_the_commands_are_completed(folder: Path) -> None:
    assert complete("", folder)[0][: len(COMMANDS)] == [f"plain,{name}" for name in COMMANDS]
    assert complete("sh", folder)[0] == ["plain,shell", "plain,show"]


@pytest.mark.parametrize("command", TAKING_SCENARIOS)
def test_scenarios_are_completed_here_and_installed_ones(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert complete(f"{command} ", folder)[0] == [f"plain,{name}" for name in sorted(catalogue.everything())]
    assert complete(f"{command} my", folder)[0] == ["plain,my-own"]


@pytest.mark.parametrize("typed", ["./sc", "../", "/etc", "~/my", "scenarios/my"])
def test_a_path_is_left_to_the_shell(typed: str, folder: Path) -> None:
    assert complete(f"run {typed}", folder)[0] == [f"file,{typed}"]


@pytest.mark.parametrize("command", ["run", "matrix"])
def test_clients_are_completed(command: str, folder: Path) -> None:
    assert complete(f"{command} --client ", folder)[0] == [f"plain,{name}" for name in clients.names()]


@pytest.mark.parametrize("name", sorted(path.stem for path in installed("scenarios").glob("*.yaml")))
def test_the_hosts_of_a_scenario_s_stack_are_completed(name: str, folder: Path) -> None:
    hosts = sorted(load(installed("scenarios") / f"{name}.yaml").stack.services)
    assert complete(f"shell {name} --host ", folder)[0] == [f"plain,{host}" for host in hosts]
    assert complete(f"shell {name} --at healthy --host {hosts[0]}", folder)[0] == [f"plain,{hosts[0]}"]


@pytest.mark.parametrize("line", ["shell --host ", "shell nobody --host ", "shell ./no.yaml --host ", "nosuch "])
def test_where_nothing_is_known_nothing_is_offered(line: str, folder: Path) -> None:
    assert complete(line, folder)[0] == []


@pytest.mark.parametrize("line", ["", "run ", "run --client ", "shell server-down --at ", "show s", "new mine --from "])
def test_completing_loads_nothing_heavy(line: str, folder: Path) -> None:
    offered, loaded = complete(line, folder)
    assert offered
    assert not HEAVY & loaded


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(shell: str) -> None:
    command = [sys.executable, "-m", "labctl", "completion", shell]
    script = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": ""}).stdout
    assert "_labctl_completion" in script
    assert f"_LABCTL_COMPLETE={shell}_complete" in script


BASH = shutil.which("bash") or ""
ASK_BASH = """
eval "$(labctl completion bash)"
complete -p labctl
COMP_WORDS=(labctl run my) COMP_CWORD=2
_labctl_completion labctl my run
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(not BASH, reason="there is no bash on this machine")
def test_bash_completes(folder: Path) -> None:
    """The script is taken by a real bash, and the function that it defines finds the names."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [BASH, "--norc", "-c", ASK_BASH],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    registered, *offered = done.stdout.splitlines()
    assert "_labctl_completion labctl" in registered
    assert (offered, done.stderr) == (["my-own"], "")
