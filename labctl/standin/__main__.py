"""The program: serves until SIGTERM, or until the end of its standard input."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from labctl.standin.server import Engine, tell
from labctl.standin.settings import FOLDER_VARIABLE, SOCKET


def main() -> None:
    """Serve until SIGTERM, or the end of the input."""
    engine = Engine(Path(os.environ[FOLDER_VARIABLE]) / SOCKET)
    signal.signal(signal.SIGTERM, lambda *_: engine.end())
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    tell(f"API listen on {engine.path}")  # as dockerd has it
    sys.stdin.read()
    engine.end()


if __name__ == "__main__":
    main()
