"""Docker's errors, made ours at one door."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import docker.errors
import requests

from labctl.errors import EngineError, EngineUnavailable, NotThere, Taken

IN_USE = ("overlaps", "already in use", "already allocated", "already exists")


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn whatever docker-py, requests or the socket raise while `doing` into one of our errors.

    Raises NotThere, Taken, EngineUnavailable, or EngineError with the HTTP status and the engine's own words.
    """
    try:
        yield
    except docker.errors.APIError as error:
        raise _refusal(doing, error) from error
    except docker.errors.DockerException as error:
        raise EngineError(f"could not {doing}: {error}") from error
    except (requests.exceptions.RequestException, OSError) as error:
        raise EngineUnavailable(
            f"could not {doing}: the Docker Engine does not answer ({error}).",
            means="Its process ended, or the connection to it was cut.",
            todo="See `labctl engine status`; then run again.",
        ) from error


def _refusal(doing: str, error: docker.errors.APIError) -> EngineError:
    status = error.response.status_code if error.response is not None else None
    said = str(error.explanation or error)
    kind = EngineError
    if status == requests.codes.not_found:
        kind = NotThere
    elif status == requests.codes.conflict or any(words in said for words in IN_USE):
        kind = Taken
    return kind(f"the Docker Engine would not {doing}: {said}", status=status)
