"""Results as JUnit XML, read back by another parser."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.cli.reports import Wanted, write
from labctl.errors import HostError
from labctl.model import Phase, Result, Verdict
from labctl.report.facts import properties
from labctl.report.kinds.junit import Kind
from labctl.report.report import Case, Runs
from labctl.report.terminal import as_text
from support.handmade import OK, REFUSED, phase, result

FAILED = result(
    Verdict.FAILED,
    "wrong",
    phase(Phase.FAULTED, OK, wrong="requests refused", done=("docker compose stop server",)),
    reason="the fault is in place, but <it> & 'that'",
)


def written(file: Path, *results: Result | None, cut_off: str = "") -> ET.Element:
    """Write results, and return the one suite as another parser reads it."""
    cases = [Case(one.scenario if one else "unrun", "not-running", "pair", one) for one in results]
    file.write_bytes(Kind().render(Runs(cases, cut_off)))
    [suite] = ET.parse(file).getroot()  # noqa: S314 - our own
    return suite


def test_each_verdict_has_its_kind(tmp_path: Path) -> None:
    suite = written(tmp_path / "r.xml", *(result(verdict, verdict.value) for verdict in Verdict))
    kinds = {case.get("name"): [part.tag for part in case if part.tag != "properties"] for case in suite}
    assert kinds == {"passed": [], "failed": ["failure"], "inconclusive": ["error"], "skipped": ["skipped"]}
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1", "time": "8.0"}


def test_a_case_is_called_as_the_scenario_and_classed_by_its_cause(tmp_path: Path) -> None:
    [case] = written(tmp_path / "r.xml", result(seconds=2.3456))
    assert (case.get("classname"), case.get("name"), case.get("time")) == ("not-running", "server-down", "2.346")


def test_the_text_is_the_report_that_the_terminal_shows(tmp_path: Path) -> None:
    [failure] = written(tmp_path / "r.xml", FAILED).iter("failure")
    assert failure.text == as_text(FAILED)
    assert failure.get("message") == FAILED.reason
    assert failure.get("type") == "failed"


def test_a_skipped_case_says_why(tmp_path: Path) -> None:
    [skipped] = written(tmp_path / "r.xml", result(Verdict.SKIPPED, reason="it requires 'netem'")).iter("skipped")
    assert skipped.get("message") == "it requires 'netem'"


def test_the_facts_of_a_run_are_properties(tmp_path: Path) -> None:
    suite = written(tmp_path / "r.xml", result())
    facts = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert facts == {
        "verdict": "passed",
        "cause": "not-running",
        "stack": "pair",
        "run": "20260101-000000-1-server-down",
        "folder": ".labctl/runs/20260101-000000-1-server-down",
        "labctl": "0.1.0",
        "image": "labctl:1",
        "engine": "20.10",
        "kernel": "6.1",
        "version.requests": "requests 2",
        "faulted.requests": "refused at connect, ECONNREFUSED (111)",
    }


def test_what_a_client_saw_is_told_of_the_faulted_phase_and_of_every_phase_that_it_did_not_get_through_in() -> None:
    seen = result(Verdict.FAILED, "x", phase(Phase.HEALTHY, OK), phase(Phase.FAULTED, OK), phase(Phase.FIXED, REFUSED))
    facts = dict(properties(seen, "pair"))
    assert {name: facts[name] for name in facts if name.endswith(".requests") and "version" not in name} == {
        "faulted.requests": "ok",
        "fixed.requests": "refused at connect, ECONNREFUSED (111)",
    }


def test_what_did_not_begin_is_skipped_and_an_error_where_the_matrix_was_cut_off(tmp_path: Path) -> None:
    suite = written(tmp_path / "r.xml", result(), None)
    assert [one.get("message") for one in suite.iter("skipped")] == ["the matrix ended before this had run"]
    suite = written(tmp_path / "r.xml", result(), None, cut_off="stopped by SIGINT")
    [error] = suite.iter("error")
    assert error.get("message") == "the matrix ended before this had run: stopped by SIGINT"


def test_runs_of_one_scenario_are_told_apart(tmp_path: Path) -> None:
    suite = written(tmp_path / "r.xml", result(), result(scenario="other"), result())
    assert [case.get("name") for case in suite] == ["server-down (1 of 2)", "other", "server-down (2 of 2)"]


@given(st.text(), st.text())
def test_no_text_of_a_lab_breaks_the_file(tmp_path_factory: pytest.TempPathFactory, said: str, reason: str) -> None:
    """Control characters, lone surrogates and what else XML 1.0 forbids are written out."""
    file = tmp_path_factory.getbasetemp() / "any.xml"
    odd = phase(Phase.FAULTED, OK, wrong=f"requests {said}", done=(said,))
    [failure] = written(file, result(Verdict.FAILED, "x", odd, reason=reason, advice=said)).iter("failure")
    assert (failure.text or "").startswith("x: The server is not running")


def test_control_characters_are_written_out_visibly(tmp_path: Path) -> None:
    [failure] = written(tmp_path / "r.xml", result(Verdict.FAILED, reason="\x1b[31mred\x00\ufffe\ud800")).iter(
        "failure"
    )
    assert failure.get("message") == r"\x1b[31mred\x00\ufffe\ud800"
    assert r"\x1b[31mred\x00\ufffe\ud800" in (failure.text or "")


def test_a_file_that_cannot_be_written_is_told_and_one_that_can_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "r.xml"
    file.write_text("before")
    (tmp_path / "taken.xml").mkdir()
    for wrong in ("nowhere/r.xml", "taken.xml"):
        with pytest.raises(HostError, match="cannot be written"):
            write([Wanted("junit", str(tmp_path / wrong), "--junit")], Runs([]))
    write([Wanted("junit", str(file), "--junit")], Runs([]))
    assert file.read_text().startswith("<?xml")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["r.xml", "taken.xml"]
