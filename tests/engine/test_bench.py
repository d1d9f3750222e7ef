"""`make bench` on the engine: whether it measures, never how fast anything is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.floor import Floor, run
from bench.ground import Ground
from bench.throughput import everything
from labctl.engine.sweep import look
from labctl.lab.session import Session
from labctl.scenario.load import Loaded
from support.variants import python

BENCH = str(Path(__file__).resolve().parents[1] / "bench")
WANTED = ("one", "rule-sdk", "help")
ASKED = {  # of the engine, and who asks it
    f"{call.verb()} with ports" if getattr(call, "ports", None) is not None else call.verb(): one
    for one in everything()
    for call in Floor.of(one).calls
}


def test_it_measures_what_it_is_asked_for_and_leaves_nothing(session: Session, tmp_path: Path) -> None:
    only = [word for key in WANTED for word in ("--only", key)]
    ran = python(tmp_path, BENCH, "--quick", *only, "--json", "board.json")
    assert ran.returncode == 0, ran.stderr
    board = json.loads((tmp_path / "board.json").read_text())
    assert not board["broken"], board["broken"]
    measured = {one["key"]: one for one in board["comparisons"]}
    assert set(measured) == set(WANTED)
    assert all(len(one["ratios"]) == 2 and min(one["ratios"]) > 0 for one in measured.values())
    assert all(one["question"] in ran.stdout for one in measured.values())
    assert not look(session.containers, "labctl.bench")


@pytest.mark.parametrize(("verb", "of"), ASKED.items(), ids=ASKED)
def test_the_floor_of_whatever_scenarios_ask_of_the_engine_is_known(
    verb: str, of: Loaded, session: Session, tmp_path: Path
) -> None:
    ground = Ground(session, f"labctl.bench={session.id}-{verb.replace(' ', '-')}", tmp_path)
    assert run(Floor.of(of, ("socket",)), ground) > 0
    assert not look(session.containers, ground.label)


def test_what_takes_minutes_is_left_out_of_a_quick_one_and_named(session: Session, tmp_path: Path) -> None:
    ran = python(tmp_path, BENCH, "--quick", "--only", "scale")
    assert session.connection.local
    assert ran.returncode == 0, ran.stderr
    assert "skipped: a run among 300 generated ones, against one among 30" in ran.stdout


def test_an_unknown_comparison_is_a_users_mistake(tmp_path: Path) -> None:
    ran = python(tmp_path, BENCH, "--only", "everything")
    assert ran.returncode == 2
    assert "'everything' is not one of" in ran.stderr
    assert "Traceback" not in ran.stderr
