"""The image's tag: the same for the same files, another for any change that matters."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import base, image
from labctl.image import Layer


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Write two files of a layer."""
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("two")
    return {"a": tmp_path / "a", "b": tmp_path / "b"}


def test_the_tag_is_a_function_of_what_goes_in(files: dict[str, Path]) -> None:
    tag = Layer("x", files, "below").tag
    assert tag == Layer("x", dict(reversed(files.items())), "below").tag
    assert tag.startswith("x:")
    others = [
        Layer("x", files, "another below"),
        Layer("x", {"a": files["a"]}, "below"),
        Layer("x", {"a": files["a"], "c": files["b"]}, "below"),
        Layer("x", {"a": files["b"], "b": files["a"]}, "below"),
    ]
    assert len({tag, *(other.tag for other in others)}) == 5
    files["a"].write_text("changed")
    assert Layer("x", files, "below").tag != tag


def test_the_layers_stand_on_one_another() -> None:
    tools, python, programs = image.layers(environment={})
    assert tools.parent == "base auto"
    assert python.parent == tools.tag
    assert programs.parent == python.tag


def test_the_choice_of_the_base_changes_every_tag() -> None:
    chosen = [image.layers(environment={"LABCTL_BASE": choice}) for choice in ("", "pull", "packages", "mine:1")]
    assert len({layer.tag for layers in chosen for layer in layers}) == 12


def test_agent_clients_and_server_are_in_the_last_layer_only() -> None:
    tools, python, programs = image.layers(environment={})
    assert {"labctl/__init__.py", "labctl/agent/__main__.py", "labctl/clients/__main__.py", "serve.py"} <= set(
        programs.files
    )
    assert not {"labctl/cli.py", "labctl/engine/connection.py"} & set(programs.files)
    assert {"bin/agent", "bin/clients", "bin/serve"} <= set(programs.files)
    assert set(tools.files) == {"Dockerfile", "packages.txt"}
    assert set(python.files) == {"Dockerfile", "requirements.txt"}


def test_pythons_caches_do_not_count() -> None:
    assert not [path for layer in image.layers(environment={}) for path in layer.files if path.endswith(".pyc")]


@given(st.text(max_size=20))
def test_any_choice_of_a_base_is_taken_as_a_name_unless_it_is_blank(choice: str) -> None:
    assert base.choice({"LABCTL_BASE": choice}) == (choice.strip() or "auto")
