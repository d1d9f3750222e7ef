"""How long labctl takes to start, against Python itself."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from bench.ground import Ground
from bench.outsiders import program
from bench.pairs import Comparison, Contestant

BARE = [sys.executable, "-c", "pass"]
LABCTL = str(Path(sys.executable).parent / "labctl")
EACH = 5  # starts that are added up, since one alone takes no longer than what disturbs it


def comparisons(ground: Ground) -> list[Comparison]:
    """Return what is compared: what needs no engine, and the shortest that asks one something."""
    python = Contestant("python", partial(_several, BARE, ground))

    def against_it(key: str, *words: str) -> Comparison:
        labctl = Contestant(" ".join(["labctl", *words]), partial(_several, [LABCTL, *words], ground))
        return Comparison(key, labctl, python, closer=5)

    return [against_it("help", "--help"), against_it("first-call", "engine", "status")]


def _several(argv: list[str], ground: Ground) -> float:
    environment = ground.environment
    return sum(program(argv, environment) for _ in range(EACH)) / EACH
