"""The scenarios there are: one's own before those that came with labctl, and no name twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.errors import UnknownName, UsageError
from labctl.scenario import catalogue
from labctl.system.places import installed


def write(*files: Path) -> list[Path]:
    """Write files that look like scenarios."""
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"name: {file.stem}\nfault: []\n")
    return list(files)


def test_an_unknown_scenario_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        catalogue.find("lopback-bind")
    assert "loopback-bind" in caught.value.near


def test_a_path_that_is_no_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        catalogue.find(str(tmp_path / "nothing.yaml"))


def test_a_folder_of_ones_own_comes_before_the_installed_scenarios(tmp_path: Path) -> None:
    [mine] = write(tmp_path / "server-down.yaml")
    assert catalogue.find("server-down", tmp_path) == mine
    assert catalogue.find("loopback-bind", tmp_path) == installed("scenarios") / "loopback-bind.yaml"


def test_a_folder_may_be_ordered_by_folders_and_hold_stacks_too(tmp_path: Path) -> None:
    ours = write(tmp_path / "a" / "one.yaml", tmp_path / "b" / "c" / "two.yml")
    (tmp_path / "compose.yaml").write_text("# a stack\nservices:\n  server: {}\n")
    assert catalogue.within(tmp_path) == {"one": ours[0], "two": ours[1]}


@pytest.mark.parametrize("second", ["b/one.yaml", "one.yml"])
def test_two_scenarios_of_one_name_are_refused_with_both_places(tmp_path: Path, second: str) -> None:
    write(tmp_path / "one.yaml", tmp_path / second)
    with pytest.raises(UsageError) as caught:
        catalogue.within(tmp_path)
    assert str(tmp_path / "one.yaml") in str(caught.value)
    assert str(tmp_path / second) in str(caught.value)


def test_two_paths_of_one_name_are_refused_and_one_path_twice_is_not(tmp_path: Path) -> None:
    one, other = map(str, write(tmp_path / "a" / "one.yaml", tmp_path / "b" / "one.yaml"))
    with pytest.raises(UsageError, match="two scenarios are called 'one'"):
        catalogue.find_all([one, other])
    assert catalogue.find_all([one, one]) == [Path(one), Path(one)]


def test_what_is_run_without_a_name_is_ones_own_or_else_what_is_installed(tmp_path: Path) -> None:
    assert catalogue.own(tmp_path / "none") == catalogue.within(installed("scenarios"))
    [mine] = write(tmp_path / "mine.yaml")
    assert catalogue.own(tmp_path) == {"mine": mine}
    assert catalogue.everything(tmp_path).keys() > catalogue.own(tmp_path).keys()
