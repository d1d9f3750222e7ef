"""Expressions that choose scenarios: as pytest's -k reads them, and clear about what is wrong with one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import UsageError
from labctl.run.selection import DEEPEST, parse

NAMES = ("firewall-drop", "firewall")
WORDS = st.sampled_from(["firewall", "drop", "ufw", "DROP", "backlog"])
EXPRESSIONS = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        inner.map("not {}".format),
        inner.map("({})".format),
        st.tuples(inner, inner).map("({0[0]} and {0[1]})".format),
        st.tuples(inner, inner).map("({0[0]} or {0[1]})".format),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("", True),
        ("  ", True),
        ("firewall", True),
        ("FireWall", True),
        ("wall-d", True),
        ("ufw", False),
        ("not ufw", True),
        ("firewall and not ufw", True),
        ("firewall and not drop", False),
        ("ufw or drop", True),
        ("ufw and drop or firewall", True),
        ("ufw and (drop or firewall)", False),
        ("not ufw and not backlog", True),
        ("not (ufw or drop)", False),
        ("not not drop", True),
        ("(firewall)and(drop)", True),
        ("android", False),
    ],
)
def test_an_expression_takes_what_it_says(expression: str, taken: bool) -> None:
    assert parse(expression)(NAMES) is taken


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("firewall and", "it ends where a word, `not` or `(` should be"),
        ("and firewall", "at character 1 stands 'and' where a word, `not` or `(` should be"),
        ("firewall drop", "at character 10 stands 'drop' where `and`, `or` or the end should be"),
        ("(firewall", "it ends where `)` should be"),
        ("firewall)", "at character 9 stands ')' where `and`, `or` or the end should be"),
        ("()", "at character 2 stands ')' where a word, `not` or `(` should be"),
        ("not", "it ends where a word"),
        ("a or or b", "at character 6 stands 'or'"),
        ("(" * 10_000, "nested too deeply"),
        ("not " * 10_000 + "a", "nested too deeply"),
    ],
)
def test_what_is_wrong_with_an_expression_is_said(expression: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(expression)
    assert said in str(caught.value)


def test_as_deep_as_anybody_writes_is_not_too_deep() -> None:
    assert parse("(" * DEEPEST + "drop" + ")" * DEEPEST)(NAMES)


@given(EXPRESSIONS, st.lists(WORDS, max_size=3))
def test_an_expression_means_what_python_would_make_of_it(expression: str, names: list[str]) -> None:
    def found(word: str) -> bool:
        return any(word.lower() in name.lower() for name in names)

    words = expression.replace("(", " ( ").replace(")", " ) ").split()
    python = " ".join(word if word in ("and", "or", "not", "(", ")") else str(found(word)) for word in words)
    assert parse(expression)(names) is eval(python)  # noqa: S307 - made of True, False and three operators
