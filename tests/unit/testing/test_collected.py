"""What pytest collects with labctl installed: scenarios, each once, and nothing of anybody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.system.places import installed
from support.variants import pytest_in, python, variant

pytest_plugins = ["pytester"]
HEAVY = {"docker", "pydantic", "rich", "requests", "ruamel", "re2", "junitparser"}
STARTED = "import sys, pytest; pytest.main(['-q', '-p', 'no:cacheprovider', *sys.argv[1:]]); print(*sys.modules)"
NOWHERE = {"DOCKER_HOST": "tcp://127.0.0.1:1"}


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    """Return the folder that pytest is called in, with two scenarios and a stack."""
    variant(pytester.path / "scenarios", "down")
    variant(pytester.path / "scenarios" / "deeper", "walled", of="firewall-drop")
    (pytester.path / "scenarios" / "pair.yaml").write_text((installed("compose") / "pair.yaml").read_text())
    return pytester.path


def collected(pytester: pytest.Pytester, *arguments: str) -> list[str]:
    """Return the node ids that pytest collects, without a mistake."""
    done = pytester.runpytest_inprocess("--collect-only", "-q", "--strict-markers", *arguments)
    assert done.ret in (0, 5), done.outlines
    return sorted(line for line in done.outlines if "::" in line)


DOWN, WALLED = "scenarios/down.yaml::down", "scenarios/deeper/walled.yaml::walled"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ([], [WALLED, DOWN]),
        (["scenarios"], [WALLED, DOWN]),
        (["scenarios/deeper"], [WALLED]),
        ([DOWN], [DOWN]),
        (["-k", "walled"], [WALLED]),
        (["-k", "firewall"], [WALLED]),
        (["-m", "firewall"], [WALLED]),
        (["-m", "not-running"], [DOWN]),
        (["-m", "labctl and not firewall"], [DOWN]),
        (["-m", "not labctl"], []),
    ],
)
def test_every_scenario_is_one_test_with_its_cause_as_a_mark(
    pytester: pytest.Pytester, arguments: list[str], ids: list[str]
) -> None:
    """A stack beside them is none."""
    assert collected(pytester, *arguments) == ids


def test_the_folders_may_be_named(folder: Path, pytester: pytest.Pytester) -> None:
    variant(folder / "checks", "mine")
    assert collected(pytester, "checks") == []
    assert collected(pytester, "-o", "labctl_scenarios=checks") == ["checks/mine.yaml::mine"]
    assert collected(pytester, "-o", "labctl_scenarios=checks scenarios/deeper") == ["checks/mine.yaml::mine", WALLED]


def test_a_file_named_itself_is_taken_wherever_it_lies(folder: Path, pytester: pytest.Pytester) -> None:
    variant(folder / "elsewhere", "mine")
    assert collected(pytester, "elsewhere/mine.yaml") == ["elsewhere/mine.yaml::mine"]


def test_yaml_of_others_is_left_alone(pytester: pytest.Pytester) -> None:
    """Also where another program calls its folder so."""
    for name in ("ci.yaml", ".github/workflows/ci.yml", "scenarios/load.yml", "tests/data/expect.yaml"):
        file = pytester.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("name: load\nconfig: {target: x}\nexpect: 200\n")
    (pytester.path / "scenarios" / "none.yaml").write_text("{no yaml")
    assert collected(pytester) == []


def test_beside_scenarios_nothing_is_left_out_because_it_is_wrong(folder: Path) -> None:
    (folder / "scenarios" / "half.yaml").write_text("name: half\ntilte: no\n")
    (folder / "scenarios" / "none.yaml").write_text("{no yaml")
    done = pytest_in(folder, "scenarios", "--collect-only")
    assert done.returncode == 2
    assert "ERROR collecting scenarios/half.yaml" in done.stdout
    assert "\nscenarios/half.yaml:2:1: unknown key 'tilte'. Did you mean 'title'?\n" in done.stdout
    assert "\nscenarios/none.yaml:1:" in done.stdout
    assert "Traceback" not in done.stdout
    assert "labctl/" not in done.stdout, "no line of the plugin"


def test_two_scenarios_of_one_name_are_refused_and_both_named(folder: Path) -> None:
    variant(folder / "scenarios" / "deeper", "down")
    done = pytest_in(folder, "scenarios", "--collect-only")
    assert done.returncode == 2
    assert "two scenarios are called 'down': scenarios/deeper/down.yaml and scenarios/down.yaml." in done.stdout


def test_the_marks_are_listed(tmp_path: Path) -> None:
    shown = pytest_in(tmp_path, "--markers").stdout
    assert "@pytest.mark.labctl: a scenario of labctl" in shown
    assert "@pytest.mark.listening-address: a scenario of labctl. The server runs" in shown


def test_an_unknown_client_is_refused_before_anything_runs(folder: Path) -> None:
    done = pytest_in(folder, "--labctl-client", "crul")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "there is no client called 'crul'.\nDid you mean curl?" in done.stderr


def test_without_an_engine_one_error_says_so(folder: Path) -> None:
    done = pytest_in(folder, **NOWHERE)
    assert done.returncode == 1
    assert "1 skipped, 1 error" in done.stdout
    assert "tcp://127.0.0.1:1 (DOCKER_HOST): Connection refused" in done.stdout
    assert "Traceback" not in done.stdout
    assert "above exception" not in done.stdout
    assert ".py:" not in done.stdout


def test_a_pytest_without_scenarios_pays_next_to_nothing(tmp_path: Path) -> None:
    """Every pytest of an environment with labctl loads the plugin, but nothing heavy with it."""
    (tmp_path / "test_it.py").write_text("def test_it(): pass")
    ran = python(tmp_path, "-c", STARTED)
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr
    modules = set(ran.stdout.splitlines()[-1].split())
    without = set(python(tmp_path, "-c", STARTED, "-p", "no:labctl").stdout.splitlines()[-1].split())
    assert "labctl.testing.plugin" in modules - without
    assert not HEAVY & (modules - without)
