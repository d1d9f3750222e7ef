"""List the clients, what each can reach, and their versions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click


@click.command(epilog="Example: labctl clients")
@click.option("--json", "as_json", is_flag=True, help="Print only the list, as JSON.")
def command(*, as_json: bool) -> None:
    """List the clients with the targets they can reach, their versions, and the files of clients from other packages.

    Versions are those in labctl's image, which is built if it is missing; clients of an engine run on this machine, and
    have its versions.
    """
    from labctl.report.text import plain

    known, broken = asked()
    if as_json:
        click.echo(json.dumps({"clients": known, "broken": broken}, indent=2))
    else:
        for line in lines(known, broken):
            click.echo(plain(line))


def asked() -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Ask the clients in the image what they are; return what can be used, and why the rest cannot, both by name.

    Raises EngineUnavailable, HostError, and LabError where they do not answer.
    """
    from labctl.clients import broken_plugins, plugin_files, plugins
    from labctl.engine.connection import connect
    from labctl.engine.once import run_once
    from labctl.errors import LabError, indented
    from labctl.lab.bare import listed_here
    from labctl.provision import image
    from labctl.system.places import OWN_IMAGE
    from labctl.system.progress import timed

    connection = connect()
    built = image.ensure(connection, OWN_IMAGE, progress=timed())[OWN_IMAGE]
    files = plugin_files()
    ran = run_once(connection, built.tag, ["clients", "--list"], purpose="ask the clients", files=files)
    try:
        told = json.loads(ran.stdout)["ok"]
    except (ValueError, KeyError, TypeError) as error:
        printed = f"They printed:\n{indented(ran.output)}" if ran.output.strip() else "They printed nothing."
        raise LabError("the clients in the image sent no list of themselves.", means=printed) from error
    sources = plugins()
    known = {
        name: {**client, "plugin": str(sources[name]) if name in sources else None}
        for name, client in told["clients"].items()
    }
    here = json.loads(listed_here())["ok"]
    for name, client in here["clients"].items():
        known.setdefault(name, {**client, "plugin": None})
    return dict(sorted(known.items())), {**broken_plugins, **told["broken"], **here["broken"]}


def lines(known: Mapping[str, Mapping[str, Any]], broken: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the list."""
    from labctl.report.columns import columns

    sources = {name: f", from {client['plugin']}" if client["plugin"] else "" for name, client in known.items()}
    yield from columns(
        [(name, ", ".join(client["schemes"]), f"{client['version']}{sources[name]}") for name, client in known.items()]
    )
    if broken:
        yield "left out, because they cannot be used:"
        yield from columns(list(broken.items()))
