"""`labctl lint`: every mistake at once, records without a scenario among them, and what is not recorded."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from labctl.system.places import installed
from support.calling import labctl
from support.strangers import install, python
from support.variants import variant

TODO = "Rename this file with its scenario, or remove it."
UNRECORDED = "not recorded yet: {} (labctl record NAME writes down the exact errors)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two scenarios, each with its record."""
    put(tmp_path / "scenarios", "server-down", "wrong-port")
    return tmp_path


def put(scenarios: Path, *names: str) -> None:
    """Copy some of labctl's own scenarios and their records."""
    for name in names:
        for file in (f"{name}.yaml", f"records/{name}.json"):
            (scenarios / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(installed("scenarios") / file, scenarios / file)


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def mistakes(folder: Path, *names: str) -> Sequence[str]:
    """Return the lines of what is wrong."""
    done = labctl(folder, "lint", *names)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr.removeprefix("labctl: ").splitlines()


def orphan(folder: Path, name: str) -> None:
    """Leave a record whose scenario there is not."""
    shutil.copy(folder / "scenarios" / "records" / "server-down.json", folder / "scenarios" / "records" / name)


def test_scenarios_with_their_records_have_no_mistake(folder: Path) -> None:
    for names in ([], ["server-down", "wrong-port", "./scenarios/server-down.yaml"]):
        done = labctl(folder, "lint", *names)
        assert (done.returncode, done.stdout, done.stderr) == (0, "2 scenarios without a mistake\n", "")


def test_a_scenario_without_a_record_is_named_and_no_mistake(folder: Path) -> None:
    variant(folder / "scenarios", "new")
    (folder / "scenarios" / "records" / "wrong-port.json").unlink()
    done = labctl(folder, "lint")
    said = "3 scenarios without a mistake\n" + UNRECORDED.format("new, wrong-port")
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    assert labctl(folder, "lint", "new").stdout == "1 scenario without a mistake\n" + UNRECORDED.format("new")


@pytest.mark.parametrize("everything", [[], ["server-down", "scenarios/wrong-port.yaml"]])
def test_a_record_without_a_scenario_is_a_mistake_with_the_nearest_name(folder: Path, everything: list[str]) -> None:
    orphan(folder, "server-dwn.json")
    orphan(folder, "a\x1bz.json")
    odd, near = mistakes(folder, *everything)
    told = "scenarios/records/{0}.json:1:1: there is no scenario '{0}' for this record."
    assert odd == told.format(r"a\x1bz") + f" {TODO}"
    assert near == f"{told.format('server-dwn')} Did you mean 'server-down'? {TODO}"


def test_a_record_is_not_called_an_orphan_where_not_all_scenarios_of_its_folder_are_read(folder: Path) -> None:
    orphan(folder, "server-dwn.json")
    assert labctl(folder, "lint", "server-down").returncode == 0


def test_a_table_of_controls_that_cannot_be_read_is_a_mistake(folder: Path) -> None:
    (folder / "scenarios" / "controls.json").write_text('{"format": 1, "scenarios": []}')
    [told] = mistakes(folder)
    assert told.startswith("scenarios/controls.json:1:1: scenarios: expected a mapping of keys and values.")
    assert told.endswith("`labctl controls --all --write` writes it anew.")


def test_each_folder_is_looked_at_for_itself(folder: Path) -> None:
    """Records lie next to their scenario; what lies elsewhere is another's."""
    put(folder / "scenarios" / "walls", "firewall-drop")
    orphan(folder, "firewall-drop.json")
    [told] = mistakes(folder)
    assert told.startswith("scenarios/records/firewall-drop.json:1:1: there is no scenario 'firewall-drop'")
    assert labctl(folder, "lint", "firewall-drop").returncode == 0


def test_a_stack_beside_the_scenarios_is_none_of_them(folder: Path) -> None:
    shutil.copy(installed("compose") / "pair.yaml", folder / "scenarios" / "pair.yaml")
    orphan(folder, "pair.json")
    [told] = mistakes(folder, "server-down", "wrong-port")
    assert told.startswith("scenarios/records/pair.json:1:1: ")


def test_all_mistakes_of_all_files_are_told_at_once(folder: Path) -> None:
    """Also those of the record of a scenario that has mistakes, and of one that is no record."""
    scenarios = folder / "scenarios"
    put(scenarios, "firewall-drop")
    orphan(folder, "gone.json")
    change(scenarios / "wrong-port.yaml", "cause: wrong-target", "cause: wrong-taget")
    change(scenarios / "records" / "wrong-port.json", '"curl": {', '"crul": {')
    (scenarios / "records" / "firewall-drop.json").write_text("{")
    told = mistakes(folder)
    assert [line.partition(" ")[0] for line in told] == [
        "scenarios/records/firewall-drop.json:1:2:",
        "scenarios/records/gone.json:1:1:",
        "scenarios/records/wrong-port.json:1:1:",
        "scenarios/wrong-port.yaml:3:8:",
    ]
    assert told[2].endswith(
        ": there is no client called 'crul'. Did you mean 'curl'? `labctl record wrong-port` writes it anew."
    )


def test_a_recorded_client_that_nobody_could_have_meant_is_only_named(folder: Path) -> None:
    """It may be that of a package that is not installed on this machine."""
    change(folder / "scenarios" / "records" / "wrong-port.json", '"telnet": {', '"gr\\u001beter": {')
    done = labctl(folder, "lint")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == [
        r"recorded, and not among the clients here: gr\x1beter (they are not compared)"
    ]


def test_a_client_is_not_taken_for_another_that_is_recorded_as_well(folder: Path) -> None:
    file = folder / "scenarios" / "records" / "wrong-port.json"
    change(file, '"telnet": {', '"curl2": {')
    assert "not among the clients here: curl2 (" in labctl(folder, "lint").stdout


def test_a_recorded_client_whose_plugin_is_broken_is_only_named(folder: Path, root: Path) -> None:
    """Even where its name is near to that of a client that is not recorded."""
    install(folder, "labctl.clients", "telnets", "no_such_module", None)
    change(folder / "scenarios" / "records" / "wrong-port.json", '"telnet": {', '"telnets": {')
    done = python(folder, root, "-m", "labctl", "lint")
    assert done.returncode == 0
    assert done.stderr.startswith("labctl: left out: the client telnets, which cannot be imported")
    assert "not among the clients here: telnets (" in done.stdout


def test_a_scenario_that_is_not_there_is_answered_with_the_nearest(folder: Path) -> None:
    orphan(folder, "gone.json")
    [first, second] = mistakes(folder, "server-dwn")
    assert first == "there is no scenario called 'server-dwn'."
    assert "server-down" in second


def test_the_scenarios_that_come_with_labctl_and_their_records_are_sound(root: Path) -> None:
    done = labctl(root, "lint")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1, done.stdout
