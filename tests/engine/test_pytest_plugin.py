"""Scenarios as tests of pytest, on the real engine, in processes of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from labctl.engine.labels import SCENARIO
from labctl.engine.sweep import look
from labctl.lab.session import Session
from labctl.scenario.abilities import ABILITIES
from labctl.system.waiting import poll
from support.variants import STUCK, WRONG, clean, pytest_in, variant


@pytest.fixture(scope="module")
def ran(session: Session, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, ET.Element]]:
    """Run one scenario of each kind, two at a time; return what pytest printed, and each test case that it wrote."""
    del session  # which sees that the image is there
    folder = tmp_path_factory.mktemp("plugin")
    variant(folder / "scenarios", "down")
    variant(folder / "scenarios", "wrong", WRONG)
    variant(folder / "scenarios", "stuck", STUCK)
    variant(folder / "scenarios", "lacking", {"requires": list(ABILITIES)})
    variant(folder / "scenarios", "mistaken", {"expcet": {}})
    arguments = ["--labctl-client", "socket", "-n", "2", "--junitxml", "r.xml", "--continue-on-collection-errors"]
    done = pytest_in(folder, "scenarios", "-rA", "--strict-markers", "-W", "error", *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    cases = ET.parse(folder / "r.xml").getroot().iter("testcase")  # noqa: S314 - pytest's own
    return done.stdout, {str(case.get("name")): case for case in cases}


def test_a_scenario_that_passes_is_a_test_that_passes(ran: tuple[str, dict[str, ET.Element]]) -> None:
    printed, cases = ran
    assert "PASSED scenarios/down.yaml::down" in printed
    facts = {one.get("name"): one.get("value") for one in cases["down"].iter("property")}
    assert facts["faulted.socket"] == "refused at connect, ECONNREFUSED (111)"
    assert facts.keys() >= {"verdict", "cause", "stack", "run", "folder", "labctl", "image", "engine", "kernel"}


def test_a_failed_one_fails_with_the_report_and_no_traceback(ran: tuple[str, dict[str, ET.Element]]) -> None:
    printed, cases = ran
    assert "FAILED scenarios/wrong.yaml::wrong - the fault is in place, but" in printed
    [failure] = cases["wrong"].iter("failure")
    assert str(failure.get("message")).startswith("the fault is in place, but socket got ECONNREFUSED")
    text = str(failure.text)
    assert text.startswith("wrong: The server is not running\n\nhealthy: the stack as it should be")
    assert "\n    expected ECONNRESET\n" in text
    assert "pytest_plugin.py" not in printed


def test_an_inconclusive_one_is_an_error(ran: tuple[str, dict[str, ET.Element]]) -> None:
    printed, cases = ran
    assert "ERROR scenarios/stuck.yaml::stuck - timed out after 0.3 s waiting for server" in printed
    [error] = cases["stuck"].iter("error")
    assert "inconclusive stuck in" in str(error.text)


def test_a_skipped_one_is_skipped_for_its_reason(ran: tuple[str, dict[str, ET.Element]]) -> None:
    printed, cases = ran
    if not list(cases["lacking"].iter("skipped")):
        pytest.skip("this kernel lacks nothing that a scenario can require")
    assert "SKIPPED [1] scenarios/lacking.yaml:1: it requires" in printed


def test_a_file_with_mistakes_is_an_error_of_collection(ran: tuple[str, dict[str, ET.Element]]) -> None:
    printed, _ = ran
    assert "ERROR collecting scenarios/mistaken.yaml" in printed
    assert "unknown key 'expcet'. Did you mean 'expect'?" in printed
    assert "1 failed, 1 passed, 1 skipped, 2 errors" in printed or "1 failed, 2 passed, 2 errors" in printed


@pytest.mark.parametrize("processes", [[], ["-n", "1"]], ids=["one process", "a worker"])
def test_an_interrupted_pytest_leaves_nothing(tmp_path: Path, session: Session, processes: list[str]) -> None:
    name = "cut-off" if processes else "cut-short"
    variant(tmp_path / "scenarios", name)
    # what a shell starts in the background ignores SIGINT, and so does all that it starts
    command = ["env", "--default-signal=INT", sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    command += ["scenarios", "--labctl-client", "socket"]
    with subprocess.Popen(
        [*command, *processes],
        cwd=tmp_path,
        env=clean({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        poll(lambda: bool(left(session, name)), 20, "the run to make something")
        running.send_signal(signal.SIGINT)
        printed, _ = running.communicate(timeout=30)
    assert running.returncode == pytest.ExitCode.INTERRUPTED, printed
    poll(lambda: not left(session, name), 5, "everything to be removed")


def left(session: Session, name: str) -> str:
    """Return what is there of a scenario's runs."""
    return str(look(session.containers, f"{SCENARIO}={name}"))
