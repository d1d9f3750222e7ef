"""When labctl may start an engine of its own; that it does is tested in tests/engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.errors import EngineUnavailable
from labctl.provision import daemon, debian
from labctl.provision.private import Private


def refuse(question: str) -> bool:
    raise AssertionError(question)


def test_an_engine_that_the_user_chose_is_not_replaced_by_one_of_labctls(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "DOCKER_HOST": "tcp://127.0.0.1:1"}
    with pytest.raises(EngineUnavailable, match="DOCKER_HOST"):
        daemon.start(environment, progress=print, confirm=refuse)
    assert not list(tmp_path.iterdir())


def test_everything_of_the_private_engine_lies_in_its_folder(tmp_path: Path) -> None:
    private = Private.of({"LABCTL_STATE": str(tmp_path)})
    for path in (private.settings, private.pid_file, private.socket, private.log, private.data, private.run):
        assert path.is_relative_to(tmp_path / "engine")


def test_stopping_what_never_ran_changes_nothing(tmp_path: Path) -> None:
    assert daemon.stop({"LABCTL_STATE": str(tmp_path)}, progress=print) is False
    assert not list(tmp_path.iterdir())


def test_a_pid_file_that_names_another_process_is_seen_through(tmp_path: Path) -> None:
    private = Private.of({"LABCTL_STATE": str(tmp_path)})
    private.folder.mkdir()
    private.pid_file.write_text("1")
    assert private.process() is None
    assert private.orphans() == []


def test_what_is_installed_for_a_missing_program_is_named_for_each() -> None:
    assert "docker.io" in daemon.PACKAGES["dockerd"]
    assert daemon.PACKAGES["iptables"] == ["iptables"]
    assert debian.program("no-such-program-anywhere") is None


@pytest.mark.parametrize(
    ("said", "overcome", "networks"),
    [
        ("failed to start containerd: timeout waiting for containerd to start", True, True),
        (
            "panic: runtime error: index out of range [0] with length 0\n\ngoroutine 1 [running]:\ngithub.com/docker/libnetwork.(*controller).reservePools(0x5649)",
            True,
            False,
        ),
        ("failed to start daemon: no space left on device", False, True),
    ],
)
def test_what_an_engine_that_was_killed_left_is_overcome_and_nothing_else_is_touched(
    said: str, overcome: bool, networks: bool, tmp_path: Path
) -> None:
    private = Private(tmp_path)
    store = private.data / "network" / "files" / "local-kv.db"
    store.parent.mkdir(parents=True)
    store.touch()
    private.log.write_text(said)
    assert bool(private.overcome()) is overcome
    assert store.exists() is networks
