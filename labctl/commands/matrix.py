"""matrix: run all scenarios, several at once."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from labctl.commands._common import console, exit_with, loaded_scenarios
from labctl.model import Result, Verdict


@click.command(epilog="Example: labctl matrix -j 4")
@click.argument("names", metavar="[NAME|PATH]", nargs=-1)
@click.option("-j", "--jobs", type=click.IntRange(1, 32), default=2, show_default=True, help="Runs at once.")
@click.option("--client", "clients", multiple=True, metavar="CLIENT", help="Only this client; may be given again.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON, and nothing else.")
def command(names: tuple[str, ...], jobs: int, clients: tuple[str, ...], as_json: bool) -> int:
    """Run every scenario, or those named, and say what each came to."""
    from labctl import scenario
    from labctl.matrix import matrix
    from labctl.report import terminal
    from labctl.run import Options, worst
    from labctl.session import ready

    chosen = loaded_scenarios(names or sorted(scenario.everything()), clients)
    out = console(stderr=as_json)

    def on_result(result: Result) -> None:
        if not as_json:
            if result.verdict in (Verdict.PASSED, Verdict.SKIPPED):
                out.print(terminal.verdict_line(result), soft_wrap=True)
            else:
                terminal.verdict(out, result)

    with ready(chosen) as session:
        options = Options(clients=clients)
        results = matrix(chosen, session, options, jobs=jobs, on_result=on_result)
    if as_json:
        click.echo(json.dumps([asdict(result) for result in results], indent=2, default=str))
    else:
        terminal.summary(out, results, worst(results))
    return exit_with(results)
