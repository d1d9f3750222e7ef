"""The image's tag: the same for the same files, another for any change that matters."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.provision import base, image
from labctl.provision.image import Layer
from labctl.system.places import images

BELOW = {"BASE": "below"}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Write two files of a layer."""
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("two")
    return {"a": tmp_path / "a", "b": tmp_path / "b"}


def test_the_tag_is_a_function_of_what_goes_in(files: dict[str, Path]) -> None:
    tag = Layer("x", files, BELOW).tag
    assert tag == Layer("x", dict(reversed(files.items())), BELOW).tag
    assert tag.startswith("x:")
    others = [
        Layer("x", files, {"BASE": "another"}),
        Layer("x", {"a": files["a"]}, BELOW),
        Layer("x", {"a": files["a"], "c": files["b"]}, BELOW),
        Layer("x", {"a": files["b"], "b": files["a"]}, BELOW),
    ]
    assert len({tag, *(other.tag for other in others)}) == 5
    files["a"].write_text("changed")
    assert Layer("x", files, BELOW).tag != tag


def test_the_layers_stand_on_one_another() -> None:
    tools, python, programs = image.layers(environment={})
    assert tools.parents == {"BASE": "base auto"}
    assert python.parents == {"BASE": tools.tag}
    assert programs.parents == {"BASE": python.tag}


@pytest.mark.parametrize("name", images())
def test_every_layer_comes_after_those_that_it_is_made_from(name: str) -> None:
    seen = {"base auto"}
    layers = image.layers(name, environment={})
    assert layers
    for layer in layers:
        assert set(layer.parents.values()) <= seen
        assert "BASE" in layer.parents
        assert layer.holds
        seen.add(layer.tag)


def test_an_image_that_copies_from_another_changes_with_it(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM scratch\n")
    tags = {Layer("x", {"Dockerfile": file}, {"BASE": "a", "FROM": other}).tag for other in ("b", "c")}
    assert len(tags) == 2


def test_the_choice_of_the_base_changes_every_tag() -> None:
    chosen = [image.layers(environment={"LABCTL_BASE": choice}) for choice in ("", "pull", "packages", "mine:1")]
    assert len({layer.tag for layers in chosen for layer in layers}) == 12


def test_agent_clients_and_server_are_in_the_last_layer_only() -> None:
    tools, python, programs = image.layers(environment={})
    assert {"labctl/__init__.py", "labctl/agent/__main__.py", "labctl/clients/__main__.py"} <= set(programs.files)
    assert {"serve.py", "server.py", "answers.py"} <= set(programs.files)
    assert not {"labctl/cli/main.py", "labctl/engine/connection.py"} & set(programs.files)
    assert {"bin/agent", "bin/clients", "bin/serve"} <= set(programs.files)
    assert set(tools.files) == {"Dockerfile", "packages.txt"}
    assert set(python.files) == {"Dockerfile", "requirements.txt"}


def test_pythons_caches_do_not_count() -> None:
    files = [path for layer in image.layers(environment={}) for path in layer.files]
    assert any(path.endswith(".py") for path in files)
    assert not [path for path in files if path.endswith(".pyc")]


@given(st.text(max_size=20))
def test_any_choice_of_a_base_is_taken_as_a_name_unless_it_is_blank(choice: str) -> None:
    assert base.choice({"LABCTL_BASE": choice}) == (choice.strip() or "auto")
