"""completion: have the shell complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

KINDS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command(epilog='Example: eval "$(labctl completion bash)"')
@click.argument("shell", type=click.Choice(list(KINDS)))
def command(shell: str) -> None:
    """Print a script that has your shell complete labctl's commands, options, scenarios, clients and hosts.

    \b
    bash   eval "$(labctl completion bash)"                             in ~/.bashrc
    zsh    eval "$(labctl completion zsh)"                              in ~/.zshrc, after compinit
    fish   labctl completion fish > ~/.config/fish/completions/labctl.fish
    """  # noqa: D301 - the control character has click keep these lines apart
    script = KINDS[shell](click.get_current_context().find_root().command, {}, "labctl", "_LABCTL_COMPLETE")
    click.echo(ShellComplete.source(script))  # bash's own asks for a bash on this machine
