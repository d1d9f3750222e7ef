"""How much of a file that people write is read at most, and its beginning."""

from __future__ import annotations

from pathlib import Path

MOST_BYTES = 256 << 10
SUFFIXES = (".yaml", ".yml")


def beginning(file: Path) -> str:
    """Return as much of a file as labctl would read, and nothing of a pipe or a folder: a pipe would be waited for."""
    try:
        if not file.is_file():
            return ""
        with file.open("rb") as opened:
            return opened.read(MOST_BYTES).decode(errors="replace")
    except OSError:
        return ""
