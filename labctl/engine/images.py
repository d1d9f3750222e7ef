"""Images on an engine: looked up, pulled, imported, built. What labctl makes carries labels under `labctl.`."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from labctl.engine.connection import Connection
from labctl.engine.translate import refusal, translated
from labctl.errors import EngineError, HostError, NotThere, indented
from labctl.system.progress import Progress

SILENCE = 10.0
"""Seconds without a word from a registry after which a pull is given up; one that moves speaks many times a second."""
BUILD_SILENCE = 600.0
"""Seconds without a line of output after which a build is given up."""
CONNECT = 5.0
"""Seconds to reach the engine itself."""
LAST_LINES = 15
"""How much of a failing command's output its error quotes."""


BREATH = 2.0
"""Seconds between two lines of progress out of the many that a pull or a build prints."""
WIDTH = 96
"""Characters of such a line."""


COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""The classic builder paints what a command writes to its standard error."""
OWN = re.compile(r"--->|Removing intermediate container|Successfully (built|tagged)")
"""What the classic builder itself says between the commands' output."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An image that the engine has."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]  # name@sha256:…, as registries know it; empty for what was made here
    labels: Mapping[str, str]
    architecture: str
    size: int  # bytes
    created: str  # RFC 3339

    @property
    def name(self) -> str:
        """A name for people: the first tag, or the start of the id."""
        return self.tags[0] if self.tags else self.id.removeprefix("sha256:")[:12]


def find(connection: Connection, reference: str) -> Stored | None:
    """Return the image, or None where the engine does not have it. One request, about 3 ms."""
    try:
        with translated(f"look up the image {reference}"):
            seen: Mapping[str, Any] = connection.api.inspect_image(reference)  # type: ignore[no-untyped-call]  # by its stubs
    except NotThere:
        return None
    return Stored(
        id=seen["Id"],
        tags=tuple(seen.get("RepoTags") or ()),
        digests=tuple(seen.get("RepoDigests") or ()),
        labels=dict((seen.get("Config") or {}).get("Labels") or {}),
        architecture=seen.get("Architecture", ""),
        size=int(seen.get("Size", 0)),
        created=seen.get("Created", ""),
    )


def labelled(connection: Connection, label: str) -> list[Stored]:
    """Return every image that carries `label` (a key, or key=value), untagged ones included."""
    with translated("list the images"):
        rows = connection.api.images(filters={"label": label})
    found = (find(connection, row["Id"]) for row in rows)
    return [image for image in found if image is not None]


def remove(connection: Connection, reference: str) -> None:
    """Remove an image, its tag and what only it used. Raises Taken where a container or an image needs it."""
    with translated(f"remove the image {reference}"):
        connection.api.remove_image(reference)


def tag(connection: Connection, image: str, repository_and_tag: str) -> None:
    """Give an image one more name."""
    repository, _, name = repository_and_tag.rpartition(":")
    with translated(f"name the image {repository_and_tag}"):
        connection.api.tag(image, repository, name)


def pull(connection: Connection, reference: str, *, progress: Progress, silence: float = SILENCE) -> Stored:
    """Fetch an image from its registry.

    `reference` is a name with a tag or a digest. Raises EngineError when the registry refuses, or when nothing is
    heard of it for `silence` seconds; ending the request ends the engine's work on it too.
    """
    doing = f"pull {reference}"
    for message in _stream(connection, doing, "/images/create", {"fromImage": reference}, silence=silence):
        layer, status, moved = message.get("id", ""), message.get("status", ""), message.get("progress", "")
        progress(" ".join(part for part in (layer and f"{layer}:", status, moved) if part))
    return _present(connection, reference)


def import_tarball(
    connection: Connection,
    tarball: Path,
    repository_and_tag: str,
    *,
    labels: Mapping[str, str],
    changes: Sequence[str] = (),
) -> Stored:
    """Make an image of one layer from a file system in a tar archive; `changes` are Dockerfile instructions."""
    repository, _, name = repository_and_tag.rpartition(":")
    quoted = {key: json.dumps(value).replace("$", "\\$") for key, value in labels.items()}  # $ names a variable there
    written = [*changes, *(f"LABEL {key}={value}" for key, value in quoted.items())]
    parameters = {"fromSrc": "-", "repo": repository, "tag": name, "changes": written}
    doing = f"import {repository_and_tag}"
    with tarball.open("rb") as content:
        for _ in _stream(connection, doing, "/images/create", parameters, body=content, silence=BUILD_SILENCE):
            pass
    return _present(connection, repository_and_tag)


