"""bundle: put a run into one file, or check or show such a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from labctl.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from labctl.results.archive import Contents

MAKE = ""  # in place of a command's name, where the line begins with a RUN or an option
PROBLEMS = 1


class Bundle(click.Group):
    """Commands whose names come first; what begins otherwise makes a bundle."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command that makes a bundle before what names no command."""
        known = (*self.commands, *self.get_help_option_names(ctx))
        return super().parse_args(ctx, [MAKE, *args] if args and args[0] not in known else args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command."""
        return make if cmd_name == MAKE else super().get_command(ctx, cmd_name)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the commands, and the names of runs and of scenarios that have run."""
        return [*super().shell_complete(ctx, incomplete), *_runs(incomplete)]


def _runs(incomplete: str) -> list[CompletionItem]:
    from labctl.results.result import LAST, run_names, scenario_of

    runs = run_names()
    names = [*dict.fromkeys(map(scenario_of, runs)), *runs, *([LAST] if runs else [])]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.group(
    cls=Bundle,
    subcommand_metavar="RUN [-o FILE] [--force] | verify FILE… | show FILE",
    epilog="Example: labctl bundle last && labctl bundle verify *.labctl.tar.gz",
)
def command() -> None:
    """Put a run into one file to pass on as evidence; check or show such a file.

    RUN is the path of a run's folder, its name below .labctl/runs, the name of its scenario (the newest run counts), or
    `last`. The bundle is made in this folder as RUN.labctl.tar.gz, or as the FILE of -o, which --force overwrites. It
    holds the result, the journal, the scenario and stack as they were run, all versions, captured packets and logs,
    and the SHA-256 of each.

    verify and show need no engine and no scenario, and trust nothing in the file. Also compare the archive's SHA-256
    with the one that its maker published: only that shows that the file is theirs.
    """


@click.command(epilog="Example: labctl bundle loopback-bind -o evidence.tar.gz")
@click.argument("run", metavar="RUN")
@click.option("-o", "--output", "output", metavar="FILE", type=click.Path(path_type=Path), help="The file to make.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def make(run: str, output: Path | None, *, force: bool) -> int:
    """Put a run into one file; by default RUN.labctl.tar.gz in this folder.

    Exits with 1 if `verify` would find a problem, such as a file of the run that was changed later.
    """
    from labctl.report.text import one_line
    from labctl.results import bundle

    folder = bundle.find_run(run)
    file = output or Path(f"{folder.resolve().name}{bundle.SUFFIX}")
    manifest = bundle.make(folder, file, overwrite=force)
    verified = bundle.verify(file)
    click.echo(one_line(f"{file}: {file.stat().st_size} bytes, {len(manifest.files)} files, sha256 {verified.sha256}"))
    return _complain(verified.file, verified.problems)


@command.command(epilog="Example: labctl bundle verify evidence.tar.gz")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
def verify(files: tuple[Path, ...]) -> int:
    """Check that bundles are complete and consistent.

    Each file inside must have the checksum in the manifest; manifest, result and fingerprint must agree; the captured
    packets must show the connections that the result lists. Exits with 1 and lists the problems, by file, if not.
    """
    from labctl.report.bundled import sound
    from labctl.results import archive, bundle

    for file in files:
        archive.demand(file)
    worst = os.EX_OK
    for file in files:
        verified = bundle.verify(file)
        if verified.manifest and not verified.problems:
            click.echo(sound(verified, verified.manifest))
        worst = max(worst, _complain(file, verified.problems))
    return worst


@command.command(epilog="Example: labctl bundle show evidence.tar.gz --file client.pcap | tcpdump -nr -")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--file", "name", metavar="NAME", help="Print only this file of the bundle.")
def show(file: Path, name: str | None) -> int:
    """Show the run that a bundle holds.

    It shows where the run was made, what was done and observed in each phase, the verdict, and the files. Exits with 1
    if `verify` finds a problem; problems are shown first.
    """
    from labctl.cli.common import console
    from labctl.report import bundled
    from labctl.results import archive, bundle

    contents = archive.read(file)
    verified = bundle.check(contents)
    if name is not None:
        _print(contents, name)
        return _complain(file, verified.problems)
    bundled.show(console(), contents, verified)
    return PROBLEMS if verified.problems else os.EX_OK


def _print(contents: Contents, name: str) -> None:
    """Write one file of a bundle to standard output: a capture as it is, all else as text."""
    from labctl.report.text import one_line, plain
    from labctl.results.result import PCAP

    if name not in contents.members:
        raise UnknownName(f"file in {one_line(str(contents.file))}", name, map(one_line, contents.members))
    content = contents.members[name]
    if not name.endswith(PCAP):
        click.echo(plain(content.decode(errors="replace")), nl=False)
    elif sys.stdout.isatty():
        todo = f"`labctl bundle show {contents.file} --file {name} | tcpdump -nr -`, or `> FILE` for Wireshark."
        raise UsageError(f"{name} is a packet capture, which a terminal cannot show.", todo=todo)
    else:
        click.echo(content, nl=False)


def _complain(file: Path, problems: tuple[str, ...]) -> int:
    from labctl.report.text import one_line

    for problem in problems:
        click.echo(one_line(f"{file}: {problem}"), err=True)
    return PROBLEMS if problems else os.EX_OK
