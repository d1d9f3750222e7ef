"""schema: the JSON Schema of a scenario file, for an editor, or of a record."""

from __future__ import annotations

import json

import click


@click.command(epilog="Example: labctl schema > scenario.schema.json")
@click.argument("file", type=click.Choice(["scenario", "record"]), default="scenario")
def command(file: str) -> None:
    """Print the JSON Schema of scenario files, including all actions, or that of records."""
    click.echo(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **_schema(file)}, indent=2))


def _schema(file: str) -> dict[str, object]:
    if file == "record":
        from labctl.results.record import Record

        return Record.model_json_schema()
    from labctl import actions
    from labctl.scenario.model import Scenario

    actions.discover()
    return Scenario.model_json_schema(by_alias=True)
