"""Valid files, changed a little: a value taken out, put in twice, exchanged for another or for something odd."""

from __future__ import annotations

import copy
import itertools
import os
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st

TIMES = 20 if os.environ.get("LABCTL_ENDURANCE") else 1
CASES, EACH = itertools.count(), 8
SECONDS = 10.0  # for one case on a busy machine; usual are some milliseconds
MEMORY = 8 << 20  # bytes for one case, and for each byte of what is read some more
MEMORY_A_BYTE = 400
ODD: list[Any] = [
    *("", " ", "\0", "\n", "a\nb", "\x1b[2J", "\ud800", "\u202e", "é", "-", "-x", "--help", "..", "../../x", "/", "/dev/zero"),
    *("${", "${}", "${a}", "$${a}", "${client.target.host}", "$", "%", "{", "[", "*a", "&a", "!!int", "'", '"', "#", ": "),
    *("a" * 300, "9" * 400, "(" * 300, "(a{1000}){1000}", "[", "(?i", "\\", "0", "-1", "1e999", ".nan", "0x", "2s", "٣s", "1"),
    *("http://[", "http://a:b@c:1/", "tcp://x:0", "tcp://x:99999", "127.0.0.1:80", "::1%a:1", "1.2.3.4:", ">0", "server", "run"),
    *(True, False, None, 0, 1, -1, 10**6, 2**31, 2**63, 2**64 - 1, 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan")),
    *([], {}, [[]], [{}], {"": None}, {"a": {"a": {"a": []}}}, [None] * 60, {"stop": "server"}, {"run": []}, [[[[[[[[]]]]]]]]),
]  # fmt: skip
Change = tuple[int, int, int]  # where, what is done there, and with which of the odd ones
CHANGES: st.SearchStrategy[list[Change]] = st.lists(
    st.tuples(st.integers(0, 9999), st.integers(0, 5), st.integers(0, len(ODD) - 1)), min_size=1, max_size=4
)


def cases(number: int) -> settings:
    """Return how many cases are tried; one that fails is not made smaller, since that would take minutes."""
    return settings(max_examples=number * TIMES, phases=(Phase.explicit, Phase.reuse, Phase.generate), deadline=None)


def mutated(tree: Any, changes: list[Change]) -> Any:
    """Return a value of lists and mappings with some of what is in it changed."""
    tree = copy.deepcopy(tree)
    for where, kind, odd in changes:
        places = [*_places(tree)]
        if not places:
            return ODD[odd]
        _change(places, where % len(places), kind, ODD[odd])
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each list or mapping with each index or key of it."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in [*inner]:
        yield tree, key
        yield from _places(value)


def _change(places: list[tuple[Any, Any]], at: int, kind: int, odd: Any) -> None:
    inside, key = places[at]
    other, its_key = places[(at * 7 + 3) % len(places)]
    match kind:
        case 0:
            del inside[key]
        case 1 if isinstance(inside, list):
            inside.insert(key, copy.deepcopy(inside[key]))
        case 1:
            inside[str(odd)[:400]] = copy.deepcopy(inside[key])
        case 2:
            inside[key] = copy.deepcopy(other[its_key])
        case 3:
            inside[key] = [inside[key], copy.deepcopy(odd)]
        case 4 if isinstance(inside[key], str) and isinstance(odd, str):
            half = len(inside[key]) // 2
            inside[key] = inside[key][:half] + odd + inside[key][half:]
        case _:
            inside[key] = copy.deepcopy(odd)


def mangled(text: str, changes: list[Change]) -> bytes:
    """Return a text with some of its pieces taken out, put in twice, moved, or exchanged for something odd."""
    for where, kind, odd in changes:
        begin = where * 31 % (len(text) + 1)
        end = min(len(text), begin + 1 + where % 40)
        piece, put = text[begin:end], str(ODD[odd])
        pieces = ["", piece + piece, put, piece + put, put * 20, piece.upper()]
        text = text[:begin] + pieces[kind] + text[end:]
    return text.encode(errors="surrogatepass")


@contextmanager
def bounded(size: int) -> Iterator[None]:
    """See that what is done with so many bytes takes neither long nor much memory; the latter in one case of several."""
    began = time.monotonic()
    if next(CASES) % EACH:
        yield
    else:
        tracemalloc.start()  # makes everything three times as slow
        try:
            yield
            assert tracemalloc.get_traced_memory()[1] < MEMORY + MEMORY_A_BYTE * size
        finally:
            tracemalloc.stop()
    assert time.monotonic() - began < SECONDS
