"""Whatever the text is: nothing is raised, nothing steers a terminal."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.symptoms import symptoms
from support.symptoms_real import REAL
from support.symptoms_text import WORDED

PIECES = [text for _, text, _ in REAL] + [text for text, _ in WORDED]
NOISE = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
ODD = st.sampled_from(
    ["\r", "\n", "\r\n", "\0", "\ufeff", "\ud800", "\x1b[31m", "\x1b]0;x", "  | ", "+-+---- 1 ----\n"]
)
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), NOISE, ODD), max_size=8).map("".join)


@settings(deadline=None)
@given(TEXTS)
def test_nothing_is_raised_and_no_control_character_returned(text: str) -> None:
    found = symptoms(text)
    assert len(found) <= len(text)
    for one in found:
        said = [one.quoted, one.program, one.host or "", *(part for link in one.chain for part in link)]
        assert all(part.isprintable() for part in said)
        assert len(one.quoted) <= 400
        assert 1 <= one.line <= 1 + text.count("\n") + text.count("\r")


@settings(deadline=None)
@given(TEXTS)
def test_errors_stand_in_the_order_of_the_text_each_once(text: str) -> None:
    found = symptoms(text)
    assert [one.line for one in found] == sorted(one.line for one in found)
    assert len({one.kind for one in found}) == len(found)
