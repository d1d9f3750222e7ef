"""What a scenario or a stack may not ask for is refused: with its place, in good time, and before any engine is asked."""

from __future__ import annotations

import os
import re
import time
import tracemalloc
from pathlib import Path

import pytest

from labctl.cli.main import main
from labctl.report.text import plain
from labctl.stack.model import MOST_HOSTS
from support.attacks import BESIDE, FILES, FOLDER, INJECTED, RIGHTS, SCENARIO, SHOWN, STACK, SURROUNDINGS, Attack
from support.attacks_bare import BARE
from support.attacks_large import LARGE, LONG, YAML
from support.variants import labctl as called
from support.variants import pytest_in

ATTACKS = [*RIGHTS, *BESIDE, *BARE, *FILES, *SURROUNDINGS, *INJECTED, *SHOWN, *YAML, *LARGE, *LONG]
SECONDS = 5.0  # a tenth of it is usual for the largest
MEMORY = 64 << 20  # bytes
NO_ENGINE = {"DOCKER_HOST": "tcp://127.0.0.1:1", "LABCTL_ENGINE": "never"}


def written(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what labctl says of a scenario that it refuses; it prints no traceback, and nothing that steers a terminal."""
    code = main(arguments or ["lint", f"{folder}/attack.yaml"])
    said = capsys.readouterr()
    assert (code, said.out) == (2, ""), said.err
    assert "Traceback" not in said.err
    assert plain(said.err) == said.err
    return said.err.removeprefix("labctl: ").replace(f"{folder}/", "")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.name)
def test_an_attack_is_refused_at_its_place(
    attack: Attack, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, dict(attack.files))
    monkeypatch.chdir(tmp_path)
    began = time.monotonic()
    said = refused(tmp_path, capsys)
    assert time.monotonic() - began < SECONDS
    lines = [line for line in said.splitlines() if attack.says in line]
    assert lines, said[:2000]
    place = re.match(r"([^:]*):(\d+):(\d+): ", lines[0])
    assert place, lines[0]
    assert place[1] == attack.file
    assert attack.says.startswith("this file holds more") or int(place[2]) == attack.line, lines[0]


def test_no_two_attacks_have_one_name() -> None:
    assert len({(one.name, one.file) for one in ATTACKS}) == len(ATTACKS)


def test_what_is_attacked_is_sound_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, dict(FOLDER))
    assert main(["lint", f"{tmp_path}/attack.yaml"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("attack", LARGE, ids=lambda one: one.name)
def test_a_large_file_fills_no_memory(attack: Attack, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, dict(attack.files))
    tracemalloc.start()
    try:
        refused(tmp_path, capsys)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["attack.yaml", "stack.yaml"])
@pytest.mark.parametrize("kind", ["pipe", "endless", "folder", "nowhere"])
def test_what_is_no_file_is_refused_and_not_waited_for(
    kind: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, dict(FOLDER))
    file = tmp_path / name
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to("/dev/zero" if kind == "endless" else tmp_path / "nowhere")
    began = time.monotonic()
    assert name in refused(tmp_path, capsys) or kind == "endless"
    assert time.monotonic() - began < SECONDS


def test_a_folder_with_pipes_and_devices_in_it_is_read_to_its_end(tmp_path: Path) -> None:
    """Where nothing is named, everything in ./scenarios is looked at; by pytest, too."""
    scenarios = tmp_path / "scenarios"
    scenarios.mkdir()
    written(scenarios, dict(FOLDER))
    os.mkfifo(scenarios / "pipe.yaml")
    (scenarios / "zero.yaml").symlink_to("/dev/zero")
    with (scenarios / "sparse.yaml").open("wb") as sparse:
        sparse.truncate(1 << 40)
    done = called(tmp_path, "lint")
    assert done.returncode == 2
    assert done.stderr.startswith("labctl: scenarios/sparse.yaml:1:1: this file is larger than 256 KiB")
    (scenarios / "sparse.yaml").unlink()
    assert called(tmp_path, "lint").returncode == 0


@pytest.mark.parametrize("name", ["attack.yaml", "stack.yaml"])
def test_a_link_to_a_secret_tells_nothing_of_it(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "outside").mkdir()
    inside = tmp_path / "inside"
    inside.mkdir()
    written(inside, dict(FOLDER))
    secret = tmp_path / "outside" / "shadow"
    secret.write_text("root:$6$hunter2:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n")
    (inside / name).unlink()
    (inside / name).symlink_to(secret)
    said = refused(inside, capsys)
    assert "hunter2" not in said
    assert "daemon" not in said
    assert (name == "attack.yaml") or "leads out of the scenario's folder" in said


def test_a_file_s_own_name_steers_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, dict(FOLDER))
    (tmp_path / "a\x1b[2J.yaml").write_text(SCENARIO)
    assert r"a\x1b[2J.yaml:1:7: the name 'attack' is not the file's." in refused(
        tmp_path, capsys, "lint", f"{tmp_path}/a\x1b[2J.yaml"
    )


@pytest.mark.parametrize("command", [["run"], ["matrix"], ["record"], ["controls"]], ids=lambda one: one[0])
@pytest.mark.parametrize("image", ["nginx", "labctl:latest", "registry.example/labctl", "docker.io/library/labctl-x"])
def test_an_image_that_was_not_allowed_is_refused_before_any_engine_is_asked(
    command: list[str], image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, {**FOLDER, "stack.yaml": STACK.replace("image: labctl\n", f"image: {image}\n")})
    for name, value in NO_ENGINE.items():
        monkeypatch.setenv(name, value)
    said = refused(tmp_path, capsys, *command, f"{tmp_path}/attack.yaml")
    assert said.startswith(f"stack.yaml: the image '{image}' is not labctl's own, and not allowed.\n")
    assert f"--allow-image {image}\n" in said


@pytest.mark.parametrize("pattern", ["nginx:1.25", "nginx:*", "*"])
def test_an_image_that_was_allowed_is_as_good_as_labctl_s_own(
    pattern: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the next thing is to look for the engine, which is not there: exit 3."""
    written(tmp_path, {**FOLDER, "stack.yaml": STACK.replace("image: labctl\n", "image: nginx:1.25\n")})
    for name, value in NO_ENGINE.items():
        monkeypatch.setenv(name, value)
    assert main(["run", "--allow-image", pattern, f"{tmp_path}/attack.yaml"]) == 3
    assert "engine" in capsys.readouterr().err
    refused(tmp_path, capsys, "run", "--allow-image", "nginx", "--allow-image", "x*", f"{tmp_path}/attack.yaml")


def test_pytest_refuses_such_an_image_as_well_until_it_is_allowed(tmp_path: Path) -> None:
    written(tmp_path, {**FOLDER, "stack.yaml": STACK.replace("image: labctl\n", "image: nginx:1.25\n")})
    refused = pytest_in(tmp_path, "attack.yaml", **NO_ENGINE)
    assert refused.returncode == 1
    assert "the image 'nginx:1.25' is not labctl's own, and not allowed." in refused.stdout
    allowed = pytest_in(tmp_path, "attack.yaml", "--labctl-allow-image=nginx:*", **NO_ENGINE)
    assert allowed.returncode == 1
    assert "not allowed" not in allowed.stdout
    assert "engine" in allowed.stdout


def test_a_stack_has_room_for_no_more_hosts_than_its_network() -> None:
    assert MOST_HOSTS < 300
