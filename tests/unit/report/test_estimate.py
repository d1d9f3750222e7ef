"""How long a matrix will still take."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.report.estimate import earlier, seconds_left

KNOWN = {"quick": [1.0, 2.0, 9.0], "slow": [10.0]}  # quick usually takes 2 s
SECONDS = st.floats(0, 1000)


@pytest.mark.parametrize(
    ("waiting", "running", "jobs", "left"),
    [
        ([], [], 2, 0),
        (["quick", "quick"], [], 1, 4),
        (["quick", "quick"], [], 2, 2),
        (["quick", "quick", "quick"], [], 2, 3),
        (["slow", "quick"], [], 2, 10),  # the slow one alone takes as long
        ([], [("slow", 4.0)], 2, 6),
        ([], [("slow", 14.0)], 2, 0),  # later than ever: any moment now
        (["new"], [], 1, 6),  # like the others: the mean of 2 and 10
    ],
)
def test_what_is_left_is_shared_by_the_jobs(
    waiting: list[str], running: list[tuple[str, float]], jobs: int, left: float
) -> None:
    assert seconds_left(waiting, running, KNOWN, jobs) == left


def test_nothing_is_said_before_anything_is_known() -> None:
    assert seconds_left(["new"], [], {}, 2) is None
    assert seconds_left(["new"], [], {"new": []}, 2) is None


@given(st.lists(st.sampled_from(["quick", "slow", "new"])), st.lists(st.tuples(st.just("slow"), SECONDS)))
def test_more_jobs_never_take_longer(waiting: list[str], running: list[tuple[str, float]]) -> None:
    times = [seconds_left(waiting, running, KNOWN, jobs) for jobs in range(1, 6)]
    assert len(times) == 5
    assert all(one is not None and other is not None and one >= other >= 0 for one, other in pairwise(times))


def test_earlier_runs_are_read_and_what_is_broken_is_left_out(tmp_path: Path) -> None:
    runs = {
        "1": json.dumps({"scenario": "a", "seconds": 2}),
        "2": json.dumps({"scenario": "a", "seconds": 3.5}),
        "3": "{half a file",
        "4": "[]",
        "5": json.dumps({"scenario": "b", "seconds": "long"}),
        "6": json.dumps({"scenario": "b"}),
    }
    for name, text in runs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(text)
    (tmp_path / "7" / "result.json").mkdir(parents=True)
    (tmp_path / "8").mkdir()
    assert earlier(tmp_path) == {"a": [2.0, 3.5]}
    assert earlier(tmp_path / "nowhere") == {}
