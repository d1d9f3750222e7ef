"""What is worth knowing of a run in a place that has room for names and short values, such as a JUnit property."""

from __future__ import annotations

from collections.abc import Iterator

from labctl.model import Outcome, Phase, Result
from labctl.report.terminal import told
from labctl.report.text import plain

WITH = {"labctl", "image", "engine", "api", "kernel", "architecture"}
"""Keys of a result's versions that are no client's."""


def properties(result: Result, stack: str) -> list[tuple[str, str]]:
    """Return the facts of a run on a stack: its verdict, versions, and what each client that was kept out saw.

    The clients' versions are called `version.CLIENT`, what they saw at the end of a phase `PHASE.CLIENT`.
    """
    return [(name, plain(value)) for name, value in _facts(result, stack)]


def _facts(result: Result, stack: str) -> Iterator[tuple[str, str]]:
    yield "verdict", result.verdict.value
    yield "cause", result.cause
    yield "stack", stack
    yield "run", result.run
    yield "folder", result.folder
    if result.record:
        yield "record", result.record
    if result.fingerprint:
        yield "fingerprint", result.fingerprint
    for name, version in result.versions.items():
        yield name if name in WITH else f"version.{name}", version
    for phase in result.phases:
        for one in phase.observations[-1].tries if phase.observations else ():
            if phase.phase is Phase.FAULTED or one.outcome is not Outcome.OK:
                yield f"{phase.phase.value}.{one.client}", told(one)
