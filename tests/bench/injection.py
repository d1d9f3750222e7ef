"""Fault injection alone: a firewall rule put in place, by four ways into the same sandbox.

What takes it away again is not counted: the kernel waits there until nobody can still see the rule, 8 to 20 ms that no
way is spared (synchronize_rcu() in net/netfilter/nf_tables_api.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench import outsiders
from bench.ground import Ground
from bench.own import whole
from bench.pairs import Comparison, Contestant, clocked
from labctl.actions.firewall import Iptables
from labctl.errors import HostError
from labctl.lab.deploy import deployed
from labctl.lab.lab import Lab
from labctl.lab.request import LabRequest
from labctl.model import Result, Verdict
from labctl.results.journal import Journal, new_folder

HOST = "server"
RULE = "INPUT -p tcp --dport 8080 -j DROP"
INSERT = ["iptables", "-w", "-I", "INPUT", "1", *RULE.split()[1:]]


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways, into a lab that stands; `sandbox` is the container that owns the server's network namespace."""

    lab: Lab
    sandbox: str
    ground: Ground

    def by_agent(self) -> None:
        """Apply labctl's action, which sees that it took hold."""
        self.lab.apply(Iptables(iptables=HOST, rule=RULE))

    def by_command(self) -> None:
        """Take `docker exec`."""
        self._docker("exec", self.sandbox, *INSERT)

    def by_sdk(self) -> None:
        """Take the SDK's exec."""
        api: Any = self.ground.connection.api
        made = api.exec_create(self.sandbox, INSERT)
        printed = api.exec_start(made["Id"])
        if code := api.exec_inspect(made["Id"])["ExitCode"]:
            raise HostError(f"iptables failed with exit {code}.", means=printed.decode(errors="replace"))

    def by_container(self) -> None:
        """Start a helper container beside the server."""
        into = ["--network", f"container:{self.sandbox}", "--cap-add", "NET_ADMIN", "--user", "0"]
        self._docker("run", "--rm", "--label", self.ground.label, *into, self.ground.session.image, *INSERT)

    def gone(self) -> None:
        """Take the rule away, and see that it is gone: whoever says that he has put one there has."""
        self.lab.apply(Iptables(iptables=HOST, delete=RULE))

    def _docker(self, *arguments: str) -> None:
        outsiders.program([outsiders.docker() or "docker", *arguments], self.ground.environment)


@contextmanager
def ways(ground: Ground) -> Iterator[Ways]:
    """Bring up a lab to put rules into; remove it at the end."""
    loaded = whole()
    journal = Journal(new_folder(ground.folder / "runs", "injection", since=ground.session.began))
    try:
        with deployed(LabRequest.of(loaded), ground.session, journal) as lab:
            api: Any = ground.connection.api
            joined = api.inspect_container(lab.pod(HOST).service)["HostConfig"]["NetworkMode"]
            yield Ways(lab, str(joined).removeprefix("container:"), ground)
    finally:
        journal.conclude(Result("bench", "injection", "", "", Verdict.SKIPPED, "", "", journal.now, ()))


def comparisons(into: Ways) -> list[Comparison]:
    """Return what is compared: each other way against the agent."""

    def way(name: str, work: Callable[[], None]) -> Contestant:
        return Contestant(name, clocked(work, afterwards=into.gone))

    others = {
        "rule-exec": way("docker exec", into.by_command),
        "rule-sdk": way("SDK exec", into.by_sdk),
        "rule-container": way("docker run", into.by_container),
    }
    return [Comparison(key, other, way("labctl", into.by_agent), closer=5) for key, other in others.items()]
