"""A clock that is set while somebody looks: what bears its time cannot be told from what was there before."""

from __future__ import annotations

import pytest

from labctl.lab.witness import Glance
from labctl.run.evidence import Seen, jumps

NOON = 1_800_000_000.0


def seen(*, by_the_clock: float, really: float) -> Seen:
    before, after = Glance(NOON, 50.0, (), None), Glance(NOON + by_the_clock, 50.0 + really, (), None)
    return Seen({"client": before}, {}, {"client": after})


@pytest.mark.parametrize("really", [0.005, 3.0, 60.0])
def test_a_clock_that_goes_with_the_time_is_not_told(really: float) -> None:
    assert list(jumps(seen(by_the_clock=really, really=really))) == []
    assert list(jumps(seen(by_the_clock=really * 1.0005, really=really))) == [], "adjtimex(2) slews by 500 ppm at most"


@pytest.mark.parametrize(
    ("jump", "said"),
    [
        (3600.0, "the clock of client was set forward by 3600.0 s meanwhile"),
        (-3600.0, "the clock of client was set back by 3600.0 s meanwhile"),
        (-0.5, "the clock of client was set back by 0.5 s meanwhile"),
    ],
)
def test_a_clock_that_is_set_is_told_with_how_far(jump: float, said: str) -> None:
    assert list(jumps(seen(by_the_clock=2.0 + jump, really=2.0))) == [said]
