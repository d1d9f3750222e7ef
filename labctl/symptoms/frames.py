"""What the frames of a Python traceback tell: whose they are, and what they were at."""

from __future__ import annotations

import re

from labctl.clients.outcomes import BY_FRAME
from labctl.symptoms import types
from labctl.symptoms.tracebacks import Raised

PACKAGE = re.compile(r"(?:site|dist)-packages[/\\](\w{1,100})")
STANDARD = re.compile(r"(?i)[/\\]lib(?:64)?[/\\](?:python\d[\d.t]*[/\\])?(\w{1,60}(?:[/\\]\w{1,60})*)\.py$")
BY_FILE = {  # the standard library's file that a client is, the more telling first
    "urllib/request": "urllib",
    "http/client": "http.client",
    "asyncio/": "asyncio",
}
BELOW = ("socket", "ssl", "contextlib", "threading", "runpy", "concurrent/", "functools", "importlib/")
"""What every program passes through."""
CONNECTING = re.compile(r"(?:^|_)connect(?:_|$)|^(?:create|open)_connection$")  # functions


def framed(raised: Raised) -> str | None:
    """Return what the innermost frame that labctl's table has was at."""
    passed = ((_module(file), function) for file, function in reversed(raised.frames))
    return next((BY_FRAME[where] for where in passed if where in BY_FRAME), None)


def _module(file: str) -> str:
    """Return the module of the standard library that a file is, as far as its path tells; of a package's none."""
    if PACKAGE.search(file):
        return ""
    path = file.replace("\\", "/").removesuffix(".py")
    modules = {module.replace(".", "/"): module for module, _ in BY_FRAME}
    return next((module for tail, module in modules.items() if f"/{path}".endswith(f"/{tail}")), "")


def connecting(raised: Raised) -> bool:
    """Tell whether a traceback passes through a function whose name says that it connects."""
    return any(CONNECTING.search(function) for _, function in raised.frames)


def client(innermost_first: list[Raised]) -> str | None:
    """Return labctl's client whose files the tracebacks pass through."""
    files = [file.replace("\\", "/") for raised in innermost_first for file, _ in raised.frames]
    packages = [found[1] for file in files if (found := PACKAGE.search(file))]
    if ours := next((types.OURS[name] for name in types.OURS if name in packages), None):
        return ours
    if packages:
        return None
    if standard := next((name for part, name in BY_FILE.items() if any(f"/{part}" in file for file in files)), None):
        return standard
    whole = files and all(raised.headed and raised.frames for raised in innermost_first)
    builtin = "." not in innermost_first[-1].type or innermost_first[-1].type.startswith("socket.")
    foreign = any((found := STANDARD.search(file)) and not found[1].startswith(BELOW) for file in files)
    return "socket" if whole and builtin and not foreign else None


def program(innermost_first: list[Raised]) -> str:
    """Return the package whose exception it is, else the one whose files are passed through."""
    module = innermost_first[-1].type.rpartition(".")[0]
    package = module if module in types.STANDARD else module.partition(".")[0]
    files = (found[1] for raised in innermost_first for file, _ in raised.frames if (found := PACKAGE.search(file)))
    return package or next(files, "Python")
