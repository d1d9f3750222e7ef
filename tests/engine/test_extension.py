"""A new action costs one class, a new scenario one file: both from outside the package, and a broken plugin is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.engine.connection import Connection
from support.strangers import install, python

PLUGIN = '''\
"""Actions of another package."""

from collections.abc import Sequence

from labctl.actions import Action, Ask, Proof, Step
from labctl.language.fields import Host


class Blackhole(Action, key="blackhole"):
    """Throw away what a host sends to another, as `ip route add blackhole` does."""

    blackhole: Host
    towards: Host
    gone: bool = False

    def _run(self, line: str) -> Ask:
        return Ask(self.blackhole, "run", {"argv": ["sh", "-c", line], "timeout": 5.0})

    def steps(self) -> Sequence[Step]:
        verb = "del" if self.gone else "add"
        return [self._run(f"ip route {verb} blackhole $(getent ahostsv4 {self.towards} | cut -d' ' -f1 | head -1)/32")]

    def proofs(self) -> Sequence[Proof]:
        there = "! " if self.gone else ""
        return [Proof(f"the route is {'gone' if self.gone else 'listed'}", self._run(f"{there}ip route | grep -q ^blackhole"))]

    def typed(self) -> str:
        return f"ip route {'del' if self.gone else 'add'} blackhole {self.towards}"
'''
SCENARIO = """\
name: blackhole
title: The client's host throws away what it sends to the server
cause: firewall
stack: pair
client: {host: client, target: "http://server:8080/", timeout: 1s}
fault:
  - {blackhole: client, towards: server}
expect: {outcome: unreachable, errno: EINVAL, stage: connect, within: 1s}
diagnose:
  - {run: ip route, host: client, with: tools, shows: ^blackhole}
fix:
  - {blackhole: client, towards: server, gone: true}
explain: connect(2) to a blackhole route fails with EINVAL (ip-route(8)).
"""
RUN = """\
import sys
from pathlib import Path

from labctl import actions
from labctl.scenario.load import load
from labctl.run.run import Options, run
from labctl.lab.session import ready

loaded = load(Path(sys.argv[1]))
with ready([loaded]) as begun:
    result = run(loaded, begun, Options(clients=("socket",), runs=Path(sys.argv[2])))
print(result.verdict, result.reason)
print(actions.broken_plugins)
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a folder with a package of actions, a package that is broken, and a scenario."""
    install(tmp_path, "labctl.actions", "blackholes", "blackhole_actions", PLUGIN)
    install(tmp_path, "labctl.actions", "wrecked", "wrecked_actions", "import no_such_module_anywhere\n")
    (tmp_path / "blackhole.yaml").write_text(SCENARIO)
    return tmp_path


@pytest.mark.usefixtures("session")
def test_an_action_and_a_scenario_of_another_package_run(elsewhere: Path, root: Path) -> None:
    ran = python(elsewhere, root, "-c", RUN, str(elsewhere / "blackhole.yaml"), str(elsewhere / "runs"))
    assert ran.returncode == 0, ran.stderr
    assert "passed broken as claimed, and repaired by the fix" in ran.stdout


@pytest.mark.usefixtures("session")
def test_a_plugin_that_cannot_be_loaded_is_named_and_left_out(elsewhere: Path, root: Path) -> None:
    told = "from labctl import actions; actions.discover(); print(sorted(actions.registry), actions.broken_plugins)"
    ran = python(elsewhere, root, "-c", told)
    assert ran.returncode == 0, ran.stderr
    assert "'blackhole'" in ran.stdout
    assert (
        "'wrecked': \"wrecked_actions: ModuleNotFoundError: No module named 'no_such_module_anywhere'\"" in ran.stdout
    )


def test_an_action_whose_name_is_taken_is_left_out_and_named(
    tmp_path: Path, root: Path, connection: Connection
) -> None:
    del connection
    install(tmp_path, "labctl.actions", "thief", "thief_actions", PLUGIN.replace('key="blackhole"', 'key="stop"'))
    told = "from labctl import actions; actions.discover(); print(actions.registry['stop'], actions.broken_plugins)"
    ran = python(tmp_path, root, "-c", told)
    assert "labctl.actions.life.Stop" in ran.stdout, ran.stderr
    assert "an action called 'stop' exists already: labctl.actions.life" in ran.stdout
