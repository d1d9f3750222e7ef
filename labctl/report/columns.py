"""Rows of text in columns, as lists on the terminal have them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

BETWEEN = "  "


def columns(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """Return a line for each row; cells of one column begin at one place, or end at one where it is in `right`.

    All rows have as many cells. A column that is empty in every row is left out; nothing trails a line.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        )
        lines.append(BETWEEN.join(cells).rstrip())
    return lines
