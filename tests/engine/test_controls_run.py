"""Controls on the engine: the null fault, the fixes of others, traps, and the table that they are compared with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labctl.knowledge.truths import FILE
from support.variants import labctl, variant

BREAKS = (  # once a client has been served, so that the stack is healthy first, however often it is looked at
    "nstat -asz TcpPassiveOpens | grep -qE 'TcpPassiveOpens +0 ' || "
    "iptables -I INPUT -p tcp --dport 8080 -j REJECT --reject-with tcp-reset"
)
ONCE_ONLY = {"trigger": [{"run": BREAKS, "host": "server", "with": "tools"}]}
NO_CURE = {"remedy": "Wait", "do": [{"run": "true", "host": "server", "with": "tools"}], "harm": "It takes time."}
UP = {"until": {"listens": "0.0.0.0:8080"}}
CURE = {"remedy": "Recreate it", "do": [{"recreate": "server", **UP}], "harm": "It loses its log."}
BRIEF = {"diagnose": [], "recover": {"within": "1s"}}


def controls(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the controls of a folder's scenarios with one client; return the exit code and what was printed."""
    files = sorted(f"./{file.name}" for file in folder.glob("*.yaml"))
    done = labctl(folder, "controls", *files, "--client", "socket", "-j", "3", *arguments)
    assert not done.stderr
    return done.returncode, done.stdout


def test_a_cure_is_told_until_the_table_has_it(tmp_path: Path) -> None:
    variant(tmp_path, "crashed", {**BRIEF, "traps": [CURE]}, of="server-crashed")
    variant(tmp_path, "down", BRIEF)
    code, told = controls(tmp_path)
    assert code == 1
    assert "down with the fix of crashed: mended; the table has nothing of it" in told
    assert "crashed with the fix of down: cannot be applied" in told
    assert "crashed without its fault: not reproduced" in told
    assert not (tmp_path / FILE).exists()

    code, told = controls(tmp_path, "--write")
    assert code == 0
    written = json.loads((tmp_path / FILE).read_text())["scenarios"]
    assert written["down"] == {"without_fault": "mended", "fixes": {"crashed": "mended"}, "traps": {}, "answers": {}}
    assert written["crashed"]["traps"] == {"Recreate it": "mended"}

    code, told = controls(tmp_path)
    assert code == 0
    assert "failed" not in told
    assert "  1 crashed ■ x" in told
    assert "  2 down    ● ■" in told


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (ONCE_ONLY, "down without its fault: the same failure"),
        ({"traps": [NO_CURE]}, "down with the trap 'Wait': the same failure"),
    ],
    ids=["fails without its fault", "a trap that does not work"],
)
def test_what_is_no_control_fails(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    variant(tmp_path, "down", {**BRIEF, **changes})
    code, told = controls(tmp_path)
    assert code == 1
    assert f"failed        {said}" in told


def test_run_and_matrix_run_the_controls_too(tmp_path: Path) -> None:
    variant(tmp_path, "down", BRIEF)
    for command in ("run", "matrix"):
        done = labctl(tmp_path, command, "./down.yaml", "--client", "socket", "--controls")
        assert done.returncode == 0
        assert "down without its fault: not reproduced" in done.stdout
    refused = labctl(tmp_path, "run", "./down.yaml", "--controls", "--json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "`labctl controls --write` writes controls.json" in refused.stderr
