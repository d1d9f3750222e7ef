"""Every error of Docker's SDK, its HTTP client and its sockets becomes one of labctl's."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import docker.credentials.errors
import docker.errors
import pytest
import requests
import urllib3.exceptions
from docker.models.containers import Container

from labctl.engine.translate import translate, translated
from labctl.errors import EngineError, EngineSilent, EngineUnavailable, HostError, NotThere, Taken

SPECIAL: dict[type[Exception], Exception] = {
    docker.errors.ContainerError: docker.errors.ContainerError(Container(), 1, "true", "image", "no"),
    docker.errors.BuildError: docker.errors.BuildError("no", iter(())),
    docker.errors.TLSParameterError: docker.errors.TLSParameterError("no"),
    docker.errors.MissingContextParameter: docker.errors.MissingContextParameter("name"),
    docker.errors.ContextAlreadyExists: docker.errors.ContextAlreadyExists("name"),
    docker.errors.ContextException: docker.errors.ContextException("name"),
    docker.errors.ContextNotFound: docker.errors.ContextNotFound("name"),
}
"""Those that are not made from one text."""


def exceptions(module: Any) -> Iterator[type[Exception]]:
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, Exception) and found.__module__ == module.__name__:
            yield found


def refused(status: int, message: str) -> docker.errors.APIError:
    """Make the error that the SDK raises for an engine's answer."""
    answer = requests.Response()
    answer.status_code = status
    return docker.errors.APIError("refused", response=answer, explanation=message)


@pytest.mark.parametrize("kind", [*exceptions(docker.errors), *exceptions(docker.credentials.errors)])
def test_none_of_dockers_own_errors_lacks_a_translation(kind: type[Exception]) -> None:
    error = SPECIAL.get(kind) or kind("something went wrong")
    ours = translate(error, "do it")
    assert ours is not None
    assert "do it" in ours.what


@pytest.mark.parametrize("kind", [*exceptions(requests.exceptions)])
def test_none_of_the_http_clients_errors_lacks_a_translation(kind: type[Exception]) -> None:
    if issubclass(kind, Warning):
        return
    error = kind("text", "document", 0) if kind is requests.exceptions.JSONDecodeError else kind("something went wrong")
    assert isinstance(translate(error, "do it"), EngineError)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (404, "No such container: web", NotThere),
        (409, 'Conflict. The container name "/web" is already in use', Taken),
        (409, "removal of container web is already in progress", Taken),
        (403, "Pool overlaps with other one on this address space", Taken),
        (403, "Address already in use", Taken),
        (500, "driver failed: Bind for 0.0.0.0:80 failed: port is already allocated", Taken),
        (403, "network lab has active endpoints", EngineError),
        (500, "something broke", EngineError),
    ],
)
def test_a_refusal_keeps_its_words_and_status(status: int, message: str, kind: type[EngineError]) -> None:
    with pytest.raises(EngineError) as caught, translated("make the lab"):
        raise refused(status, message)
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert message in caught.value.what
    assert "make the lab" in caught.value.what


def test_a_lost_connection_says_so_in_the_words_of_the_operating_system() -> None:
    bottom = ConnectionRefusedError(111, "Connection refused")
    error = requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", bottom))
    ours = translate(error, "list the networks")
    assert isinstance(ours, EngineUnavailable)
    assert ours.what == "could not list the networks: the Docker Engine does not answer (Connection refused)."


def test_an_answer_that_does_not_come_in_time_is_no_lost_connection() -> None:
    ours = translate(requests.ReadTimeout("Read timed out."), "stop the container")
    assert type(ours) is EngineSilent
    assert "in time" in ours.what


def test_errors_of_labctl_pass_through_as_they_are() -> None:
    error = HostError("a disk is full")
    with pytest.raises(HostError) as caught, translated("do it"):
        raise error
    assert caught.value is error


def test_mistakes_in_the_code_are_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), translated("do it"):
        _ = 1 / 0
