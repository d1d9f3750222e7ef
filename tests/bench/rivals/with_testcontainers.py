"""The scenario loopback-bind, as a test with testcontainers-python would have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker.types import IPAMConfig, IPAMPool
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

CURL = ["curl", "-sS", "--max-time", "5", "http://server:8080/"]
COULD_NOT_CONNECT = 7  # curl(1), exit codes


def run(image: str, subnet: str, labels: Mapping[str, str]) -> None:
    """Server up, recreated on loopback, recreated on every address; the client sees each."""
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)])
    settings: dict[str, Any] = {"internal": True, "ipam": ipam, "labels": dict(labels)}

    with (
        Network(docker_network_kw=settings) as network,
        DockerContainer(image, labels=labels).with_network(network).with_command("sleep infinity") as client,
    ):
        for host, expected in (("0.0.0.0", 0), ("127.0.0.1", COULD_NOT_CONNECT), ("0.0.0.0", 0)):
            with _server(image, host, network, labels):
                code, output = client.exec(CURL)
                assert code == expected, output


def _server(image: str, host: str, network: Network, labels: Mapping[str, str]) -> DockerContainer:
    return (
        DockerContainer(image, labels=labels)
        .with_network(network)
        .with_network_aliases("server")
        .with_command("serve")
        .with_env("HOST", host)
        .waiting_for(LogMessageWaitStrategy(f"listening on {host}:8080").with_poll_interval(0.05))
    )
