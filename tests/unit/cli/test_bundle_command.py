"""`labctl bundle` and `labctl bundle verify`, as a person types them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from labctl.system.places import RUNS
from support.bundles import BASE, bundled, left
from support.calling import labctl


def test_a_run_is_bundled_by_the_name_of_its_scenario(tmp_path: Path) -> None:
    run = left(tmp_path)
    done = labctl(tmp_path, "bundle", "server-down")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"{run}\.labctl\.tar\.gz: \d+ bytes, 4 files, sha256 [0-9a-f]{{64}}\n", done.stdout)
    assert (tmp_path / f"{run}.labctl.tar.gz").is_file()


@pytest.mark.parametrize(
    "arguments", [["last", "-o", "x"], ["-o", "x", "last"], [f"{RUNS}/RUN/result.json", "-o", "x"]]
)
def test_the_file_may_be_named_before_or_after_the_run(tmp_path: Path, arguments: list[str]) -> None:
    run = left(tmp_path)
    done = labctl(tmp_path, "bundle", *(argument.replace("RUN", run) for argument in arguments))
    assert done.stdout.startswith("x: ")
    again = labctl(tmp_path, "bundle", *(argument.replace("RUN", run) for argument in arguments))
    assert (again.returncode, again.stdout) == (2, "")
    assert "x is there already." in again.stderr
    assert "--force" in again.stderr
    assert labctl(tmp_path, "bundle", "last", "-o", "x", "--force").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serverdown"], "Did you mean server-down?"),
        (["./nowhere"], "there is no folder nowhere."),
        (["verify"], "Missing argument 'FILE…'"),
        (["verify", "nowhere"], "there is no file nowhere."),
        (["show", "nowhere"], "there is no file nowhere."),
        (["show", "."], ". is no file."),
        (["last", "--nope"], "No such option"),
        (["-o", "x"], "Missing argument 'RUN'"),
        (["last", "-o", "no/x"], "no/x cannot be written: No such file or directory."),
        ([""], "there is no run, or scenario that has run, called ''."),
    ],
)
def test_a_mistake_ends_with_2_and_says_what_to_do(tmp_path: Path, arguments: list[str], said: str) -> None:
    left(tmp_path)
    done = labctl(tmp_path, "bundle", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_help_explains_all_three(tmp_path: Path) -> None:
    done = labctl(tmp_path, "bundle", "--help")
    assert done.returncode == 0
    for part in ("RUN", "-o", "--force", "verify", "show", "Example: labctl bundle last"):
        assert part in done.stdout
    assert "--output" in labctl(tmp_path, "bundle", "last", "--help").stdout


def test_a_run_that_was_changed_since_is_bundled_with_a_warning(tmp_path: Path) -> None:
    file = tmp_path / RUNS / left(tmp_path) / "result.json"
    file.write_text(file.read_text().replace('"verdict": "passed"', '"verdict": "failed"'))
    done = labctl(tmp_path, "bundle", "last", "-o", "x")
    assert done.returncode == 1
    assert done.stdout.startswith("x: ")
    assert done.stderr.startswith("x: result.json: its fingerprint is ")


def test_verify_says_in_a_line_that_a_bundle_is_sound(tmp_path: Path) -> None:
    file = bundled(tmp_path)
    done = labctl(tmp_path, "bundle", "verify", file, DOCKER_HOST="tcp://127.0.0.1:1", LABCTL_ENGINE="never")
    assert (done.returncode, done.stderr) == (0, "")
    without = "counters.json, scenario.json, stack.json"
    assert re.fullmatch(
        rf"x.tar.gz: sound, 4 files, without {without}, passed server-down, sha256 [0-9a-f]{{64}}\n", done.stdout
    )


def test_verify_names_each_problem_of_each_file_and_goes_on(tmp_path: Path) -> None:
    file = bundled(tmp_path)
    (tmp_path / "cut").write_bytes((tmp_path / file).read_bytes()[:-5])
    (tmp_path / "odd\nname").write_bytes(b"")
    done = labctl(tmp_path, "bundle", "verify", "cut", "odd\nname", file)
    assert done.returncode == 1
    assert done.stdout.startswith("x.tar.gz: sound, ")
    first, second, *_ = done.stderr.splitlines()
    assert re.fullmatch(
        r"cut: the archive: is cut off after .*environment\.json|cut: the archive: is cut off .*", first
    )
    assert second.startswith("odd\\nname: the archive: is cut off before its first file")


def test_the_names_in_a_bundle_are_told_as_text_only(tmp_path: Path) -> None:
    left(tmp_path)
    run = tmp_path / RUNS / BASE.run
    (run / "logs").mkdir()
    (run / "logs" / "\u20281.log").touch()
    done = labctl(tmp_path, "bundle", "last", "-o", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no proper name" in done.stderr


def test_runs_and_their_scenarios_are_completed(tmp_path: Path) -> None:
    run = left(tmp_path)
    environment = {**os.environ, "_LABCTL_COMPLETE": "bash_complete", "COMP_WORDS": "labctl bundle ", "COMP_CWORD": "2"}
    command = [sys.executable, "-m", "labctl"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    offered = {line.partition(",")[2] for line in done.stdout.split()}
    assert {"verify", "show", "last", "server-down", run} <= offered


def test_a_result_is_bundled_as_it_was_written(tmp_path: Path) -> None:
    """Not as this labctl would write it: what a newer one added stays."""
    file = tmp_path / RUNS / left(tmp_path) / "result.json"
    value = {**json.loads(file.read_text()), "later": 1}
    file.write_text(json.dumps(value))
    labctl(tmp_path, "bundle", "last", "-o", "x")
    shown = json.loads(labctl(tmp_path, "bundle", "show", "x", "--file", "result.json").stdout)
    assert shown == value
    assert shown.keys() > asdict(BASE).keys()
