"""The labctl command: finds the subcommand, and turns what goes wrong into a message and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path

import click

from labctl import __version__
from labctl.errors import Interrupted, LabctlError

BUG = "This is a bug in labctl, not in your scenario. Please report it with the text above."


class Commands(click.Group):
    """Loads a subcommand only when it is called: `labctl --help` needs neither Docker nor pydantic."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the files in `commands/`."""
        del ctx
        return sorted(path.stem for path in (Path(__file__).parent / "commands").glob("[a-z]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one subcommand."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"labctl.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands by the first line of their files, without loading any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(path.stem, _first_line(path)) for path in _files()])


def _files() -> list[Path]:
    return sorted((Path(__file__).parent / "commands").glob("[a-z]*.py"))


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8") as opened:
        return opened.readline().strip().strip('"').split(": ", 1)[-1]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: labctl run loopback-bind")
@click.version_option(__version__, prog_name="labctl")
def labctl() -> None:
    """Break a connection in a lab, see the exact error, apply the fix, see it recover."""


def main() -> None:
    """Run the command line; exit codes as README names them."""
    sys.exit(_exit_code())


def _exit_code() -> int:
    try:
        return int(labctl.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return Interrupted.exit_code
    except LabctlError as error:
        sys.stderr.write(f"labctl: {error}\n")
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:  # noqa: BLE001 - a bug of ours: say so, and show it whole
        traceback.print_exc()
        sys.stderr.write(f"{BUG}\n")
        return LabctlError.exit_code


if __name__ == "__main__":
    main()
