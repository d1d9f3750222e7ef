"""One process of labctl at work on one engine: what all its runs share, and the promise that nothing is left behind."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field

from labctl.engine.connection import Connection, connect
from labctl.engine.containers import Containers
from labctl.engine.events import Events
from labctl.engine.labels import SESSION, STARTED
from labctl.engine.spec import ContainerSpec
from labctl.engine.sweep import look, sweep
from labctl.engine.watchdog import Watchdog
from labctl.errors import EngineError, EngineUnavailable, LabError, NotThere
from labctl.provision import image
from labctl.scenario import images
from labctl.scenario.load import Loaded
from labctl.system.interrupt import stoppable
from labctl.system.places import OWN_IMAGE
from labctl.system.progress import timed

LEFT = "It is removed if the engine does so within the next minute; after that, `labctl clean` removes it."


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that runs the containers, its events, and labctl's own images on it."""

    connection: Connection
    containers: Containers
    events: Events
    images: Mapping[str, str]  # tags, by the names that stacks use


@dataclass(frozen=True, slots=True)
class ImageContents:
    """What an image on the engine is made of: versions by the names of packages."""

    tag: str
    id: str
    debian: Mapping[str, str]
    python: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Session:
    """The engine, where the scenarios need one, and the labels of everything that this process makes."""

    id: str
    began: float  # seconds since 1970
    engine: Engine | None
    contents: dict[str, ImageContents] = field(default_factory=dict)  # of the images that were asked, by their names

    @property
    def _demanded(self) -> Engine:
        if self.engine is None:
            raise LabError("this session began without an engine, for scenarios that need none.")
        return self.engine

    @property
    def connection(self) -> Connection:
        """How the engine is reached."""
        return self._demanded.connection

    @property
    def containers(self) -> Containers:
        """The engine's containers, networks and volumes."""
        return self._demanded.containers

    @property
    def events(self) -> Events:
        """What the engine tells of them."""
        return self._demanded.events

    @property
    def images(self) -> Mapping[str, str]:
        """The tags of labctl's own images, by the names that stacks use."""
        return self._demanded.images

    @property
    def local(self) -> bool:
        """Whether what runs, runs on this machine."""
        return self.engine is None or self.connection.local

    @property
    def versions(self) -> Mapping[str, str]:
        """The versions of what runs the labs."""
        return {} if self.engine is None else {"image": self.image, **self.connection.versions}

    @property
    def image(self) -> str:
        """The tag of the image that every sandbox runs."""
        return self.images[OWN_IMAGE]

    def make(self, spec: ContainerSpec, files: Mapping[str, str]) -> str:
        """Make a container with these files in it, by their paths; it does not run yet. Raises EngineError."""
        try:
            container = self.containers.create(spec)
        except NotThere as error:
            error.todo = f"If the image is missing: docker pull {spec.image}. labctl pulls none for a stack by itself."
            raise
        if files:
            self.containers.put(container, files)
        return container

    @property
    def labels(self) -> dict[str, str]:
        """The labels of everything that this process makes."""
        return {SESSION: self.id, STARTED: f"{time.time():.0f}"}


@contextmanager
def ready(chosen: Sequence[Loaded], allow_images: Sequence[str] = (), *, signals: bool = True) -> Iterator[Session]:
    """Find the engine, see that every image is there that these scenarios need, and begin a session.

    Where none of them needs an engine, none is looked for.

    Progress goes to standard error. Raises UsageError where a stack uses an image that is not allowed, before anything
    else is done; EngineUnavailable and HostError.
    """
    images.demand(chosen, allow_images)
    if all(one.stack.bare for one in chosen):
        with stoppable(str) if signals else nullcontext():
            yield Session(secrets.token_hex(4), time.time(), None)
        return
    connection = connect()
    wanted = {name for one in chosen for name in one.stack.own_images()}
    built = image.ensure(connection, OWN_IMAGE, *sorted(wanted - {OWN_IMAGE}), progress=timed())
    with session(connection, {name: one.tag for name, one in built.items()}, signals=signals) as begun:
        yield begun


@contextmanager
def session(connection: Connection, images: Mapping[str, str], *, signals: bool = True) -> Iterator[Session]:
    """Begin a session; at its end, whatever the reason, nothing that it made is left.

    `images` holds the tags of labctl's own images by name. `signals` tells whether SIGINT and SIGTERM end it in good
    order; where a caller handles them itself, that is the caller's part.
    """
    identity = secrets.token_hex(4)
    label = f"{SESSION}={identity}"
    containers = Containers(connection)
    with ExitStack() as undo:
        removal = undo.enter_context(stoppable(lambda: str(look(containers, label)))) if signals else None
        watchdog = undo.enter_context(Watchdog(label, connection.candidate))
        events = Events(connection, label)
        undo.callback(events.close)
        undo.callback(_remove, containers, label, watchdog)
        if removal is not None:
            undo.callback(removal.begin)
        yield Session(identity, time.time(), Engine(connection, containers, events, images))


def _remove(containers: Containers, label: str, watchdog: Watchdog) -> None:
    """Remove everything; only where that went to its end is the watchdog told that it has nothing to do.

    Raises EngineError where something stays, or where the engine does not come back.
    """
    try:
        left = sweep(containers, label, patient=True)
    except EngineError as error:
        raise EngineUnavailable(
            f"{error.what} Its containers and networks are still there.", means=error.means, todo=LEFT
        ) from error
    left.demand_none(LEFT)
    watchdog.dismiss()
