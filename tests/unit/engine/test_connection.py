"""Where an engine is looked for, and what is said where none answers; sockets are real, and nobody mocks Docker."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

import pytest

from labctl.engine.connection import Candidate, candidates, connect, knock, silence
from labctl.errors import EngineUnavailable, UsageError


def addresses(environment: dict[str, str]) -> list[tuple[str, str]]:
    return [(one.address, one.source) for one in candidates(environment)]


def context(folder: Path, name: str, endpoint: dict[str, object]) -> None:
    """Write a docker context as `docker context create` does."""
    meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))


def test_the_default_socket_comes_first_and_labctls_own_engine_last(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": "/run/user/7", "LABCTL_STATE": "/s"}
    assert addresses(environment) == [
        ("unix:///var/run/docker.sock", "the default socket"),
        ("unix:///run/user/7/docker.sock", "the rootless socket"),
        ("unix:///s/engine/docker.sock", "labctl's own engine"),
    ]


def test_docker_host_is_the_only_address_tried(tmp_path: Path) -> None:
    assert addresses({"HOME": str(tmp_path), "DOCKER_HOST": "ssh://lab"}) == [("ssh://lab", "DOCKER_HOST")]


@pytest.mark.parametrize("how", ["DOCKER_CONTEXT", "currentContext"])
def test_a_context_in_use_is_the_only_address_tried(tmp_path: Path, how: str) -> None:
    context(tmp_path, "far", {"Host": "tcp://10.0.0.1:2376", "SkipTLSVerify": True})
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    if how == "currentContext":
        (tmp_path / "config.json").write_text(json.dumps({"currentContext": "far"}))
    else:
        environment[how] = "far"
    (found,) = candidates(environment)
    assert (found.address, found.source, found.chosen) == ("tcp://10.0.0.1:2376", "the docker context 'far'", True)
    assert found.verify is False


def test_docker_host_outweighs_a_context(tmp_path: Path) -> None:
    context(tmp_path, "far", {"Host": "tcp://10.0.0.1:2376"})
    environment = {"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "far", "DOCKER_HOST": "ssh://lab"}
    assert addresses(environment) == [("ssh://lab", "DOCKER_HOST")]


def test_the_context_called_default_is_none(tmp_path: Path) -> None:
    (first, *_) = candidates({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "default"})
    assert first.source == "the default socket"


def test_a_context_that_does_not_exist_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no docker context called 'nowhere'"):
        list(candidates({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "nowhere"}))


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"currentContext": ""}'])
def test_settings_of_docker_that_cannot_be_read_count_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    assert next(candidates({"DOCKER_CONFIG": str(tmp_path)})).source == "the default socket"


def test_certificates_are_docker_cert_paths_or_dockers_own_folder(tmp_path: Path) -> None:
    environment = {"DOCKER_HOST": "tcp://far:2376", "DOCKER_CONFIG": str(tmp_path), "DOCKER_TLS_VERIFY": "1"}
    (found,) = candidates(environment)
    assert (found.certificates, found.verify) == (tmp_path, True)
    (found,) = candidates({**environment, "DOCKER_CERT_PATH": "/certs"})
    assert found.certificates == Path("/certs")


def test_certificates_that_are_missing_are_an_answer_and_no_traceback(tmp_path: Path) -> None:
    said = knock(Candidate("tcp://127.0.0.1:1", "DOCKER_HOST", chosen=True, certificates=tmp_path))
    assert isinstance(said, str)
    assert "tls" in said.lower()


def test_only_a_unix_socket_is_local() -> None:
    assert Candidate("unix:///x", "").local
    assert not Candidate("ssh://x", "").local
    assert not Candidate("tcp://127.0.0.1:2375", "").local


def test_a_socket_that_is_not_there_is_told_from_one_that_nobody_serves(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    candidate = Candidate(f"unix://{path}", "the default socket")
    assert knock(candidate) == "there is no such socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    assert knock(candidate) == "Connection refused"


@pytest.mark.parametrize("address", ["nonsense", "tcp://:0:0", "unix:/", "gopher://x"])
def test_an_address_that_makes_no_sense_is_an_answer_and_no_traceback(address: str) -> None:
    assert isinstance(knock(Candidate(address, "DOCKER_HOST", chosen=True)), str)


def test_where_nothing_answers_every_address_is_named_with_what_it_said() -> None:
    tried = [
        (Candidate("unix:///a", "the default socket"), "there is no such socket"),
        (Candidate("unix:///b", "labctl's own engine"), "Connection refused"),
    ]
    error = silence(tried)
    assert "unix:///a (the default socket): there is no such socket" in error.what
    assert "unix:///b (labctl's own engine): Connection refused" in error.what
    assert "labctl engine start" in error.todo
    assert error.exit_code == 3


def test_a_docker_host_that_does_not_answer_is_not_replaced(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "DOCKER_HOST": "tcp://127.0.0.1:1"}
    with pytest.raises(EngineUnavailable) as caught:
        connect(environment)
    assert caught.value.what == (
        "no Docker Engine answers. Tried:\n  tcp://127.0.0.1:1 (DOCKER_HOST): Connection refused"
    )
    assert "no other engine" in caught.value.means
    assert "unset DOCKER_HOST" in caught.value.todo


def test_a_socket_closed_to_the_user_names_the_group() -> None:
    error = silence([(Candidate("unix:///a", "the default socket"), "Permission denied")])
    assert "group `docker`" in error.todo
