"""Pausing a container of which a process cannot be frozen at once: with cgroups v1, one that waits for memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from labctl.engine.containers import Containers
from labctl.errors import DeadlineExceeded, NotThere
from labctl.lab.session import Session
from labctl.system.waiting import poll

TIGHT, WIDE, WANTED = 32 << 20, 256 << 20, 64 << 20  # bytes
WANTS_MEMORY = f"import signal; wanted = bytearray(b'1') * {WANTED}; signal.pause()"
NOW, SOON = 0.3, 5  # seconds: of a pause that is refused once, until something that is under way is there


@pytest.fixture
def waiting(session: Session) -> Iterator[str]:
    """Yield a container whose process waits for memory in the kernel, where nothing may end it for that."""
    api = session.connection.api
    if api.info()["CgroupVersion"] != "1":
        pytest.skip("with cgroups v2 the kernel freezes whatever waits (Documentation/admin-guide/cgroup-v2.rst)")
    host = api.create_host_config(
        network_mode="none", mem_limit=TIGHT, memswap_limit=TIGHT, oom_kill_disable=True, pids_limit=16
    )
    container: str = api.create_container(
        session.image, entrypoint=["python3", "-c", WANTS_MEMORY], host_config=host, labels=session.labels
    )["Id"]
    try:
        api.start(container)
        poll(lambda: state(session, container).startswith("D"), SOON, "the process to wait for memory")
        yield container
    finally:
        session.containers.remove(container)


def state(session: Session, container: str) -> str:
    """Return what ps(1) calls the state of the container's process: D is an uninterruptible sleep."""
    [[_, found]] = session.connection.api.top(container, ps_args="-o pid,stat")["Processes"]
    return str(found)


def test_what_cannot_be_frozen_now_is_asked_for_until_it_can(session: Session, waiting: str) -> None:
    containers: Containers = session.containers
    with ThreadPoolExecutor(1) as aside:
        pausing = aside.submit(containers.pause, waiting, 60)
        with pytest.raises(TimeoutError):
            pausing.result(2 * NOW)
        session.connection.api.update_container(waiting, mem_limit=WIDE, memswap_limit=WIDE)
        pausing.result(60)
    assert containers.status(waiting) == "paused"
    containers.unpause(waiting)


def test_what_can_never_be_frozen_is_told_after_a_while(session: Session, waiting: str) -> None:
    with pytest.raises(DeadlineExceeded, match="every process of a container to freeze"):
        session.containers.pause(waiting, NOW)
    assert session.containers.status(waiting) == "running"


def test_what_is_not_there_is_not_asked_for_again(session: Session) -> None:
    with pytest.raises(NotThere):
        session.containers.pause("labctl-test-nobody")
