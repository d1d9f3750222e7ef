"""Lines for a person who waits."""

from __future__ import annotations

import io

from labctl.engine import images
from labctl.system.progress import timed


def test_each_line_carries_the_seconds_since_the_first() -> None:
    clock = iter([100.0, 100.04, 112.5])
    stream = io.StringIO()
    tell = timed(stream, lambda: next(clock))
    tell("begin")
    tell("end")
    assert stream.getvalue() == "[  0.0 s] begin\n[ 12.5 s] end\n"


def test_quiet_says_nothing() -> None:
    stream = io.StringIO()
    timed(stream, quiet=True)("a line")
    assert not stream.getvalue()


def test_of_many_lines_one_every_two_seconds_comes_through_and_none_is_too_wide() -> None:
    clock = iter([0.0, 0.5, 1.9, 2.0, 3.9, 4.0])
    said: list[str] = []
    tell = images.sparsely(said.append, 2.0, lambda: next(clock))
    for line in ("a", "b", "c" * 200, "d", "e"):
        tell(line)
    assert said == ["c" * 95 + "…", "e"]
