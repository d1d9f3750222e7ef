"""Text that comes from a lab is data: nothing of it may steer a terminal."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """Return text with every control or formatting character but line ends and tabs written out visibly."""
    return "".join(_visible(character) for character in text.replace("\r\n", "\n"))


def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn"):
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


def milliseconds(seconds: float) -> str:
    """Write a time as a person reads it: 14 ms, 2.01 s."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
