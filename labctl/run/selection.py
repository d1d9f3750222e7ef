"""Which scenarios an expression takes: words, `and`, `or`, `not` and brackets, as pytest's -k has them.

A word takes what contains it, upper or lower case alike. `not` binds closest, then `and`, then `or`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labctl.errors import UsageError

TOKEN = re.compile(r"[()]|[^\s()]+")
OPERATORS = ("and", "or", "not", "(", ")")
DEEPEST = 50  # brackets and `not` within each other

Takes = Callable[[Sequence[str]], bool]
"""Tells whether a scenario is taken, from what it can be found by: its name, its cause."""


def parse(expression: str) -> Takes:
    """Read an expression; a blank one takes everything.

    Raises UsageError where something is missing or in the wrong place.
    """
    tokens = [(found.start() + 1, found.group()) for found in TOKEN.finditer(expression)]
    if not tokens:
        return lambda _: True
    reader = _Reader(expression, tokens)
    takes = reader.any_of(0)
    if reader.tokens:
        raise reader.wrong("`and`, `or` or the end")
    return takes


@dataclass(slots=True)
class _Reader:
    """Takes an expression's words from its beginning to its end."""

    expression: str
    tokens: list[tuple[int, str]]

    def any_of(self, depth: int) -> Takes:
        parts = [self._all_of(depth)]
        while self._next("or"):
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else lambda names: any(takes(names) for takes in parts)

    def _all_of(self, depth: int) -> Takes:
        parts = [self._one(depth)]
        while self._next("and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else lambda names: all(takes(names) for takes in parts)

    def _one(self, depth: int) -> Takes:
        if depth > DEEPEST:
            raise UsageError(f"the expression {self.expression[:40]!r}… is nested too deeply.")
        if self._next("not"):
            other = self._one(depth + 1)
            return lambda names: not other(names)
        if self._next("("):
            inner = self.any_of(depth + 1)
            if not self._next(")"):
                raise self.wrong("`)`")
            return inner
        if not self.tokens or self.tokens[0][1] in OPERATORS:
            raise self.wrong("a word, `not` or `(`")
        word = self.tokens.pop(0)[1].lower()
        return lambda names: any(word in name.lower() for name in names)

    def _next(self, token: str) -> bool:
        """Take the next word if it is this one."""
        if not self.tokens or self.tokens[0][1] != token:
            return False
        self.tokens.pop(0)
        return True

    def wrong(self, expected: str) -> UsageError:
        if self.tokens:
            column, found = self.tokens[0]
            what = f"at character {column} stands {found!r}"
        else:
            what = "it ends"
        return UsageError(
            f"the expression {self.expression!r} cannot be read: {what} where {expected} should be.",
            todo="An example: -k 'firewall and not (drop or ufw)'.",
        )
