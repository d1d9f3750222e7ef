"""Results as JSON: a list of what each run's result.json holds."""

from __future__ import annotations

from dataclasses import asdict

from labctl.report.report import Report, Runs
from labctl.report.text import json_text


class Kind(Report):
    """A list of results."""

    def render(self, runs: Runs) -> bytes:
        """Return it, in ASCII."""
        return f"{json_text([asdict(result) for result in runs.results])}\n".encode()
