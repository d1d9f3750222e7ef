"""The stand-in for an engine, beside the engine itself: both are asked the same, and give the same answers."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.engine.connection import Connection
from labctl.lab.piped import Piped
from labctl.standin.settings import FOLDER_VARIABLE, SOCKET
from labctl.system.waiting import poll

ABSENT = ("/nothing", "/vx.1/version", "/v1.41/nothing")


def answered(path: Path, question: str) -> tuple[int, str, str]:
    """Ask at a socket; return the status, the words and the newest version of the API that the answer names."""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", question)
    answer = connection.getresponse()
    text = answer.read().decode().strip()
    connection.close()
    said = json.loads(text)["message"] if text.startswith('{"message"') else text
    return answer.status, said, answer.headers.get("Api-Version", "")


@pytest.fixture(scope="module")
def of_the_engine(connection: Connection) -> Path:
    """Return the engine's own socket."""
    if connection.candidate.socket is None:
        pytest.skip("the engine is reached otherwise than by a socket")
    return Path(connection.candidate.socket)


@pytest.fixture(scope="module")
def versions(of_the_engine: Path) -> dict[str, str]:
    """Return what the engine says of itself."""
    told: dict[str, str] = json.loads(answered(of_the_engine, "/version")[1])
    return told


@pytest.fixture(scope="module")
def of_the_standin(versions: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start a stand-in with the engine's versions; return its socket."""
    folder = tmp_path_factory.mktemp("standin")
    own = {"API": versions["ApiVersion"], "MINIMUM": versions["MinAPIVersion"], FOLDER_VARIABLE: str(folder)}
    program = Piped("labctl.standin", own, folder)
    printed = bytearray()
    program.listen(lambda _, output: printed.extend(output), lambda: None)
    poll(lambda: b"API listen on" in printed, 10, "the stand-in to listen")
    yield folder / SOCKET
    program.close()


@pytest.mark.parametrize(
    "question", ["/_ping", "/v{ApiVersion}/_ping", "/v9.99/version", "/v9.99/_ping", "/v1.0/version", "/v1/version"]
)
def test_both_answer_alike(question: str, versions: dict[str, str], of_the_engine: Path, of_the_standin: Path) -> None:
    asked = question.format(**versions)
    assert answered(of_the_standin, asked) == answered(of_the_engine, asked)


@pytest.mark.parametrize("question", ABSENT)
def test_both_know_nothing_else(question: str, of_the_engine: Path, of_the_standin: Path) -> None:
    assert answered(of_the_standin, question)[:2] == answered(of_the_engine, question)[:2] == (404, "page not found")


def test_both_name_the_versions_that_they_speak(versions: dict[str, str], of_the_standin: Path) -> None:
    told = json.loads(answered(of_the_standin, "/version")[1])
    assert {name: told[name] for name in ("ApiVersion", "MinAPIVersion")} == {
        name: versions[name] for name in ("ApiVersion", "MinAPIVersion")
    }


def test_the_sockets_have_one_mode(of_the_engine: Path, of_the_standin: Path) -> None:
    assert oct(of_the_standin.stat().st_mode) == oct(of_the_engine.stat().st_mode)
