"""Text of a lab made harmless: for terminals, for CI systems that look for commands in a log, and as JSON."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.engine.connection import without_password
from labctl.report.text import COMMANDS, json_text, one_line, plain

PIECES = st.sampled_from(
    ["::", "#", "##[", "error", " file=a", "##vso[", "teamcity[", "\n", " ", "\t", "\x1b", "x", "]"]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES).map("".join))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::forged", r"\x3a:error::forged"),
        ("a\n  ::set-output name=b::c", "a\n  " + r"\x3a:set-output name=b::c"),
        ("a ##[error]b", r"a \x23#[error]b"),
        ("###[group]", r"#\x23#[group]"),
        ("##vso[task.complete]", r"\x23#vso[task.complete]"),
        ("##teamcity[x]", r"\x23#teamcity[x]"),
        ("::1 localhost ::1", "::1 localhost ::1"),
        ("a ::error::b", "a ::error::b"),
        ("## a heading [1]", "## a heading [1]"),
        ("\x1b[31mred\u2028\u202e", r"\x1b[31mred\u2028\u202e"),
    ],
)
def test_what_steers_is_written_out_and_nothing_else(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(TEXTS)
def test_no_command_and_no_control_character_is_left(text: str) -> None:
    shown = plain(text)
    assert not COMMANDS.search(shown)
    assert not [one for one in shown if one not in "\n\t" and unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp")]
    assert len(one_line(text).splitlines()) <= 1


@given(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_json_means_the_same_and_holds_no_command(value: object) -> None:
    written = json_text(value)
    assert json.loads(written) == value
    assert written.isascii()
    assert not COMMANDS.search(written)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("tcp://user:secret@host:1", "tcp://user:***@host:1"),
        ("tcp://:sec@ret/@host:1 said no", "tcp://:***@host:1 said no"),
        ("ssh://user@host", "ssh://user@host"),
        ("unix:///run/a:b@c.sock", "unix:///run/a:b@c.sock"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert without_password(address) == shown
