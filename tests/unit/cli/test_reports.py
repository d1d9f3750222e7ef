"""`--report KIND=FILE`: what is written where, beside the short forms, and what is refused before anything runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.cli.reports import Wanted, wanted, write
from labctl.errors import NotWritten, UnknownName, UsageError
from labctl.model import Verdict
from labctl.report.kinds.markdown import Kind as Markdown
from labctl.report.report import FOLDER, Case, Runs, kinds, of_kind
from support.handmade import result
from support.variants import labctl, variant

RUNS = Runs(
    [
        Case("server-down", "not-running", "pair", result()),
        Case("wrong", "not-running", "pair", result(Verdict.FAILED, "wrong", reason="a|b <it>\n`x` ![](y)")),
        Case("unrun", "not-running", "pair", None),
    ],
    "stopped by SIGTERM",
)


def test_the_kinds_are_the_files_of_their_folder_and_each_renders() -> None:
    assert kinds() == ["json", "junit", "markdown"]
    assert [bool(of_kind(kind).render(RUNS)) for kind in kinds()] == [True] * len(kinds())
    assert sorted(file.stem for file in FOLDER.glob("*.py")) == ["__init__", *kinds()]
    with pytest.raises(UnknownName, match="Did you mean junit"):
        of_kind("junti")


def test_markdown_shows_what_did_not_pass_first_and_takes_no_markup() -> None:
    lines = Markdown().render(RUNS).decode().splitlines()
    assert lines[0] == "**1 passed, 1 failed, 1 not run**"
    assert lines[2] == "Ended early: stopped by SIGTERM"
    rows = [line for line in lines if line.startswith("| ")]
    assert [row.split(" | ")[1] for row in rows[2:]] == ["failed", "not run", "passed"]
    assert r"a\|b &lt;it&gt;\\n\`x\`" in rows[2]
    assert {row.replace(r"\|", "").count("|") for row in rows} == {5}


def test_each_report_is_written_also_where_another_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    every = [
        Wanted("json", str(tmp_path / "taken"), "--report"),
        Wanted("markdown", str(tmp_path / "r.md"), "--report"),
    ]
    with pytest.raises(NotWritten, match="taken cannot be written"):
        write(every, RUNS)
    assert (tmp_path / "r.md").read_bytes() == Markdown().render(RUNS)


def test_what_is_printed_is_the_report_and_nothing_where_nothing_ran(capsys: pytest.CaptureFixture[str]) -> None:
    printed = [Wanted("json", "-", "--json")]
    write(printed, RUNS)
    assert [one["scenario"] for one in json.loads(capsys.readouterr().out)] == ["server-down", "wrong"]
    write(printed, replace(RUNS, cases=RUNS.cases[2:]))
    assert capsys.readouterr().out == ""


def test_the_short_forms_are_reports() -> None:
    assert wanted([], as_json=True, junit=Path("r.xml")) == [
        Wanted("json", "-", "--json"),
        Wanted("junit", "r.xml", "--junit"),
    ]
    with pytest.raises(UsageError, match="two reports cannot be printed at once"):
        wanted([Wanted("markdown", "-", "--report markdown=")], as_json=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--report", "junit"], "'junit' is not KIND=FILE, where KIND is json, junit, markdown."),
        (["--report", "junit="], "'junit=' is not KIND=FILE"),
        (["--report", "pdf=r.pdf"], "'pdf=r.pdf' is not KIND=FILE"),
        (["--report", "markdown=no/such/r.md"], "no/such/r.md cannot be written: there is no folder no/such."),
        (["--report", "junit=-", "--json"], "--report junit= and --json both go to standard output."),
        (["--report", "markdown=-", "--controls"], "the controls print no JSON"),
    ],
)
@pytest.mark.parametrize("command", ["run", "matrix"])
def test_a_mistake_is_told_before_anything_runs(tmp_path: Path, command: str, arguments: list[str], said: str) -> None:
    variant(tmp_path / "scenarios", "own-one")
    done = labctl(tmp_path, command, "own-one", *arguments, DOCKER_HOST="tcp://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / ".labctl").exists()


def test_a_run_without_an_engine_writes_all_its_reports(tmp_path: Path) -> None:
    files = {"junit": "r.xml", "json": "r.json", "markdown": "r.md"}
    asked = [word for kind, file in files.items() for word in ("--report", f"{kind}={file}")]
    done = labctl(tmp_path, "run", "engine-not-running", "-q", *asked, DOCKER_HOST="tcp://127.0.0.1:1")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r.json").read_text())[0]["verdict"] == "passed"
    assert 'name="engine-not-running"' in (tmp_path / "r.xml").read_text()
    assert "| engine-not-running | passed |" in (tmp_path / "r.md").read_text()
