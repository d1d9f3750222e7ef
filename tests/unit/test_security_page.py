"""SECURITY.md says what the code does: its numbers are the code's, its tests are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labctl.agent import children
from labctl.clients import _trying
from labctl.clients.__main__ import GRACE
from labctl.engine import spec, stream
from labctl.engine.containers import MOST_OUTPUT
from labctl.lab import containers, program, witness
from labctl.results import result
from labctl.stack.model import MOST_HOSTS

PAGE = Path(__file__).resolve().parents[2] / "SECURITY.md"
TEXT = PAGE.read_text()
NUMBERS = {
    "processes and threads of a container": f"{spec.PIDS_LIMIT}",
    "memory of a container": f"{spec.MEMORY_LIMIT >> 20} MiB",
    "hosts of a stack": f"{MOST_HOSTS}",
    "life of a host": f"{containers.TIME_TO_LIVE:.0f} s",
    "what a service prints": f"{stream.MOST_LOG} bytes",
    "what a command prints": f"{MOST_OUTPUT} bytes of each stream in a service's container, {children.MOST_OUTPUT >> 20} MiB",
    "what a client may tell of a try": f"{_trying.MOST_WORDS} characters of a message, {_trying.MOST_DETAILS} of",
    "one try": f"twice the client's timeout and {GRACE:g} s",
    "a reply of the agent or the clients": f"{program.MOST_REPLY >> 20} MiB",
    "packets captured on a host": f"{witness.MOST_PACKETS}, for {witness.LONGEST:g} s",
    "`result.json`, when it is read": f"{result.MOST_BYTES >> 20} MiB",
}


@pytest.mark.parametrize("what", NUMBERS)
def test_each_bound_is_the_code_s_own(what: str) -> None:
    [bound] = re.findall(rf"^\| {re.escape(what)} \| (.*?) \|", TEXT, re.MULTILINE)
    assert bound.startswith(NUMBERS[what])


def test_no_bound_is_on_the_page_alone() -> None:
    table = TEXT.partition("## What bounds what")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| (.*?) \|", table, re.MULTILINE)) - {"what", "---"} == set(NUMBERS)


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"(?:tests/[\w/]+/)?test_\w+\*?\.py", TEXT))
    assert len(named) > 8
    folders = [PAGE.parent / "tests" / "engine", PAGE.parent]
    assert not [one for one in named if not any(list(folder.glob(one)) for folder in folders)]


def test_the_capabilities_that_other_people_s_images_keep_are_all_named() -> None:
    assert all(capability in TEXT for capability in (*containers.ROOTS, *containers.CAPABILITIES))


def test_the_readme_leads_there() -> None:
    assert "[SECURITY.md](SECURITY.md)" in (PAGE.parent / "README.md").read_text()
