"""new: write a scenario of your own."""

from __future__ import annotations

import json
import os
import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.cli import complete
from labctl.cli.common import loaded_scenarios
from labctl.errors import UsageError
from labctl.language.bounds import SUFFIXES
from labctl.scenario.catalogue import FOLDER
from labctl.system import files

if TYPE_CHECKING:
    from labctl.language.documents import Document

TEMPLATE = Path(__file__).with_suffix(".yaml")
LIST = re.compile(r"^# <(\w+)>$", re.MULTILINE)  # a line of the template in whose place a list of what there is comes
VALUE = re.compile(r""""[^"]*"|'[^']*'|[^\s,{}\[\]#]+""")  # a name or a path, as YAML has it
PLAIN = re.compile(r"[\w./-]+")
BEGUN = re.compile(r"\A# Begun from .*\n")
WIDTH = 120


@click.command(epilog="Example: labctl new proxy-down --from server-down")
@click.argument("name")
@click.option("--from", "source", metavar="NAME|PATH", shell_complete=complete.scenarios, help="Copy this scenario.")
@click.option(
    "--path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write it, a file or a folder; by default ./scenarios/NAME.yaml.",
)
def command(name: str, source: str | None, path: Path | None) -> None:
    """Write a new scenario, with explanations, that runs as it is.

    By default it is a small one with the whole language in its comments; with --from it is a copy of another scenario.
    An existing file is never overwritten.
    """
    file = _file(_allowed(name), path)
    _write(file, _template(name) if source is None else _copy(source, name, file.parent))
    known_as = name if file.parent == FOLDER else shlex.quote(str(file))
    click.echo(f"wrote {file}\nnext:")
    width = len(f"labctl shell {known_as}")
    for verb, what in (
        ("lint", "tells mistakes"),
        ("run", "breaks it, shows the error, repairs it"),
        ("shell", "opens a shell in the lab while it is broken"),
    ):
        click.echo(f"  {f'labctl {verb} {known_as}':<{width}}   # {what}")


def _allowed(name: str) -> str:
    """Return the name, if a scenario may have it; raises UsageError."""
    import pydantic

    from labctl.language.fields import Name

    try:
        return str(pydantic.TypeAdapter(Name).validate_python(name))
    except pydantic.ValidationError as error:
        raise UsageError(
            f"a scenario cannot be called {name!r}.",
            means="A name begins with a small letter; small letters, digits and hyphens follow, 63 characters at most.",
        ) from error


def _file(name: str, path: Path | None) -> Path:
    """Return the file to be written; raises UsageError where it would not be called like the scenario."""
    if path is None:
        return FOLDER / f"{name}.yaml"
    if path.is_dir():
        return path / f"{name}.yaml"
    if path.stem != name or path.suffix not in SUFFIXES:
        raise UsageError(
            f"the file of the scenario {name!r} cannot be called {path.name!r}.",
            means="A scenario and its file have the same name.",
            todo=f"--path {path.with_name(f'{name}.yaml')}",
        )
    return path


def _write(file: Path, text: str) -> None:
    try:
        with files.named_by_user():
            files.make_folder(file.parent)
            files.create(file, text.encode())
    except FileExistsError as error:
        raise UsageError(
            f"{error.filename} exists already; labctl new overwrites nothing.", todo="Choose another name or --path."
        ) from error


def _copy(source: str, name: str, folder: Path) -> str:
    """Return another scenario under a new name, for a file in `folder`."""
    [nearest] = loaded_scenarios([source])
    values = {"name": name}
    stack = nearest.scenario.stack
    if "/" in stack or stack.endswith(SUFFIXES):  # a path, from the scenario's own folder
        path = os.path.relpath(nearest.file.parent / stack, folder)
        values["stack"] = path if "/" in path else f"./{path}"
    text = _replaced(nearest.file.read_text(encoding="utf-8"), nearest.document, values)
    heading = f"# Begun from {nearest.scenario.name} by `labctl new`: change it step by step, its words too.\n"
    return heading + BEGUN.sub("", text)


def _template(name: str) -> str:
    """Return labctl's own first scenario, with lists of what there is in its comments."""
    from labctl.language import documents

    text = _replaced(TEMPLATE.read_text(encoding="utf-8"), documents.read(TEMPLATE), {"name": name})
    lists = _lists()
    return LIST.sub(lambda found: lists[found[1]], text)


def _replaced(text: str, document: Document, values: Mapping[str, str]) -> str:
    """Return a file's text with some of its top-level values, each of them a single word, replaced."""
    lines = text.split("\n")
    for key in sorted(values, key=lambda key: document.values[key,], reverse=True):  # the last first: places stay true
        _, line, column = document.values[key,]
        value = values[key] if PLAIN.fullmatch(values[key]) else json.dumps(values[key])
        before, after = lines[line - 1][: column - 1], lines[line - 1][column - 1 :]
        lines[line - 1] = before + VALUE.sub(lambda _, value=value: value, after, count=1)  # type: ignore[misc]
    return "\n".join(lines)


def _lists() -> dict[str, str]:
    """Return what there is to choose from in a scenario, as comments by the names that the template has for them."""
    from labctl import actions, clients
    from labctl.kernel.pcap import KINDS
    from labctl.language import placeholders
    from labctl.model import Outcome, Stage
    from labctl.scenario.abilities import ABILITIES
    from labctl.scenario.causes import CAUSES
    from labctl.system.places import installed

    explained = {key: (kind.__doc__ or "").partition("\n")[0] for key, kind in sorted(actions.discover().items())}
    open_ones = placeholders.known(("diagnose",), ["HOST"])
    return {
        "causes": _explained(CAUSES),
        "actions": _explained(explained),
        "stacks": _listed(sorted(file.stem for file in installed("compose").glob("*.yaml"))),
        "abilities": _listed(sorted(ABILITIES)),
        "clients": _listed(clients.names()),
        "outcomes": _listed(Outcome),
        "stages": _listed(Stage),
        "kinds": _listed(KINDS),
        "placeholders": _listed(f"${{{name}}}" for name in open_ones),
    }


def _explained(sentences: Mapping[str, str]) -> str:
    width = max(map(len, sentences))
    return "\n".join(
        textwrap.fill(
            sentence, WIDTH, initial_indent=f"#   {name:<{width}}  ", subsequent_indent="#" + " " * (width + 5)
        )
        for name, sentence in sentences.items()
    )


def _listed(names: Iterable[str]) -> str:
    return textwrap.fill(", ".join(names), WIDTH, initial_indent="#   ", subsequent_indent="#   ")
