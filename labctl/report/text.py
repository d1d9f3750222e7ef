"""Text that comes from a lab is data: nothing of it may steer a terminal, or a CI system that reads what is printed."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

WRITTEN_OUT = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # categories of Unicode: control, format, …, line separators
COMMANDS = re.compile(
    r"""
      ^(?P<before>[^\S\n]*):(?=:[A-Za-z][\w-]*(?:[ ][^\n]*)?::)  # GitHub: ::error file=a::text, also indented
    | [#](?=[#](?:\[|vso\[|teamcity\[))  # GitHub's older ones and Azure Pipelines', anywhere in a line; TeamCity's
    """,  # as actions/runner reads a log, src/Runner.Common/ActionCommand.cs
    re.MULTILINE | re.VERBOSE,
)


def plain(text: str) -> str:
    """Return text with every control or formatting character but line ends and tabs written out visibly.

    The first character of what a CI system would take for a command to itself is written out, too.
    """
    shown = "".join(_visible(character) for character in text.replace("\r\n", "\n"))
    return COMMANDS.sub(lambda found: _escaped(found, r"\x3a", r"\x23"), shown)


def one_line(text: str) -> str:
    """Return text that stays on its line besides."""
    return plain(text).replace("\n", "\\n").replace("\t", "\\t")


def json_text(value: Any) -> str:
    """Return a value as JSON in ASCII, indented, and without what a CI system would take for a command to itself."""
    return COMMANDS.sub(lambda found: _escaped(found, r"\u003a", r"\u0023"), json.dumps(value, indent=2, default=str))


def _escaped(found: re.Match[str], colon: str, number_sign: str) -> str:
    before = found["before"]
    return number_sign if before is None else before + colon


def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in WRITTEN_OUT:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


def milliseconds(seconds: float) -> str:
    """Write a time as a person reads it: 14 ms, 2.01 s."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
