"""The resolver inside a host: the lab's own names, NXDOMAIN for all others, and no message that upsets it (RFC 1035)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.agent.resolver import Resolver

A, AAAA, TXT = 1, 28, 16
NO_ERROR, FORMAT_ERROR, NAME_ERROR = 0, 1, 3
NAMES: Mapping[str, str] = {"server": "198.19.0.2", "api.example": "198.19.0.3"}


RESOLVER = Resolver()
RESOLVER.know(NAMES)


def question(name: str, kind: int = A, *, number: int = 7, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def read(reply: bytes) -> tuple[int, int, int, str]:
    """Return a reply's number, code, count of answers, and the address at its end."""
    number, flags, _, answers = struct.unpack("!HHHH", reply[:8])
    assert flags & 0x8000, "it is a reply"
    return number, flags & 0xF, answers, ".".join(map(str, reply[-4:])) if answers else ""


@pytest.mark.parametrize("name", ["server", "SERVER", "sErVeR"])
def test_a_name_of_the_lab_is_answered_whatever_its_case(name: str) -> None:
    assert read(RESOLVER.answer(question(name))) == (7, NO_ERROR, 1, "198.19.0.2")


def test_a_name_with_dots_is_a_name() -> None:
    assert read(RESOLVER.answer(question("api.example"))) == (7, NO_ERROR, 1, "198.19.0.3")


@pytest.mark.parametrize("kind", [AAAA, TXT])
def test_a_known_name_has_nothing_but_its_address(kind: int) -> None:
    """No error and no answer: with NXDOMAIN a client would not ask for the address at all (RFC 2308)."""
    assert read(RESOLVER.answer(question("server", kind))) == (7, NO_ERROR, 0, "")


@pytest.mark.parametrize("name", ["srever", "example", "server.example", "www.api.example"])
@pytest.mark.parametrize("kind", [A, AAAA])
def test_any_other_name_does_not_exist(name: str, kind: int) -> None:
    assert read(RESOLVER.answer(question(name, kind))) == (7, NAME_ERROR, 0, "")


def test_the_reply_repeats_the_question_and_what_the_asker_wished() -> None:
    asked = question("server", flags=0x0100)
    reply = RESOLVER.answer(asked)
    assert reply[12 : len(asked)] == asked[12:]
    assert struct.unpack("!H", reply[2:4])[0] & 0x0100, "recursion desired is copied"


def test_a_new_table_takes_effect_at_once() -> None:
    resolver = Resolver()
    resolver.know({"server": "198.19.0.2"})
    resolver.know({"other": "198.19.0.9"})
    assert read(resolver.answer(question("server")))[1] == NAME_ERROR
    assert read(resolver.answer(question("other")))[3] == "198.19.0.9"


@given(st.binary(max_size=300))
def test_no_bytes_upset_it(message: bytes) -> None:
    """Less than a header is no question; all else gets a reply with the question's number."""
    reply = RESOLVER.answer(message)
    assert reply[:2] == (message[:2] if len(message) >= 12 else b"")


@given(st.binary(max_size=60))
def test_no_name_upsets_it(name: bytes) -> None:
    header = struct.pack("!HHHHHH", 9, 0x0100, 1, 0, 0, 0)
    number, code, _, _ = read(RESOLVER.answer(header + name))
    assert (number, code in (NO_ERROR, FORMAT_ERROR, NAME_ERROR)) == (9, True)


@given(st.text())
def test_any_text_is_a_name_that_exists_or_not(text: str) -> None:
    label = text.encode()[:63]
    asked = struct.pack("!HHHHHH", 9, 0, 1, 0, 0, 0) + bytes([len(label)]) + label + b"\0" + struct.pack("!HH", A, 1)
    assert read(RESOLVER.answer(asked))[0] == 9


@pytest.mark.parametrize(("answers", "code"), [("servfail", 2), ("refused", 5)])
@pytest.mark.parametrize("name", ["server", "other"])
def test_a_resolver_that_fails_says_so_of_every_name(answers: str, code: int, name: str) -> None:
    resolver = Resolver()
    resolver.know(NAMES)
    resolver.misbehave(answers, {})
    assert read(resolver.answer(question(name))) == (7, code, 0, "")


def test_a_silent_resolver_answers_nobody_and_goes_on_when_it_is_told_to() -> None:
    resolver = Resolver()
    resolver.know(NAMES)
    resolver.misbehave("nothing", {})
    assert resolver.answer(question("server")) == b""
    resolver.misbehave("normal", {})
    assert read(resolver.answer(question("server")))[3] == "198.19.0.2"


def test_what_is_said_instead_of_the_table_holds_until_something_else_is_said() -> None:
    resolver = Resolver()
    resolver.misbehave("normal", {"Server": "198.19.0.9", "api.example": None})
    resolver.know(NAMES)
    assert read(resolver.answer(question("server")))[3] == "198.19.0.9"
    assert read(resolver.answer(question("api.example")))[1] == NAME_ERROR
    resolver.misbehave("normal", {})
    assert read(resolver.answer(question("server")))[3] == "198.19.0.2"
