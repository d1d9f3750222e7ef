"""The labctl command: finds the command, runs it, and says in a person's words what went wrong.

Each file of `labctl/cli/commands/` is one command: it defines a click command named `command`, whose callback gives the
exit code or None, and the first line of its docstring is its line in `labctl --help`. It is loaded when it is called.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from labctl import __version__
from labctl.errors import Interrupted, LabctlError, UnknownName
from labctl.system import files

FOLDER = Path(__file__).parent / "commands"
QUOTES = '"""'
USAGE, ENGINE, INTERRUPTED, BROKEN_PIPE = 2, 3, 130, 141


class Commands(click.Group):
    """The commands found in a folder, each loaded when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands: those of the files, with hyphens."""
        return sorted(file.stem.replace("_", "-") for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        found = import_module(f"labctl.cli.commands.{_stem(cmd_name)}").command
        return found if isinstance(found, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments ask for; an unknown one is answered with the nearest names."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            raise UnknownName("command", args[0], known, see="labctl --help")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading any of them."""
        rows = [(name, summary(FOLDER / f"{_stem(name)}.py")) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without loading any of them."""
        fitting = (name for name in self.list_commands(ctx) if name.startswith(incomplete))
        found = [CompletionItem(name, help=summary(FOLDER / f"{_stem(name)}.py")) for name in fitting]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that goes away, as `head` does, ends it without a word."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _print_no_more()
            return BROKEN_PIPE
        except OSError as error:
            if error.errno not in files.EXHAUSTED or error.filename:
                raise
            _print_no_more()
            raise files.refused("what labctl prints", error) from error
        return result


def _print_no_more() -> None:
    """Throw away what is still buffered, which must not fail once more at exit, see the docs of `signal`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: labctl run loopback-bind",
)
@click.version_option(__version__, prog_name="labctl")
def labctl() -> None:
    """Break connections on purpose, in a lab, and see the exact error, its cause and its fix."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run labctl with the given arguments, or the process's, and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a terminal's encoding lacks is written out visibly
    for sign in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(sign) is signal.SIG_DFL:  # nohup(1) has SIGHUP ignored
            signal.signal(sign, signal.default_int_handler)
    try:
        result = labctl.main(args=None if argv is None else list(argv), prog_name="labctl", standalone_mode=False)
    except (LabctlError, Interrupted) as error:
        complain(str(error))
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain("interrupted.")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door: whatever comes here is a mistake in labctl
        if _interrupted(error):
            return INTERRUPTED
        import traceback

        with suppress(OSError):
            traceback.print_exc()
        complain("that is a bug in labctl: please report it with the lines above.")
        return ENGINE
    return result if isinstance(result, int) else 0


def _interrupted(error: BaseException) -> bool:
    """Tell whether an error says that the terminal is gone, or came up only while an interruption was seen to."""
    if not isinstance(error, OSError):
        return False
    cause = error.__context__
    gone = error.errno == errno.EIO  # read(2), write(2): the terminal was closed
    return gone or isinstance(cause, Interrupted | KeyboardInterrupt) or (cause is not None and _interrupted(cause))


def complain(message: str) -> None:
    """Write a message to standard error, its first word in red on a terminal that wants colour.

    Errors quote what programs in a lab have printed.
    """
    from labctl.report.text import plain

    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    name = click.style("labctl:", fg="red", bold=True) if colour else "labctl:"
    with suppress(OSError):  # a terminal that was closed takes no message any more
        click.echo(f"{name} {plain(message)}", err=True, color=colour)


def summary(file: Path) -> str:
    """Return the first line of a module's docstring, without the command's own name and without running the module."""
    with file.open() as text:
        begins = text.readline().strip()
    line = begins.removeprefix(QUOTES).removesuffix(QUOTES).removeprefix(f"{file.stem}: ")
    return line[:1].upper() + line[1:] if begins.startswith(QUOTES) else ""


def _stem(name: str) -> str:
    return name.replace("-", "_")
