"""Docker's errors, made ours at one door.

    with translated("make the container web"):
        api.create_container(…)

Inside, whatever Docker's SDK, its HTTP client or its sockets raise becomes an error of labctl's: NotThere (404),
Taken (409, and what engines answer for a subnet, address or port in use), EngineUnavailable (the connection is lost),
EngineSilent (no answer in time), or EngineError. Each keeps the engine's own words and its HTTP status. labctl's own
errors pass through.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from labctl.errors import EngineError, EngineSilent, EngineUnavailable, LabctlError, NotThere, Taken

IN_USE = ("overlaps", "already in use", "already allocated", "already exists")
"""What engines say, with 403 or 500, where something belongs to somebody else (libnetwork's errors)."""

LISTENING = "address already in use"  # EADDRINUSE, of a port that is to be published

NOT_FOUND, CONFLICT = 404, 409
GONE = "Its process ended, or the connection to it was cut."
LOCKED = "It is very busy, or it is locked up."
LISTENS = "Something on the machine listens there: `ss -ltnp` shows what. End it, or publish another port."
LOOK = "See `labctl engine status`; then run again."


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn whatever is raised while `doing` ("make the container web") into one of our errors.

    Raises NotThere, Taken, EngineUnavailable, or EngineError with the HTTP status and the engine's own words.
    """
    try:
        yield
    except LabctlError:
        raise
    except Exception as error:
        ours = translate(error, doing)
        if ours is None:
            raise
        raise ours from error


def translate(error: Exception, doing: str) -> EngineError | None:
    """Return our error for one of Docker's, or None for an error that does not come from there."""
    import docker.errors
    import requests
    import urllib3.exceptions
    from docker.credentials.errors import StoreError

    match error:
        case docker.errors.APIError():
            return refusal(doing, str(error.explanation or error), error.status_code)
        case requests.exceptions.Timeout() | urllib3.exceptions.TimeoutError() | TimeoutError():
            what = f"could not {doing}: the Docker Engine did not answer in time."
            return EngineSilent(what, means=LOCKED, todo=LOOK)
        case docker.errors.DockerException() | docker.errors.StreamParseError() | StoreError():
            return lost(doing, error) or EngineError(f"could not {doing}: {sentence(error)}")
        case requests.RequestException() | urllib3.exceptions.HTTPError() | OSError():
            return lost(doing, error) or EngineUnavailable(
                f"could not {doing}: the Docker Engine does not answer ({error}).", means=GONE, todo=LOOK
            )
    return None


def refusal(doing: str, explanation: str, status: int | None) -> EngineError:
    """Return the error for an answer that is no success."""
    what = f"the Docker Engine would not {doing}: {explanation.strip()}"
    if status == NOT_FOUND:
        return NotThere(what, status=status)
    if status == CONFLICT or any(words in explanation for words in IN_USE):
        return Taken(what, todo=LISTENS if LISTENING in explanation else "", status=status)
    return EngineError(what, status=status)


def lost(doing: str, error: BaseException) -> EngineUnavailable | None:
    """Return the error for a lost connection, if a socket's error is what lies at the bottom of `error`."""
    bottom = socket_error(error)
    if bottom is None:
        return None
    what = f"could not {doing}: the Docker Engine does not answer ({reason(bottom)})."
    return EngineUnavailable(what, means=GONE, todo=LOOK)


def socket_error(error: BaseException) -> OSError | None:
    """Return the operating system's error from which `error` was made, or None.

    The SDK, requests and urllib3 wrap one another, each in its own way: as cause, as context, as an argument.
    """
    import requests

    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, OSError) and not isinstance(one, requests.RequestException):
            return one
        pending += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return None


def reason(error: OSError) -> str:
    """Return an operating system's error in its own words, without Python's brackets."""
    return error.strerror or str(error) or type(error).__name__


def sentence(error: BaseException) -> str:
    """Return an error's text with exactly one full stop; its class where it has no text."""
    return (str(error).strip() or type(error).__name__).rstrip(".") + "."
