"""docs/glossary.md has each word once, in order, and the values of the vocabulary's words as the code has them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labctl.model import Outcome, Phase, Stage, Verdict

ROWS = re.findall(
    r"^\| ([a-z-]+) \| (.+) \|$", (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(), re.MULTILINE
)
MEANINGS = dict(ROWS[1:])


def test_each_word_is_there_once_and_in_order() -> None:
    words = [word for word, _ in ROWS[1:]]
    assert len(words) > 30
    assert words == sorted(set(words))


@pytest.mark.parametrize(
    ("word", "values"), [("outcome", Outcome), ("stage", Stage), ("phase", Phase), ("verdict", Verdict)]
)
def test_the_values_of_a_word_are_those_of_the_code(word: str, values: type[Outcome | Stage | Phase | Verdict]) -> None:
    assert MEANINGS[word].partition(": ")[2].split(", ") == [one.value for one in values]
