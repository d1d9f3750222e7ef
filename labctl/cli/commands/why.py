"""why: from a traceback, a log line or an errno to its causes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from labctl.cli.common import console, readable_scenarios, unreadable
from labctl.errors import UsageError

PATH = re.compile(r"[^\s:]*/[^\s:]*|[^\s:]+\.(?:txt|log|out|err|json|jsonl|py|md|html?|xml|ya?ml|csv|gz|trace|\d)")
"""A word that is meant to name a file: it has a slash, or ends as files do that hold logs and tracebacks."""
MOST_BYTES = 64 << 20
SHOWN = 3  # kinds of errors, unless all are asked for
NOT_FOUND = 1  # the exit code where nothing is known of any error in the text


@click.command(
    context_settings={"ignore_unknown_options": True},  # [Errno -2] is a text
    epilog="Example: labctl why 'curl: (7) Failed to connect to db port 5432 after 2 ms: Connection refused'",
)
@click.argument("words", metavar="[TEXT|FILE|-]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Explain all kinds of errors in the text, not just three.")
@click.option("--json", "as_json", is_flag=True, help="Print only the answer, as JSON.")
def command(words: tuple[str, ...], everything: bool, as_json: bool) -> int:
    """List the causes of an error, what distinguishes them, and the fix of each, as measured in the lab.

    The text may be a traceback, a line of a log, a whole log, or the name of an errno. Exits with 1 if it has no error
    that labctl knows.
    """
    from labctl.knowledge.entries import atlas
    from labctl.knowledge.why import why
    from labctl.report import why as report
    from labctl.symptoms import symptoms

    found = symptoms(_read(words))
    shown = found if everything or as_json else found[:SHOWN]
    entries = atlas(readable_scenarios(), unreadable) if found else ()
    answers = [why(one, entries) for one in shown]
    if as_json:
        from labctl.report.text import json_text

        click.echo(json_text([asdict(answer) for answer in answers]))
    elif not found:
        click.echo(f"{report.NOTHING} {report.WANTED}")
    else:
        report.why(console(), answers, len(found) - len(shown))
    return os.EX_OK if any(answer.causes for answer in answers) else NOT_FOUND


def _read(words: Sequence[str]) -> str:
    """Return the text: the arguments, the file that the only one names, or what is piped in; MOST_BYTES at most.

    Raises UsageError where there is none, or where a file is meant that cannot be read.
    """
    if not words and sys.stdin.isatty():
        raise UsageError("there is no text.", todo="Give it as an argument, as a file, or through a pipe.")
    if not words or list(words) == ["-"]:
        return sys.stdin.buffer.read(MOST_BYTES).decode(errors="replace")
    text = " ".join(words)
    if unknown := next((word for word in words if word.startswith("--")), None):
        raise UsageError(f"there is no option {unknown}.", todo="`labctl why --help` lists them; put a text in quotes.")
    if not _is_there(text):
        if PATH.fullmatch(text):
            raise UsageError(f"there is no file {text}.", todo="If it is the text itself: echo TEXT | labctl why")
        return text
    try:
        with Path(text).open("rb") as opened:  # also a pipe of the shell's, <(docker logs web)
            return opened.read(MOST_BYTES).decode(errors="replace")
    except OSError as error:
        raise UsageError(f"{text} cannot be read: {error.strerror}.") from error


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long for a name, or a NUL in it
        return False
