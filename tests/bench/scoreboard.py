"""What was measured, as a table for a person and as JSON for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.pairs import Measured
from bench.targets import TARGETS, Target

HEADINGS = ("comparison", "ratio", "spread", "pairs", "target", "", "medians")


@dataclass(frozen=True, slots=True)
class Board:
    """One whole measurement: the machine, what was measured, what was not and why, further lines for a person."""

    machine: Mapping[str, Any]
    measured: Sequence[Measured] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)  # by the keys of the targets: the reason
    broken: Mapping[str, str] = field(default_factory=dict)  # likewise
    notes: Sequence[str] = ()

    @property
    def missed(self) -> list[str]:
        """The keys of the targets that were measured and missed."""
        return [one.key for one in self.measured if not TARGETS[one.key].met_by(one.ratio)]


def table(board: Board) -> str:
    """Return the table, one line a comparison: its ratio, the spread, the target, and whether it is met."""
    rows = [HEADINGS, *map(_row, board.measured)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines[1:1] = ["-" * max(map(len, lines))]
    lines += [f"skipped: {TARGETS[key].question}: {why}" for key, why in board.skipped.items()]
    lines += [f"broken: {TARGETS[key].question}: {why}" for key, why in board.broken.items()]
    return "\n".join([*lines, *board.notes])


def _row(one: Measured) -> tuple[str, ...]:
    target = TARGETS[one.key]
    least, most = one.spread
    times = ", ".join(
        f"{name} {_time(median(took))}" for name, took in zip(one.names, (one.over, one.under), strict=True)
    )
    return (
        target.question,
        f"{one.ratio:.2f}",
        f"{least:.2f} to {most:.2f}",
        str(len(one.ratios)),
        str(target),
        _answer(target, one.ratio),
        times,
    )


def _answer(target: Target, ratio: float) -> str:
    if target.most is None and target.least is None:
        return ""
    return "met" if target.met_by(ratio) else "MISSED"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.3f} s"


def as_json(board: Board) -> dict[str, Any]:
    """Return everything, down to each round's seconds, as JSON can take it."""
    return {
        "machine": dict(board.machine),
        "comparisons": [_entry(one) for one in board.measured],
        "skipped": dict(board.skipped),
        "broken": dict(board.broken),
        "notes": list(board.notes),
    }


def _entry(one: Measured) -> dict[str, Any]:
    target = TARGETS[one.key]
    least, most = one.spread
    return {
        "key": one.key,
        "question": target.question,
        "ratio": one.ratio,
        "smallest": least,
        "largest": most,
        "ratios": list(one.ratios),
        "target": {"most": target.most, "least": target.least},
        "met": target.met_by(one.ratio),
        "seconds": {name: list(took) for name, took in zip(one.names, (one.over, one.under), strict=True)},
    }
