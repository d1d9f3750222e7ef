"""Python's errors in pasted text: those on record, and those of the real libraries."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import socket
import traceback
import urllib.request
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3

from labctl.clients.outcomes import BY_TYPE, type_name
from labctl.symptoms import symptoms
from labctl.symptoms.types import ANSWERS, SUBCLASSES, told
from support.loopback import HERE, free_port
from support.tracebacks import of_files_too, rendered


def types_of(tried: dict[str, Any]) -> list[str]:
    return [link["type"] for link in tried["chain"]]


RECORDS = sorted((Path(__file__).parents[3] / "scenarios" / "records").glob("*.json"))
RECORDED = [
    pytest.param(client, tried, id=f"{file.stem}-{client}")
    for file in RECORDS
    for client, tried in json.loads(file.read_text())["clients"].items()
    if tried["says"]
]
BARE = [each for each in RECORDED if of_files_too(each.values[1]["errno"], types_of(each.values[1]))]  # type: ignore[index, arg-type]
TELLING = [each for each in RECORDED if each not in BARE]


def with_http_client(port: int) -> None:
    HTTPConnection(HERE, port).request("GET", "/")


async def with_aiohttp(port: int) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"http://{HERE}:{port}/"):
        pass


REALLY: dict[str, Callable[[int], Any]] = {
    "socket": lambda port: socket.create_connection((HERE, port)),
    "http.client": with_http_client,
    "urllib": lambda port: urllib.request.urlopen(f"http://{HERE}:{port}/"),
    "urllib3": lambda port: urllib3.PoolManager(retries=0).request("GET", f"http://{HERE}:{port}/"),
    "requests": lambda port: requests.get(f"http://{HERE}:{port}/", timeout=5),
    "httpx": lambda port: httpx.get(f"http://{HERE}:{port}/"),
    "aiohttp": lambda port: asyncio.run(with_aiohttp(port)),
    "asyncio": lambda port: asyncio.run(asyncio.open_connection(HERE, port)),
}


def printed(client: str) -> str:
    try:
        REALLY[client](free_port())
    except Exception:  # noqa: BLE001 - each library has its own
        return traceback.format_exc()
    raise AssertionError("nothing should listen there")


@pytest.mark.parametrize("client", REALLY)
@pytest.mark.parametrize("prefix", ["", "    ", "2026-11-23 10:00:00,123 ERROR app: ", "web-1  | ", "[pod/x] "])
def test_a_real_traceback_tells_its_client_however_its_lines_begin(client: str, prefix: str) -> None:
    text = "".join(prefix + line for line in printed(client).splitlines(keepends=True))
    [one] = symptoms(text)
    assert (one.client, one.outcome, one.stage, one.errno) == (client, "refused", "connect", "ECONNREFUSED")
    assert one.line == text.rstrip().count("\n") + 1


@pytest.mark.parametrize("client", REALLY)
def test_a_real_traceback_that_is_cut_off_gives_no_other_outcome(client: str) -> None:
    lines = printed(client).splitlines(keepends=True)
    assert lines
    for at in range(len(lines)):
        for part in (lines[:at], lines[at:]):
            assert {one.outcome for one in symptoms("".join(part))} <= {None, "refused"}


def test_members_of_a_group_are_errors_of_their_own() -> None:
    try:
        raise ExceptionGroup("all", [ConnectionRefusedError(111, "Connection refused") for _ in range(2)])
    except ExceptionGroup:
        [one] = symptoms(traceback.format_exc())
    assert (one.errno, one.times) == ("ECONNREFUSED", 2)


@pytest.mark.parametrize(("client", "tried"), TELLING)
def test_what_a_client_said_on_record_contradicts_nothing_that_was_measured(client: str, tried: dict[str, Any]) -> None:
    """A record has a name where a time stood."""
    [one] = symptoms(tried["says"].replace("<time>", "2001"))
    assert one.client in (None, client)
    assert one.outcome in (None, tried["outcome"])
    assert one.stage in (None, tried["stage"])
    assert one.errno in (None, tried["errno"])
    assert (one.outcome, one.stage) != (None, None)


@pytest.mark.parametrize(("_", "tried"), BARE)
def test_a_last_line_that_files_and_listeners_give_too_tells_nothing(_: str, tried: dict[str, Any]) -> None:
    assert symptoms(tried["says"]) == ()


@pytest.mark.parametrize(("client", "tried"), [each for each in RECORDED if each.values[1]["chain"]])  # type: ignore[index]
def test_a_chain_on_record_gives_what_was_measured(client: str, tried: dict[str, Any]) -> None:
    """With the frames of its client; labctl's own client `socket` raises what is http.client's at times."""
    chain = [(link["type"], link["message"], link["link"]) for link in tried["chain"]]
    [one] = symptoms(rendered(client, tried["stage"], chain))
    assert (one.outcome, one.errno) == (tried["outcome"], tried["errno"])
    assert one.stage in (None, tried["stage"])
    assert [name for name, _ in one.chain] == types_of(tried)
    assert one.client in (None, client)
    if "." in tried["chain"][0]["type"] and client != "socket":
        assert one.client == client


@pytest.mark.parametrize("module", ["aiohttp.client_exceptions", "urllib3.exceptions", "httpx", "requests.exceptions"])
def test_every_exception_of_a_library_tells_what_the_nearest_of_its_classes_in_the_table_tells(module: str) -> None:
    kinds = [kind for _, kind in inspect.getmembers(importlib.import_module(module), inspect.isclass)]
    package = module.partition(".")[0]
    own = [kind for kind in kinds if issubclass(kind, Exception) and type_name(kind).startswith(package)]
    assert own
    for kind in own:
        nearest = next((name for each in kind.__mro__ if (name := type_name(each)) in BY_TYPE), "")
        assert told(type_name(kind)) == BY_TYPE.get(nearest, (None, None)), type_name(kind)


def test_the_tables_name_what_there_is() -> None:
    assert set(SUBCLASSES.values()) <= set(BY_TYPE)
    assert set(BY_TYPE) >= ANSWERS
