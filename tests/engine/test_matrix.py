"""Many runs at once, on the real engine: what each came to, what is not begun, what is left when it is cut off."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from labctl.engine.labels import SCENARIO
from labctl.engine.sweep import look
from labctl.lab.session import Session
from labctl.model import Result, Verdict
from labctl.results.journal import REMOVING, Event
from labctl.run.matrix import matrix, repeated
from labctl.run.run import Options
from labctl.scenario.load import load
from labctl.system.waiting import poll
from support.variants import STUCK, WRONG, clean, labctl, variant

pytestmark = pytest.mark.usefixtures("session")  # which sees that the image is there


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a scenario that passes, one that fails and one that can say nothing."""
    variant(tmp_path / "scenarios", "down")
    variant(tmp_path / "scenarios", "wrong", WRONG)
    variant(tmp_path / "scenarios", "stuck", STUCK)
    return tmp_path


def test_every_result_is_told_and_written(folder: Path) -> None:
    """One line each, the phase that decided of what did not pass, a summary, a JUnit file, the worst exit code."""
    files = [f"scenarios/{name}.yaml" for name in ("down", "wrong", "stuck")]
    done = labctl(folder, "matrix", *files, "--client", "socket", "-j", "3", "--junit", "r.xml")
    assert done.returncode == 1, done.stderr
    out = done.stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", out)
    assert len(re.findall(r"^\[[123]/3\] (passed|failed|inconclusive) ", out, re.MULTILINE)) == 3
    assert "\n      expected ECONNRESET\n" in out
    summary = out.partition("\nfailed: 1 passed, 1 failed, 1 inconclusive, in ")[2]
    assert "  failed        wrong: the fault is in place, but socket got ECONNREFUSED" in summary
    assert "  inconclusive  stuck: timed out after 0.3 s waiting for server" in summary
    [suite] = ET.parse(folder / "r.xml").getroot()  # noqa: S314 - our own
    kinds = {case.get("name"): [part.tag for part in case] for case in suite}
    assert kinds == {
        "down": ["properties"],
        "wrong": ["properties", "failure"],
        "stuck": ["properties", "error"],
    }
    facts = {one.get("name"): one.get("value") for one in suite[0].iter("property")}
    assert facts["faulted.socket"] == "refused at connect, ECONNREFUSED (111)"
    assert facts.keys() >= {"verdict", "cause", "stack", "run", "folder", "labctl", "image", "engine", "kernel"}
    assert (folder / str(facts["folder"]) / "result.json").is_file()
    assert all(float(case.get("time", 0)) > 0 for case in suite)


def test_without_names_the_expression_chooses_among_all(folder: Path) -> None:
    done = labctl(folder, "matrix", "-k", "down and not server", "--client", "socket", "--json")
    assert [one["scenario"] for one in json.loads(done.stdout)] == ["down"]
    assert done.returncode == 0


def test_after_the_first_that_does_not_pass_nothing_begins(folder: Path) -> None:
    done = labctl(folder, "matrix", "wrong", "down", "stuck", "--client", "socket", "-j", "1", "--fail-fast")
    assert done.returncode == 1
    assert "[1/3] failed wrong" in done.stdout
    assert "[2/3]" not in done.stdout
    assert "\n  not run       down, stuck\n" in done.stdout
    assert len(list((folder / ".labctl" / "runs").iterdir())) == 1


def test_repeated_runs_take_turns_and_are_counted(folder: Path) -> None:
    done = labctl(folder, "matrix", "wrong", "down", "--client", "socket", "--repeat", "2", "--junit", "r.xml")
    assert done.returncode == 1
    table = [line.split() for line in done.stdout.splitlines()]
    assert ["2", "0", "1", "0.0", "%", "wrong"] in table
    assert ["2", "2", "1", "0.0", "%", "down"] in table
    assert [case.get("name") for case in ET.parse(folder / "r.xml").getroot()[0]] == [  # noqa: S314 - our own
        "wrong (1 of 2)",
        "down (1 of 2)",
        "wrong (2 of 2)",
        "down (2 of 2)",
    ]


def test_an_interrupted_matrix_says_what_had_finished_and_leaves_nothing(tmp_path: Path, session: Session) -> None:
    names = ["cut-one", "cut-two", "cut-three", "cut-four"]
    for name in names:
        variant(tmp_path / "scenarios", name)
    command = [sys.executable, "-m", "labctl", "matrix", *names, "--client", "socket", "--junit", "r.xml"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=clean({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        first = running.stdout.readline()
        poll(lambda: any(left(session, name) for name in names[2:]), 10, "the next run to make something")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert not any(left(session, name) for name in names)
    assert first.startswith("[1/4] passed cut-")
    assert running.returncode == 130
    assert "interrupted: " in out
    assert "  not finished  " in out
    assert err.strip() == "labctl: stopped by SIGINT; everything was removed."
    written = (tmp_path / "r.xml").read_text()
    assert "the matrix ended before this had run: stopped by SIGINT" in written


def left(session: Session, name: str) -> bool:
    """Tell whether anything of a scenario's runs is there."""
    return bool(look(session.containers, f"{SCENARIO}={name}"))


class Told:
    """Keeps what a matrix tells of its runs, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, str]] = []

    def begins(self, number: int) -> None:
        self.heard.append((number, "begins"))

    def hears(self, number: int, event: Event) -> None:
        if event.kind == REMOVING or event.text.startswith("verdict"):
            self.heard.append((number, event.kind))

    def ends(self, number: int, result: Result) -> None:
        pass


@pytest.mark.parametrize(
    ("fail_fast", "second_begins_after"), [(False, (0, REMOVING)), (True, (0, "note"))], ids=["plain", "fail-fast"]
)
def test_the_next_begins_while_the_last_lab_is_taken_down(
    fail_fast: bool, second_begins_after: tuple[int, str], folder: Path, session: Session, options: Options
) -> None:
    """But not with --fail-fast: there the verdict decides whether it begins."""
    loaded = load(folder / "scenarios" / "down.yaml", recorded=False)
    told = Told()
    results = matrix(repeated([loaded], options, 2), session, jobs=1, fail_fast=fail_fast, watcher=told)
    assert [one.verdict for one in results if one] == [Verdict.PASSED] * 2
    assert told.heard[told.heard.index((1, "begins")) - 1] == second_begins_after
    assert told.heard.index((0, REMOVING)) < told.heard.index((0, "note"))
