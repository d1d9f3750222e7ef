"""A client of another package costs one file and one entry point; one that is broken is named, and the rest works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.strangers import install, python

GREETER = '''\
"""Connects, and says nothing: a client that runs in the image and nowhere else."""

import socket
from pathlib import Path

SCHEMES = ("http",)
if not Path("/opt/labctl/plugins").is_dir():
    raise RuntimeError("it was imported outside of the client's host")


def version():
    return "greeter 7"


def attempt(target, timeout, stage):
    stage.now = "connect"
    socket.create_connection((target.host, target.port), timeout).close()
'''
FRAGILE = GREETER.replace('return "greeter 7"', 'raise RuntimeError("no version today")')
OF_NOTHING = GREETER.replace("SCHEMES", "KINDS")
PROGRAM = '''\
"""A command-line client, told by its exit code."""

SCHEMES = ("http",)


def version():
    return "bash 1"


def command(target, timeout):
    return ["bash", "-c", f": < /dev/tcp/{target.host}/{target.port}"]


def read(exit_code, stdout, stderr):
    number = 111 if "Connection refused" in stderr else None
    outcome = "ok" if exit_code == 0 else "refused" if number else "protocol-error"
    return {"outcome": outcome, "stage": None, "number": number, "says": stderr.strip()}
'''


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two clients that work, and one of every kind that does not."""
    folder = tmp_path_factory.mktemp("installed")
    for name, module, content in (
        ("say.hello", "greeter", GREETER),
        ("bash", "by_bash", PROGRAM),
        ("fragile", "fragile_client", FRAGILE),
        ("of-nothing", "client_of_nothing", OF_NOTHING),
        ("nowhere", "no_such_module_anywhere", None),
        ("curl", "another_curl", GREETER),
        ("under_score", "underscored", GREETER),
    ):
        install(folder, "labctl.clients", name, module, content)
    package = folder / "wrecked"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('not on this machine')\n")
    install(folder, "labctl.clients", "wrecked", "wrecked.client", None)
    return folder


@pytest.mark.usefixtures("session")
def test_clients_of_other_packages_try_to_connect_and_broken_ones_are_noted(elsewhere: Path, root: Path) -> None:
    ran = python(elsewhere, root, "-m", "labctl", "run", "loopback-bind", "--json")
    assert ran.returncode == 0, ran.stderr
    [result] = json.loads(ran.stdout)
    for phase in result["phases"]:
        tries = {one["client"]: one for one in phase["observations"][-1]["tries"]}
        assert {"bash", "say.hello", "socket"} < tries.keys()
        broken = phase["phase"] in ("faulted", "unfixed")
        assert {one["outcome"] for one in tries.values()} == {"refused" if broken else "ok"}
    assert result["versions"]["say.hello"] == "greeter 7"
    notes = (elsewhere / result["folder"] / "journal.jsonl").read_text()
    assert "the client fragile is left out: RuntimeError: no version today" in notes
    assert "the client nowhere is left out: no_such_module_anywhere: ModuleNotFoundError" in notes


@pytest.mark.usefixtures("session")
def test_only_the_clients_that_are_asked_for_are_loaded(elsewhere: Path, root: Path) -> None:
    ran = python(elsewhere, root, "-m", "labctl", "run", "loopback-bind", "--json", "--client", "say.hello")
    assert ran.returncode == 0, ran.stderr
    [result] = json.loads(ran.stdout)
    assert {one["client"] for phase in result["phases"] for one in phase["observations"][-1]["tries"]} == {"say.hello"}
    assert "fragile" not in (elsewhere / result["folder"] / "journal.jsonl").read_text()


@pytest.mark.usefixtures("session")
def test_the_list_names_their_files_and_why_others_are_left_out(elsewhere: Path, root: Path) -> None:
    ran = python(elsewhere, root, "-m", "labctl", "clients", "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["clients"]["say.hello"] == {
        "version": "greeter 7",
        "asks_again": False,
        "schemes": ["http"],
        "plugin": str(elsewhere / "greeter.py"),
    }
    assert told["clients"]["curl"]["plugin"] is None
    assert told["broken"] == {
        "fragile": "RuntimeError: no version today",
        "of-nothing": "AttributeError: module 'labctl_plugins.of-nothing' has no attribute 'SCHEMES'",
        "nowhere": "no_such_module_anywhere: ModuleNotFoundError: No module named 'no_such_module_anywhere'",
        "curl": "another_curl: ValueError: the name 'curl' is taken",
        "under_score": "underscored: ValueError: a client's name is lower-case letters, digits, dots and hyphens",
        "wrecked": "wrecked.client: SystemExit: not on this machine",
    }
    shown = python(elsewhere, root, "-m", "labctl", "clients").stdout
    assert f"greeter 7, from {elsewhere / 'greeter.py'}" in shown
    assert "no version today" in shown.partition("left out")[2]


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("name", "why"), [("fragile", "no version today"), ("nowhere", "No module named 'no_such_module_anywhere'")]
)
def test_a_broken_client_that_is_asked_for_is_a_mistake_of_usage(
    elsewhere: Path, root: Path, name: str, why: str
) -> None:
    ran = python(elsewhere, root, "-m", "labctl", "run", "loopback-bind", "--client", name)
    assert ran.returncode == 2, ran.stdout
    assert f"the client {name} cannot be used" in ran.stderr
    assert why in ran.stderr


def test_a_name_that_two_packages_give_is_the_first_ones(tmp_path: Path, root: Path) -> None:
    for module in ("first", "second"):
        install(tmp_path, "labctl.clients", "twice", module, GREETER)
    told = "from labctl.clients import broken_plugins, plugins; print([*plugins()], broken_plugins)"
    ran = python(tmp_path, root, "-c", told)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("['twice'] {'twice': ")
    assert "ValueError: the name 'twice' is taken" in ran.stdout