def build(
    connection: Connection,
    context: IO[bytes],
    repository_and_tag: str,
    *,
    arguments: Mapping[str, str],
    labels: Mapping[str, str],
    progress: Progress,
    fresh: bool = False,
) -> Stored:
    """Build an image from a tar archive that holds a Dockerfile and its files; `fresh` leaves the cache aside.

    Raises HostError with the failing command and its last output.
    """
    parameters = {
        "t": repository_and_tag,
        "buildargs": json.dumps(dict(arguments)),
        "labels": json.dumps(dict(labels)),
        "networkmode": _build_network(connection),
        "nocache": str(fresh).lower(),
        "rm": "true",
        "forcerm": "true",
    }
    command, said = "its first instruction", deque[str](maxlen=LAST_LINES)
    doing = f"build {repository_and_tag}"
    try:
        for message in _stream(connection, doing, "/build", parameters, body=context, silence=BUILD_SILENCE):
            for line in str(message.get("stream", "")).splitlines():
                if line.startswith("Step "):
                    command = line.partition(" : ")[2]
                    said.clear()
                elif (plain := COLOUR.sub("", line).strip()) and not OWN.match(plain):
                    said.append(plain)
                    progress(plain)
    except StreamStopped as stopped:
        means = f"Its last output:\n{indented(chr(10).join(said))}" if said else "It printed nothing."
        raise HostError(f"could not {doing}: {stopped.what}\nIt stopped at: {command}", means=means) from stopped
    return _present(connection, repository_and_tag)


class StreamStopped(EngineError):
    """The engine ended a stream of progress with an error."""


def _present(connection: Connection, reference: str) -> Stored:
    """Return an image that was made just now."""
    image = find(connection, reference)
    if image is None:
        raise NotThere(f"{reference} was made, and yet the engine does not have it.", status=404)
    return image


def _build_network(connection: Connection) -> str:
    """Return the network for the build's commands: the engine's bridge, or the machine's where there is none."""
    with translated("list the networks"):
        bridges = connection.api.networks(filters={"name": "^bridge$", "type": "builtin"})
    return "bridge" if bridges else "host"


def _stream(
    connection: Connection,
    doing: str,
    path: str,
    parameters: Mapping[str, Any],
    *,
    silence: float,
    body: IO[bytes] | None = None,
) -> Iterator[dict[str, Any]]:
    """Send a request and yield the messages of its answer as they come; `silence` is the longest wait for one.

    The SDK's own pull, import and build wait without end for the first message, so the request is made here.
    """
    api = connection.api
    headers = {"Content-Type": "application/x-tar"} if body is not None else {}
    url = f"{api.base_url}/v{api.api_version}{path}"
    with (
        translated(doing),
        api.post(url, params=parameters, data=body, headers=headers, stream=True, timeout=(CONNECT, silence)) as answer,
    ):
        if not answer.ok:
            raise refusal(doing, _explanation(answer.text), answer.status_code)
        for line in answer.iter_lines():
            message = json.loads(line) if line else {}
            if "error" in message:
                raise StreamStopped(str(message["error"]).strip())
            yield message


def _explanation(text: str) -> str:
    """Return the sentence in an engine's refusal, which is JSON unless something in between answered."""
    with suppress(ValueError, TypeError, KeyError):
        return str(json.loads(text)["message"])
    return text


def sparsely(progress: Progress, seconds: float = BREATH, clock: Callable[[], float] = time.monotonic) -> Progress:
    """Return a progress that lets one line through at most every so many seconds, cut to `WIDTH`."""
    last = clock()

    def tell(line: str) -> None:
        nonlocal last
        if (now := clock()) - last >= seconds:
            last = now
            progress(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…")

    return tell
