"""Images and one-off containers on a real engine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.engine import images, once
from labctl.engine.connection import Connection
from labctl.errors import EngineError, HostError, NotThere, UsageError
from labctl.provision import image
from labctl.system.places import OWN_IMAGE
from labctl.system.places import images as images_on_disk
from support.labs import context

NOWHERE = "127.0.0.1:1/nothing:1"
"""An image of a registry that does not exist; only loopback is asked."""


@pytest.fixture(scope="module")
def built(connection: Connection) -> image.Image:
    """Return labctl's own image."""
    return image.ensure(connection, OWN_IMAGE, progress=print)[OWN_IMAGE]


@pytest.fixture
def name(connection: Connection) -> Iterator[str]:
    """Return a name for an image that is removed after the test."""
    chosen = f"labctl-test:{secrets.token_hex(4)}"
    yield chosen
    if images.find(connection, chosen) is not None:
        images.remove(connection, chosen)


def leftovers(connection: Connection) -> list[str]:
    found = connection.api.containers(all=True, filters={"label": "labctl.once"})
    return [one["Labels"]["labctl.once"] for one in found]


def test_an_image_that_is_there_is_found_quickly(connection: Connection, built: image.Image) -> None:
    began = time.monotonic()
    assert image.ensure(connection, OWN_IMAGE, progress=pytest.fail) == {OWN_IMAGE: built}
    assert time.monotonic() - began < 1


def test_an_image_that_is_not_there_is_none(connection: Connection) -> None:
    assert images.find(connection, "labctl-test:none") is None


def test_the_images_carry_labels_and_know_their_base(connection: Connection, built: image.Image) -> None:
    stored = images.find(connection, built.tag)
    assert stored is not None
    assert stored.labels["labctl.image"] == "labctl"
    assert stored.labels["labctl.base"] == built.base
    assert built.base


def test_every_package_is_recorded_with_its_version(connection: Connection, built: image.Image) -> None:
    listed = image.packages(connection, built)
    wanted = (images_on_disk()["labctl-tools"] / "packages.txt").read_text().split()
    names = {line.split()[0] for line in listed}
    assert set(wanted) <= names
    assert any(line.startswith("requests==") for line in listed)
    assert all(len(line.split()) == 2 or "==" in line for line in listed)


@pytest.mark.parametrize(
    "program",
    [
        *("agent", "clients", "serve", "python3", "iptables", "nft", "ufw", "conntrack"),
        *("ip", "ss", "netstat", "ps", "nc", "telnet", "dig", "curl"),
    ],
)
def test_the_image_has_the_tools(connection: Connection, built: image.Image, program: str) -> None:
    """Looked for as root is set up, for that is who uses the tools."""
    ran = once.run_once(connection, built.tag, ["which", program], purpose="look for a tool", user="root")
    assert ran.exit_code == 0


def test_programs_run_as_an_ordinary_user_and_the_packages_load(connection: Connection, built: image.Image) -> None:
    code = (
        "import os, labctl.agent, labctl.clients, requests, tenacity, pyroute2; print(os.getuid(), requests.__cached__)"
    )
    ran = once.run_once(connection, built.tag, ["python3", "-c", code], purpose="import")
    assert (ran.exit_code, ran.stderr) == (0, "")
    uid, compiled = ran.stdout.split()
    assert uid == "1000"
    found = once.run_once(connection, built.tag, ["test", "-s", compiled], purpose="look for a compiled file")
    assert found.exit_code == 0


def test_a_command_is_run_to_its_end_and_leaves_no_container(connection: Connection, built: image.Image) -> None:
    ran = once.run_once(connection, built.tag, ["sh", "-c", "echo out; echo err >&2; exit 3"], purpose="speak")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (3, "out\n", "err\n")
    assert "speak" not in leftovers(connection)


def test_a_command_that_takes_too_long_is_ended(connection: Connection, built: image.Image) -> None:
    ran = once.run_once(connection, built.tag, ["sleep", "60"], purpose="oversleep", timeout=1)
    assert ran.exit_code is None
    assert ran.seconds < 10
    assert "oversleep" not in leftovers(connection)


def test_a_command_that_cannot_start_leaves_no_container(connection: Connection, built: image.Image) -> None:
    with pytest.raises(EngineError, match="no-such-program"):
        once.run_once(connection, built.tag, ["no-such-program"], purpose="stumble")
    assert "stumble" not in leftovers(connection)


def test_a_file_that_is_not_there_is_not_there(connection: Connection, built: image.Image) -> None:
    with pytest.raises(NotThere):
        once.read_file(connection, built.tag, "/no/such/file")


def test_a_failing_build_names_the_command_and_quotes_its_last_output(
    connection: Connection, built: image.Image, name: str
) -> None:
    dockerfile = f"FROM {built.tag}\nRUN echo the reason >&2; exit 7\n"
    with pytest.raises(HostError) as caught:
        images.build(connection, context(Dockerfile=dockerfile), name, arguments={}, labels={}, progress=print)
    assert "RUN echo the reason" in caught.value.what
    assert "the reason" in caught.value.means
    assert images.find(connection, name) is None


def test_a_build_passes_arguments_and_labels_on(connection: Connection, built: image.Image, name: str) -> None:
    said: list[str] = []
    stored = images.build(
        connection,
        context(Dockerfile="ARG BASE\nFROM $BASE\nRUN echo hello\n"),
        name,
        arguments={"BASE": built.tag},
        labels={"labctl.image": "test"},
        progress=said.append,
        fresh=True,
    )
    assert stored.labels["labctl.image"] == "test"
    assert "hello" in said
    assert name in {found.name for found in images.labelled(connection, "labctl.image=test")}


def test_a_tarball_becomes_an_image_with_its_labels(connection: Connection, name: str, tmp_path: Path) -> None:
    tarball = tmp_path / "base.tar"
    tarball.write_bytes(context(hello="world").getvalue())
    labels = {"labctl.image": "test", "labctl.base": 'a "quoted" $word'}
    stored = images.import_tarball(connection, tarball, name, labels=labels, changes=['CMD ["x"]'])
    assert stored.labels == labels
    assert once.read_file(connection, name, "/hello") == b"world"


def test_a_registry_that_does_not_answer_is_given_up_quickly(connection: Connection) -> None:
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"pull 127\.0\.0\.1:1/nothing:1"):
        images.pull(connection, NOWHERE, progress=print)
    assert time.monotonic() - began < images.CONNECT + images.SILENCE + 1


def test_a_base_that_cannot_be_had_is_the_users_mistake(connection: Connection, tmp_path: Path) -> None:
    environment = {"LABCTL_BASE": NOWHERE, "LABCTL_STATE": str(tmp_path)}
    with pytest.raises(UsageError, match="LABCTL_BASE"):
        image.ensure(connection, OWN_IMAGE, progress=print, environment=environment)
