"""The page that `labctl catalogue` makes."""

from __future__ import annotations

import re
from pathlib import Path

from labctl.model import Outcome
from labctl.report.catalogue import catalogue
from labctl.report.text import plain
from labctl.system.places import installed
from support.known import entries, scenarios
from support.variants import labctl

LINK = re.compile(r"\]\(#([a-z0-9-]+)\)")
ANCHOR = re.compile(r'<a id="([a-z0-9-]+)"></a>')


def test_the_page_on_disk_is_current() -> None:
    """`labctl catalogue --write` writes it anew."""
    assert (installed("scenarios") / "CATALOGUE.md").read_text() == catalogue(entries())


def test_every_scenario_is_there_and_every_link_leads_to_one() -> None:
    page = catalogue(entries())
    assert sorted(ANCHOR.findall(page)) == sorted(scenarios())
    assert set(LINK.findall(page)) == set(scenarios())


def test_every_error_fix_and_trap_is_on_the_page() -> None:
    page = catalogue(entries())
    assert any(entry.scenario.traps for entry in entries())
    for entry in entries():
        assert entry.recorded
        for seen in entry.recorded.values():
            if seen.outcome is not Outcome.OK:
                assert plain(seen.says).replace("\n", "\\n").replace("`", "'").replace("|", "\\|") in page
        for action in entry.scenario.fix:
            assert action.typed() in page
        for trap in entry.scenario.traps:
            assert f"Not this, though it repairs it: {trap.remedy}" in page


def test_it_is_printed_and_written_only_where_there_are_scenarios(tmp_path: Path) -> None:
    assert labctl(tmp_path, "catalogue").stdout.startswith("# What failed connections look like, and why\n")
    done = labctl(tmp_path, "catalogue", "--write")
    assert done.returncode == 2
    assert "there are no scenarios in scenarios" in done.stderr
    assert list(tmp_path.iterdir()) == []
