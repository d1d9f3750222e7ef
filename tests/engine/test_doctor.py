"""What doctor finds on a real engine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from labctl.cli.commands.doctor import lines
from labctl.engine.connection import Connection
from labctl.provision import doctor, image
from labctl.scenario import abilities
from labctl.system.places import OWN_IMAGE


@pytest.fixture(scope="module")
def found(connection: Connection) -> doctor.Diagnosis:
    """Examine the engine once."""
    image.ensure(connection, OWN_IMAGE, progress=print)
    return doctor.examine(connection)


def test_every_ability_is_tried(found: doctor.Diagnosis) -> None:
    assert [ability.name for ability in found.abilities] == list(abilities.ABILITIES)


def test_what_is_missing_says_why_and_what_that_costs(found: doctor.Diagnosis) -> None:
    assert found.abilities
    for ability in found.abilities:
        assert bool(ability.why_not and not ability.untried) == bool(ability.costs)
        assert not ability.costs or ability.name in ability.costs


def test_what_no_lab_can_do_without_works(found: doctor.Diagnosis) -> None:
    works = {ability.name for ability in found.abilities if not ability.why_not}
    assert {"iptables", "conntrack"} <= works


def test_the_report_names_engine_image_and_every_ability(found: doctor.Diagnosis) -> None:
    report = "\n".join(lines(found))
    assert found.facts.version in report
    assert found.image is not None
    assert found.image.tag in report
    for ability in found.abilities:
        assert f"  {ability.name} " in report


def test_its_own_sandbox_is_gone_afterwards(connection: Connection, found: doctor.Diagnosis) -> None:
    assert found is not None
    names = [name for one in connection.api.containers(all=True) for name in one["Names"]]
    assert not [name for name in names if "doctor-" in name]


def test_the_command_ends_with_0_where_an_engine_answers(found: doctor.Diagnosis) -> None:
    done = subprocess.run([sys.executable, "-m", "labctl", "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert found.facts.version in done.stdout
