"""why: from a traceback, a log line or an errno to its causes."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import asdict
from pathlib import Path

import click

from labctl.commands._common import console, loaded_scenarios
from labctl.errors import UsageError

PATH = re.compile(r"(?:\.{1,2}/|/)?[\w.-]+(?:/[\w.-]+)+|\.{0,2}/[\w.-]+")
MOST_BYTES = 64 << 20
SHOWN = 3  # kinds of errors, unless all are asked for
NOT_FOUND = 1  # the exit code where nothing is known of any error in the text


@click.command(
    epilog="Example: labctl why 'curl: (7) Failed to connect to db port 5432 after 2 ms: Connection refused'"
)
@click.argument("text", metavar="[TEXT|FILE|-]", required=False)
@click.option("--all", "everything", is_flag=True, help="All kinds of errors in the text, not the first three.")
@click.option("--json", "as_json", is_flag=True, help="Print what is known as JSON, and nothing else.")
def command(text: str | None, everything: bool, as_json: bool) -> int:
    """Say which causes give this error, what tells them apart, and the fix of each, as the lab has measured them.

    The text may be a traceback, a line of a log, a whole log, or an errno's name. Exits with 1 where nothing in it is
    known.
    """
    from labctl import catalogue
    from labctl.atlas import atlas
    from labctl.report import why as report
    from labctl.symptoms import symptoms
    from labctl.why import why

    found = symptoms(_read(text))
    shown = found if everything or as_json else found[:SHOWN]
    entries = atlas(loaded_scenarios(sorted(catalogue.everything()))) if found else ()
    answers = [why(one, entries) for one in shown]
    if as_json:
        from labctl.report.text import json_text

        click.echo(json_text([asdict(answer) for answer in answers]))
    elif not found:
        click.echo(f"{report.NOTHING} {report.WANTED}")
    else:
        report.why(console(), answers, len(found) - len(shown))
    return os.EX_OK if any(answer.causes for answer in answers) else NOT_FOUND


def _read(text: str | None) -> str:
    """Return the text: the argument, the file that it names, or what is piped in; MOST_BYTES of it at most."""
    if text is None and sys.stdin.isatty():
        raise UsageError("there is no text.", todo="Give it as an argument, as a file, or through a pipe.")
    if text is None or text == "-":
        return sys.stdin.buffer.read(MOST_BYTES).decode(errors="replace")
    if not _is_file(text):
        if PATH.fullmatch(text):
            raise UsageError(f"there is no file {text}.")
        return text
    try:
        with Path(text).open("rb") as opened:
            return opened.read(MOST_BYTES).decode(errors="replace")
    except OSError as error:
        raise UsageError(f"{text} cannot be read: {error.strerror}.") from error


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or a NUL in it
        return False
