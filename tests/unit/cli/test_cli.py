"""The labctl command: what it loads, what it says where something goes wrong, its exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from labctl.cli import main

COMMANDS = main.labctl.list_commands(click.Context(main.labctl))
HEAVY = {"docker", "pydantic", "rich", "requests", "ruamel"}
ALWAYS = {"engine", "image", "doctor"}


def labctl(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run labctl as a process of its own."""
    command = [sys.executable, "-m", "labctl", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_the_commands_are_the_files_of_their_folder() -> None:
    assert set(COMMANDS) >= ALWAYS
    assert set(COMMANDS) == {
        file.stem.replace("_", "-") for file in main.FOLDER.glob("*.py") if not file.stem.startswith("_")
    }


def test_help_lists_every_command_and_loads_nothing_heavy() -> None:
    code = "import sys; from labctl.cli.main import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *shown, modules = done.stdout.splitlines()
    assert not HEAVY & set(modules.split())
    for name in COMMANDS:
        assert any(line.startswith(f"  {name} ") for line in shown)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_shows_an_example(name: str) -> None:
    shown = CliRunner().invoke(main.labctl, [name, "--help"])
    assert shown.exit_code == 0
    assert "Example: " in shown.output
    assert f"labctl {name}" in shown.output.partition("Example: ")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_line_in_the_list(name: str) -> None:
    line = main.summary(main.FOLDER / f"{name.replace('-', '_')}.py")
    assert line[:1].isupper()
    assert len(line) < 100


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    done = labctl("docter")
    assert done.returncode == 2
    assert done.stderr == "labctl: there is no command called 'docter'.\nDid you mean doctor?\n"


@pytest.mark.parametrize("arguments", [["engine", "start", "--nope"], ["engine", "nope"], ["--nope"]])
def test_wrong_usage_ends_with_2_and_no_traceback(arguments: list[str]) -> None:
    done = labctl(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [["doctor"], ["engine", "status"], ["engine", "start"], ["image", "build"], ["image", "show"]]
)
def test_without_an_engine_one_message_says_what_to_do(arguments: list[str], tmp_path: Path) -> None:
    done = labctl(*arguments, DOCKER_HOST="tcp://127.0.0.1:1", LABCTL_STATE=str(tmp_path))
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "tcp://127.0.0.1:1 (DOCKER_HOST): Connection refused" in done.stderr
    assert "unset DOCKER_HOST" in done.stderr


def test_a_reader_that_goes_away_ends_labctl_without_a_word() -> None:
    command = [sys.executable, "-m", "labctl", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        assert not started.stderr.read()
    assert started.returncode == main.BROKEN_PIPE


def test_a_terminal_that_breaks_while_labctl_is_interrupted_changes_nothing() -> None:
    program = """
import sys, click
from labctl.cli import main
from labctl.errors import Interrupted
@main.labctl.command()
def boom():
    try:
        raise Interrupted('stopped.')
    finally:
        raise OSError(5, 'Input/output error')
main.Commands.list_commands = lambda self, ctx: ["boom"]
main.Commands.get_command = lambda self, ctx, name: boom
sys.exit(main.main(["boom"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        ("KeyboardInterrupt()", 130, "interrupted."),
        ("RuntimeError('odd')", 3, "that is a bug in labctl"),
        ("LabctlError('it broke.', means='so', todo='do')", 3, "labctl: it broke.\nso\ndo\n"),
        ("UsageError('wrong.')", 2, "labctl: wrong.\n"),
        ("Interrupted('stopped.')", 130, "labctl: stopped.\n"),
    ],
)
def test_each_end_has_its_exit_code_and_its_words(error: str, code: int, said: str) -> None:
    program = f"""
import sys, click
from labctl.cli import main
from labctl.errors import *
@main.labctl.command()
def boom():
    raise {error}
main.Commands.list_commands = lambda self, ctx: ["boom"]
main.Commands.get_command = lambda self, ctx, name: boom
sys.exit(main.main(["boom"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stderr
    assert ("Traceback" in done.stderr) == ("bug" in said)
