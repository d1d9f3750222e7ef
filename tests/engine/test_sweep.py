"""What cannot be removed is tried again after a pause, and the engine's reason is told."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.engine.connection import Connection, connect
from labctl.engine.containers import Containers
from labctl.engine.labels import SESSION
from labctl.engine.spec import ContainerSpec
from labctl.engine.sweep import look, sweep
from labctl.errors import EngineError
from labctl.lab.deploy import make_network
from labctl.lab.session import Session
from support.proxy import Proxy, proxied
from support.variants import labctl

SECONDS = 3.0
MOST_REQUESTS = 60  # in that time; each look takes three
FOREIGN = "tests.foreign"  # a label that is not labctl's


@pytest.fixture
def counted(connection: Connection) -> Iterator[tuple[Proxy, Containers]]:
    """Put a proxy before the engine, which counts requests."""
    if connection.candidate.socket is None:
        pytest.skip("the engine is not reached by a socket of this machine")
    with proxied(connection.candidate.socket) as proxy:
        own = connect({"DOCKER_HOST": proxy.address})
        yield proxy, Containers(own)
        own.close()


@pytest.fixture
def held(session: Session) -> Iterator[tuple[str, str, str]]:
    """Have a container that is not labctl's use a volume and a network that are; yields a label and their names."""
    identity = secrets.token_hex(4)
    label = {SESSION: identity}
    containers = session.containers
    volume = containers.create_volume(f"labctl-{identity}-data", label)
    network, subnet = make_network(session, f"labctl-{identity}-net", label)
    spec = ContainerSpec(
        name=f"foreign-{identity}",
        image=session.image,
        command=["sleep", "120"],
        labels={FOREIGN: identity},
        network=network,
        address=str(list(subnet.hosts())[3]),
        volumes={"/data": volume},
    )
    foreign = containers.create(spec)
    containers.start(foreign)
    try:
        yield f"{SESSION}={identity}", volume, foreign
    finally:
        containers.remove(foreign)
        assert not sweep(containers, f"{SESSION}={identity}")


def test_what_cannot_be_removed_is_asked_for_with_pauses_and_says_why(
    held: tuple[str, str, str], counted: tuple[Proxy, Containers]
) -> None:
    label, volume, foreign = held
    proxy, containers = counted
    left = sweep(containers, label, seconds=SECONDS)
    assert proxy.requests < MOST_REQUESTS
    assert left.volumes == [volume]
    with pytest.raises(EngineError, match="the engine did not remove") as told:
        left.demand_none("do this")
    assert f"{volume}: the Docker Engine would not remove a volume: " in told.value.means
    assert "volume is in use" in told.value.means
    assert "has active endpoints" in told.value.means
    assert told.value.todo == "do this"
    assert containers.status(foreign) == "running"


def test_clean_says_why_something_stays(held: tuple[str, str, str], tmp_path: Path) -> None:
    _, volume, _ = held
    done = labctl(tmp_path, "clean")
    assert done.returncode == 3
    assert f"{volume}: the Docker Engine would not remove a volume: " in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_gone_when_it_is_removed_is_not_left(session: Session) -> None:
    identity = secrets.token_hex(4)
    session.containers.create_volume(f"labctl-{identity}-data", {SESSION: identity})
    assert not sweep(session.containers, f"{SESSION}={identity}")
    assert not look(session.containers, f"{SESSION}={identity}")
