"""`python tests/bench`: see command.py. The folder above is where its modules are found, as `bench.…`."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Run the command line."""
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from bench.command import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
