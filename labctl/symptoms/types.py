"""What the type of a Python exception tells: labctl/clients/outcomes.py, read by the names that stand in a text."""

from __future__ import annotations

import functools
import importlib

from labctl.clients.outcomes import BY_TYPE, type_name

OURS = {  # a package to labctl's client of that name
    "requests": "requests",
    "urllib3": "urllib3",
    "httpx": "httpx",
    "aiohttp": "aiohttp",
    "urllib": "urllib",
    "asyncio": "asyncio",
    "redis": "redis",
    "psycopg": "psycopg",
    "docker": "docker",
}
STANDARD = ("builtins", "socket", "ssl", "http.client", "urllib.error", "asyncio", "asyncio.exceptions")
"""Modules whose types are asked for their classes; these are all of the standard library, and named here only."""
SUBCLASSES = {  # of other packages, which need not be installed; test_symptoms_python.py holds this against them
    "aiohttp.client_exceptions.ClientConnectorCertificateError": "aiohttp.client_exceptions.ClientConnectorError",
    "aiohttp.client_exceptions.ClientConnectorSSLError": "aiohttp.client_exceptions.ClientConnectorError",
    "aiohttp.client_exceptions.ClientSSLError": "aiohttp.client_exceptions.ClientConnectorError",
    "aiohttp.client_exceptions.ClientProxyConnectionError": "aiohttp.client_exceptions.ClientConnectorError",
    "aiohttp.client_exceptions.UnixClientConnectorError": "aiohttp.client_exceptions.ClientConnectorError",
    "aiohttp.client_exceptions.ServerTimeoutError": "TimeoutError",
    "aiohttp.client_exceptions.ClientConnectionResetError": "ConnectionResetError",
    "aiohttp.client_exceptions.ContentTypeError": "aiohttp.client_exceptions.ClientResponseError",
    "aiohttp.client_exceptions.WSServerHandshakeError": "aiohttp.client_exceptions.ClientResponseError",
    "aiohttp.client_exceptions.ClientHttpProxyError": "aiohttp.client_exceptions.ClientResponseError",
    "aiohttp.client_exceptions.TooManyRedirects": "aiohttp.client_exceptions.ClientResponseError",
    "urllib3.exceptions.IncompleteRead": "http.client.IncompleteRead",
    "urllib3.exceptions.InvalidChunkLength": "http.client.IncompleteRead",
    "socket.timeout": "TimeoutError",  # until Python 3.9
    "asyncio.exceptions.TimeoutError": "TimeoutError",  # until Python 3.10
    "concurrent.futures._base.TimeoutError": "TimeoutError",
}
ANSWERS = {  # the server was reached, and answered: only some statuses tell of a connection (codes.NOT_READY)
    "http.client.HTTPException",
    "urllib.error.HTTPError",
    "requests.exceptions.HTTPError",
    "httpx.HTTPStatusError",
    "aiohttp.client_exceptions.ClientResponseError",
    "urllib3.exceptions.ResponseError",
    "docker.errors.APIError",
}
QUOTING = {"aiohttp.client_exceptions.ClientPayloadError"}
"""Types that tell the outcome themselves and quote other exceptions without being caused by them."""
NO_TELLING = {"TimeoutError", "EOFError"}  # what else than a connection raises too
CONNECTIONS = {  # types of failed connections that tell neither outcome nor stage
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "ConnectionAbortedError",
    "requests.exceptions.ConnectionError",
    "requests.exceptions.ProxyError",
    "requests.exceptions.SSLError",
    "requests.exceptions.ChunkedEncodingError",
    "requests.exceptions.RetryError",
    "urllib3.exceptions.MaxRetryError",
    "urllib3.exceptions.ProtocolError",
    "urllib3.exceptions.SSLError",
    "urllib.error.URLError",
    "httpcore.ConnectError",
    "httpcore.ConnectTimeout",
    "httpcore.ReadError",
    "httpcore.ReadTimeout",
    "httpcore.RemoteProtocolError",
    "aiohttp.client_exceptions.ClientOSError",
    "aiohttp.client_exceptions.ClientConnectionError",
    "redis.exceptions.ConnectionError",
    "redis.exceptions.TimeoutError",
    "docker.errors.DockerException",
}
ERRNO_OF = {  # what a builtin type stands for, PEP 3151
    "ConnectionRefusedError": "ECONNREFUSED",
    "ConnectionResetError": "ECONNRESET",
    "ConnectionAbortedError": "ECONNABORTED",
    "BrokenPipeError": "EPIPE",
    "TimeoutError": "ETIMEDOUT",
}


@functools.lru_cache(maxsize=1024)
def full(name: str) -> str | None:
    """Return the name under which the tables have a type, or the nearest of its classes; None where they have none.

    A name without its module, as loggers print it, is understood where the types of that name tell the same.
    """
    if name in BY_TYPE or name in CONNECTIONS:
        return name
    if name in SUBCLASSES:
        return SUBCLASSES[name]
    if standard := _standard(name):
        return standard
    module, _, last = name.rpartition(".")
    same = [known for known in (*BY_TYPE, *CONNECTIONS, *SUBCLASSES) if known.rpartition(".")[2] == last]
    if module:
        same = [known for known in same if known.partition(".")[0] == module.partition(".")[0]]
    told = {BY_TYPE.get(SUBCLASSES.get(known, known)) for known in same}
    return SUBCLASSES.get(same[0], same[0]) if len(told) == 1 else None


def _standard(name: str) -> str | None:
    module, _, last = name.rpartition(".")
    within = [known for known in STANDARD if module in ("", known)]
    kinds = (getattr(importlib.import_module(known), last, None) for known in within)
    kind = next((kind for kind in kinds if kind is not None), None)
    if not isinstance(kind, type) or not issubclass(kind, BaseException):
        return None
    classes = [type_name(each) for each in kind.__mro__]
    return next((each for each in classes if each in BY_TYPE or each in CONNECTIONS), None)


def told(name: str) -> tuple[str | None, str | None]:
    """Return the outcome and the stage that a type tells, as BY_TYPE has them."""
    return BY_TYPE.get(full(name) or "", (None, None))


def client(name: str) -> str | None:
    """Return labctl's client whose package a type is of; of a name without its module, where one client has it."""
    package, dot, _ = name.partition(".")
    if dot:
        return OURS.get(package)
    same = {known.partition(".")[0] for known in (*BY_TYPE, *CONNECTIONS) if known.rpartition(".")[2] == name}
    return OURS.get(same.pop()) if len(same) == 1 else None
