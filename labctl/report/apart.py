"""Steps that tell scenarios apart, drawn as a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from labctl.knowledge.tree import Fork, Tree

Words = Callable[[str], str]
BRANCHES = {"yes": ("├─ ", "│  "), "no": ("└─ ", "   ")}


def drawn(tree: Tree, words: Words = str) -> Iterator[str]:
    """Yield, line by line, what to ask and what each answer leaves; `words` puts a question as a person asks it."""
    if not isinstance(tree, Fork):
        yield ", ".join(tree)
        return
    yield words(tree.question)
    for (answer, (first, further)), rest in zip(BRANCHES.items(), (tree.holds, tree.fails), strict=True):
        beginning, *more = drawn(rest, words)
        yield f"{first}{answer}: {beginning}"
        yield from (f"{further}{line}" for line in more)


def leaves(tree: Tree) -> list[tuple[str, ...]]:
    """Return what no step separates any more, the whole tree over."""
    return [*leaves(tree.holds), *leaves(tree.fails)] if isinstance(tree, Fork) else [tree]
