"""What is known of labctl's clients before any of them is imported."""

from __future__ import annotations

import ast
from pathlib import Path

from labctl.clients import FOLDER, PORTS, UNIX, file_of, in_folder, speaking


def test_what_a_client_speaks_is_read_without_its_import() -> None:
    """As `ast` reads it, which labctl must not ask in threads: Python 3.11 fails there, now and then (gh-106905)."""
    listed = {name: _listed(Path(FOLDER, file_of(name)).read_text()) for name in in_folder(FOLDER)}
    assert "socket" in speaking("tcp")
    for scheme in PORTS | {UNIX: None}:
        assert speaking(scheme) == tuple(name for name, schemes in listed.items() if scheme in schemes)


def _listed(source: str) -> tuple[str, ...]:
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "SCHEMES":
            return ast.literal_eval(statement.value) if isinstance(statement.value, ast.Tuple) else ()
    raise AssertionError("a client without SCHEMES")
