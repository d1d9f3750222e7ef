"""`labctl new`: what it writes has no mistakes, explains the whole language, and takes the place of nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pydantic
import pytest
from ruamel.yaml import YAML

from labctl import actions
from labctl.cli.commands.new import LIST, TEMPLATE
from labctl.errors import Mistakes
from labctl.language.fields import Written
from labctl.scenario.load import load
from labctl.scenario.model import Scenario
from labctl.system.places import installed

EXAMPLE = re.compile(r"^( *)#(?! |$)(.*)$", re.MULTILINE)  # what can be used once the # is away
EXAMPLE_GOES_ON = re.compile(r"^( *)#((?:  )+\S.*)$")
INSTALLED = sorted(installed("scenarios").glob("*.yaml"))


def new(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `labctl new` in a folder."""
    command = [sys.executable, "-m", "labctl", "new", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a scenario as it is begun."""
    folder = tmp_path_factory.mktemp("begun")
    done = new(folder, "mine")
    assert done.returncode == 0, done.stderr
    return folder / "scenarios" / "mine.yaml"


def examples(text: str) -> Iterator[str]:
    """Yield the text with one example after the other in use, then with all of them."""
    lines = text.splitlines()
    used = list(lines)
    blocks: list[list[int]] = []
    for number, line in enumerate(lines):
        if EXAMPLE.match(line):
            follows = blocks and blocks[-1][-1] == number - 1 and line.lstrip(" #").startswith("- ")
            blocks[-1].append(number) if follows else blocks.append([number])
        elif blocks and blocks[-1][-1] == number - 1 and EXAMPLE_GOES_ON.match(line):
            blocks[-1].append(number)
    for block in blocks:
        one = list(lines)
        for number in block:
            one[number] = used[number] = line_in_use(lines[number])
        yield "\n".join(one)
    yield "\n".join(used)


def line_in_use(line: str) -> str:
    return line.replace("#", "", 1)


def test_what_is_begun_has_no_mistake_and_its_own_name(begun: Path) -> None:
    loaded = load(begun)
    assert loaded.scenario.name == "mine"
    assert max(map(len, begun.read_text().splitlines())) <= 120


def test_every_example_in_its_comments_can_be_used(begun: Path, tmp_path: Path) -> None:
    texts = list(examples(begun.read_text()))
    assert len(texts) > 8
    for text in texts:
        (tmp_path / "mine.yaml").write_text(text)
        load(tmp_path / "mine.yaml")


def test_it_shows_every_key_that_a_scenario_may_have(begun: Path) -> None:
    *_, everything = examples(begun.read_text())
    written = YAML(typ="safe", pure=True).load(everything)
    assert set(written) == set(Scenario.model_fields)


def models(model: type[pydantic.BaseModel]) -> Iterator[type[pydantic.BaseModel]]:
    """Yield a model and all those within it; actions are told of by their names."""
    yield model
    for field in model.model_fields.values():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, Written) and not issubclass(part, actions.Action):
                yield from models(part)


actions.discover()
PARTS = sorted({*models(Scenario), actions.Until}, key=str)


@pytest.mark.parametrize("model", PARTS, ids=lambda model: model.__name__)
def test_it_names_every_key_within_a_part(begun: Path, model: type[pydantic.BaseModel]) -> None:
    text = begun.read_text()
    keys = {field.alias or name for name, field in model.model_fields.items()}
    assert keys
    assert not {key for key in keys if not re.search(rf"\b{key}:|`{key}`", text)}


@pytest.mark.parametrize("key", sorted(actions.registry))
def test_it_names_every_action(begun: Path, key: str) -> None:
    assert re.search(rf"^#   {key}  ", begun.read_text(), re.MULTILINE)


def test_every_list_in_the_template_is_filled_in(begun: Path) -> None:
    assert LIST.search(TEMPLATE.read_text())
    assert not LIST.search(begun.read_text())


def test_what_to_type_next_is_told(begun: Path, tmp_path: Path) -> None:
    told = new(tmp_path, "mine").stdout
    assert told.startswith("wrote scenarios/mine.yaml\n")
    assert "labctl run mine " in told
    elsewhere = new(tmp_path, "mine", "--path", str(tmp_path / "a folder" / "mine.yaml")).stdout
    assert f"labctl run '{tmp_path}/a folder/mine.yaml' " in elsewhere
    assert (tmp_path / "a folder" / "mine.yaml").read_text() == begun.read_text()


@pytest.mark.parametrize("name", ["Mine", "1st", "my_own", "two words", "a/b", "..", "é", "-x", "", "a" * 64, "mine\n"])
def test_a_name_that_no_scenario_may_have_is_refused(name: str, tmp_path: Path) -> None:
    done = new(tmp_path, "--", name)
    assert done.returncode == 2
    assert done.stderr.startswith("labctl: a scenario cannot be called ")
    assert "small letters, digits and hyphens" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    mine = tmp_path / "scenarios" / "mine.yaml"
    mine.write_text("precious")
    done = new(tmp_path, "mine")
    assert done.returncode == 2
    assert "scenarios/mine.yaml exists already" in done.stderr
    assert mine.read_text() == "precious"


@pytest.mark.parametrize("wanted", ["other.yaml", "mine.txt", "mine"])
def test_a_file_has_the_name_of_its_scenario(wanted: str, tmp_path: Path) -> None:
    done = new(tmp_path, "mine", "--path", wanted)
    assert done.returncode == 2
    assert "--path mine.yaml" in done.stderr


def test_a_folder_may_be_named_in_place_of_a_file(tmp_path: Path) -> None:
    assert new(tmp_path, "mine", "--path", ".").returncode == 0
    assert load(tmp_path / "mine.yaml").scenario.name == "mine"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    done = new(tmp_path, "mine", "--path", "/proc/self/mine.yaml")
    assert done.returncode == 2
    assert done.stderr == "labctl: /proc/self/mine.yaml cannot be written: No such file or directory.\n"


@pytest.mark.parametrize("file", INSTALLED, ids=lambda file: file.stem)
def test_a_copy_differs_in_its_name_only(file: Path, tmp_path: Path) -> None:
    assert new(tmp_path, "mine", "--from", file.stem).returncode == 0
    copied = load(tmp_path / "scenarios" / "mine.yaml")
    assert copied.scenario.model_copy(update={"name": file.stem}) == load(file).scenario
    text = (tmp_path / "scenarios" / "mine.yaml").read_text()
    assert text.startswith(f"# Begun from {file.stem} by `labctl new`")


def test_a_copy_of_a_copy_tells_the_nearest_only(tmp_path: Path) -> None:
    assert new(tmp_path, "one", "--from", "server-down").returncode == 0
    assert new(tmp_path, "two", "--from", "one").returncode == 0
    begun = re.findall("^# Begun from.*", (tmp_path / "scenarios" / "two.yaml").read_text(), re.MULTILINE)
    assert begun == ["# Begun from one by `labctl new`: change it step by step, its words too."]


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_a_copy_finds_a_stack_that_lies_beside_its_origin(
    quote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack's path is from the scenario's own folder, so another folder needs another path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my stacks").mkdir()
    (tmp_path / "my stacks" / "own.yaml").write_text((installed("compose") / "pair.yaml").read_text())
    text = (installed("scenarios") / "server-down.yaml").read_text()
    text = text.replace("name: server-down", f"name: {quote}first{quote}  # its name")
    text = text.replace("stack: pair", f"stack: {quote}./own.yaml{quote}  # its stack")
    (tmp_path / "my stacks" / "first.yaml").write_text(text)
    assert new(tmp_path, "second", "--from", "my stacks/first.yaml").returncode == 0
    copied = load(tmp_path / "scenarios" / "second.yaml")
    assert copied.stack_file.samefile(tmp_path / "my stacks" / "own.yaml")
    copy = (tmp_path / "scenarios" / "second.yaml").read_text()
    assert "name: second  # its name" in copy
    assert "  # its stack" in copy


def test_an_origin_with_mistakes_is_told_and_not_copied(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("name: wrong\ncolour: red\n")
    with pytest.raises(Mistakes):
        load(tmp_path / "wrong.yaml")
    done = new(tmp_path, "mine", "--from", "wrong.yaml")
    assert done.returncode == 2
    assert "wrong.yaml:2:1" in done.stderr
    assert not (tmp_path / "scenarios").exists()
