"""schema: the JSON Schema of a scenario file, for an editor."""

from __future__ import annotations

import json

import click


@click.command(epilog="Example: labctl schema > scenario.schema.json")
def command() -> None:
    """Print the JSON Schema of scenario files, made from the models and the actions there are."""
    from labctl.scenario import Scenario

    schema = Scenario.model_json_schema(by_alias=True)
    click.echo(json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2))
