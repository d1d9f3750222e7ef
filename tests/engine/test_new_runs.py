"""What `labctl new` writes passes as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from labctl.lab.session import Session
from labctl.model import Verdict
from labctl.run.run import Options, run
from labctl.scenario.load import load


def test_a_scenario_that_was_just_begun_passes(tmp_path: Path, session: Session, options: Options) -> None:
    subprocess.run([sys.executable, "-m", "labctl", "new", "mine"], cwd=tmp_path, check=True, capture_output=True)
    result = run(load(tmp_path / "scenarios" / "mine.yaml"), session, options)
    assert (result.verdict, result.reason) == (Verdict.PASSED, "broken as claimed, and repaired by the fix")
