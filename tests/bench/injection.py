"""Fault injection alone: a firewall rule put in place and taken away again, by four ways into the same sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench import outsiders
from bench.ground import Ground
from bench.own import whole
from bench.pairs import Comparison, Contestant, clocked

from labctl.actions import Step
from labctl.actions.firewall import Iptables
from labctl.deploy import deployed
from labctl.errors import HostError
from labctl.journal import Journal, new_folder
from labctl.lab import Lab
from labctl.model import Result, Verdict

HOST = "server"
RULE = "INPUT -p tcp --dport 8080 -j DROP"
INSERT = ["iptables", "-w", "-I", "INPUT", "1", *RULE.split()[1:]]
DELETE = ["iptables", "-w", "-D", *RULE.split()]


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways, into a lab that stands; `sandbox` is the container that owns the server's network namespace."""

    lab: Lab
    sandbox: str
    ground: Ground

    def proven(self) -> None:
        """Apply labctl's actions; each sees that it took hold."""
        for action in _actions():
            self.lab.apply(action)

    def unproven(self) -> None:
        """Carry out what labctl's actions do, without the proofs."""
        for step in (step for action in _actions() for step in action.steps()):
            self._carry_out(step)

    def by_command(self) -> None:
        """Take `docker exec`, once for each."""
        self._docker("exec", self.sandbox, *INSERT)
        self._docker("exec", self.sandbox, *DELETE)

    def by_sdk(self) -> None:
        """Take the SDK's exec, once for each."""
        api: Any = self.ground.connection.api
        for argv in (INSERT, DELETE):
            made = api.exec_create(self.sandbox, argv)
            printed = api.exec_start(made["Id"])
            if code := api.exec_inspect(made["Id"])["ExitCode"]:
                raise HostError(f"iptables failed with exit {code}.", means=printed.decode(errors="replace"))

    def by_container(self) -> None:
        """Start a helper container beside the server, once for each."""
        into = ["--network", f"container:{self.sandbox}", "--cap-add", "NET_ADMIN", "--user", "0"]
        for argv in (INSERT, DELETE):
            self._docker("run", "--rm", "--label", self.ground.label, *into, self.ground.session.image, *argv)

    def _docker(self, *arguments: str) -> None:
        outsiders.program([outsiders.docker() or "docker", *arguments], self.ground.environment)

    def _carry_out(self, step: Step) -> None:
        self.lab.carry_out(step)  # type: ignore[arg-type]  # a rule changes no client's settings


def _actions() -> tuple[Iptables, Iptables]:
    return Iptables(iptables=HOST, rule=RULE), Iptables(iptables=HOST, delete=RULE)


@contextmanager
def ways(ground: Ground) -> Iterator[Ways]:
    """Bring up a lab to put rules into; remove it at the end."""
    loaded = whole()
    journal = Journal(new_folder(ground.folder / "runs", "injection", since=ground.session.began))
    try:
        with deployed(loaded.stack, "bench", loaded.scenario.client.host, ground.session, journal) as lab:
            api: Any = ground.connection.api
            joined = api.inspect_container(lab.pod(HOST).service)["HostConfig"]["NetworkMode"]
            yield Ways(lab, str(joined).removeprefix("container:"), ground)
    finally:
        journal.conclude(Result("bench", "injection", "", "", Verdict.SKIPPED, "", "", journal.now, ()))


def comparisons(into: Ways) -> list[Comparison]:
    """Return what is compared: each other way against the agent."""
    agent = Contestant("labctl", clocked(into.proven))
    command = Contestant("docker exec", clocked(into.by_command))
    return [
        Comparison("rule-exec", command, agent),
        Comparison("rule-sdk", Contestant("SDK exec", clocked(into.by_sdk)), agent),
        Comparison("rule-container", Contestant("docker run", clocked(into.by_container)), agent),
        Comparison("rule-unproven", command, Contestant("labctl", clocked(into.unproven))),
    ]
