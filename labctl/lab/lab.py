"""A running stack: what actions and observations do with it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from labctl.actions import Action, Ask, Configure, Proof, Until, Verb
from labctl.actions.verbs import Execute
from labctl.errors import (
    AgentRefused,
    DeadlineExceeded,
    EngineError,
    EngineUnavailable,
    LabError,
    NotInPlace,
    UnknownName,
    indented,
)
from labctl.kernel import sockets
from labctl.kernel.sockets import HANDSHAKE, Ends
from labctl.lab.host import Host, refused
from labctl.lab.pod import Pod
from labctl.lab.program import ANSWERS, Program, demand
from labctl.language.fields import argv, matches
from labctl.model import Ran
from labctl.results.journal import DOCKER, LABCTL, WAITING, Journal
from labctl.system.waiting import poll

PROOF_WITHIN = 5.0  # seconds for an action's proof to hold
CONNECTIONS_EVERY = 0.05  # seconds between two looks at all of a host's connections; each takes its kernel 8 ms
LAST_LINES = 10  # of a service's output, quoted where it explains something


class Lab:
    """What actions and observations see of a running stack."""

    def __init__(self, hosts: Mapping[str, Host], values: Mapping[str, str], journal: Journal) -> None:
        self.hosts = hosts
        self.pods = {
            name: host for name, host in hosts.items() if isinstance(host, Pod)
        }  # with namespaces of their own
        self.values = values  # what placeholders stand for
        self.held: set[tuple[str, int]] = set()  # hosts, and the ports of connections that triggers opened there
        self._journal = journal

    def host(self, name: str) -> Host:
        """Return a host; raises UnknownName."""
        if name not in self.hosts:
            raise UnknownName("host", name, self.hosts)
        return self.hosts[name]

    def pod(self, name: str) -> Pod:
        """Return a host that has namespaces of its own; raises UnknownName, and LabError where it has none."""
        host = self.host(name)
        if name not in self.pods:
            raise refused(host.name, "labctl does and sees nothing but its own clients")
        return self.pods[name]

    def clients(self, host: str) -> Program:
        """Return the clients of a host; raises LabError where it runs none."""
        program = self.host(host).clients
        if program is None:
            raise LabError(f"{host!r} runs no clients.")
        return program

    def apply(self, action: Action) -> None:
        """Do what an action says, see that it took hold, and wait for what must hold before the next thing begins."""
        steps = [step for step in action.steps() if not isinstance(step, Configure)]
        proofs = action.proofs()
        match steps, proofs:
            case [Ask(exits=0) as step], [Proof(step=Ask() as look), *others] if _runs_on(step) == _runs_on(look) != "":
                proofs = others if self._shown(step, look) else proofs
            case _:
                for one in steps:
                    self.carry_out(one)
        for proof in proofs:
            self._prove(action, proof)
        if action.until is not None:
            self._await(action.subject, action.until)

    def carry_out(self, step: Ask | Verb) -> Any:
        """Carry out one step; raises AgentRefused as `ask` does."""
        return self._asked(step) if isinstance(step, Ask) else self._call(step)

    def _asked(self, step: Ask, then: Ask | None = None) -> Any:
        with self._journal.timed(_summary(step) + (f", then {_did(then)}" if then else ""), LABCTL):
            return self.ask(step, then)

    def _shown(self, step: Ask, look: Ask) -> bool:
        """Run a command, and one that looks at what it did: tell whether that shows it.

        One request for both: the way into a host and back takes half as long as a call of iptables.
        """
        ran = self._asked(step, then=look)
        return look.exits in (None, ran.then.exit_code)

    def _call(self, step: Verb) -> Any:
        with self._journal.timed(f"{step.verb()} {step.service}", DOCKER):
            try:
                answer = self.host(step.service).carry_out(step)
            except EngineUnavailable:
                raise
            except EngineError:
                self.demand_whole()  # a sandbox that is lost explains more than what the engine says of its absence
                raise
        if step.moves:
            self._tell_names()
        if isinstance(step, Execute) and isinstance(answer, Ran):
            demand(step.service, step.argv, answer, 0)
        return answer

    def _tell_names(self) -> None:
        """Have each host's resolver know the names of those that are on its network, as Docker's does, and no more."""
        on: dict[str, dict[str, str]] = {}
        for host in self.hosts.values():
            if host.network is not None:
                there = host.place.networks[host.network]
                on.setdefault(host.network, {}).update(dict.fromkeys(host.place.aliases, there.address))
        for pod in self.pods.values():
            pod.know({} if pod.network is None else on[pod.network])

    def ask(self, step: Ask, then: Ask | None = None) -> Any:
        """Ask a program in a host and, for its agent to `run` once a command has exited 0, for another one then.

        Raises AgentRefused where a command exits otherwise than it should; the second may exit as it likes.
        """
        program = self.pod(step.host).agent if step.of == "agent" else self.clients(step.host)
        arguments = {**step.arguments, "then": then.arguments} if then else step.arguments
        patience = sum(float(one.arguments.get("timeout", 0)) for one in (step, then) if one) + ANSWERS
        answer = program.ask(step.do, patience, **arguments)
        if step.do == "run":
            after = answer.pop("then", None)
            ran = Ran(**answer, then=Ran(**after) if after else None)
            demand(step.host, step.arguments["argv"], ran, step.exits)
            return ran
        if step.do == "hold":
            self.held |= {(step.host, port) for port in answer["ports"]}
            if answer["failures"]:
                raise AgentRefused(step.host, f"open {arguments['count']} connections", answer["failures"][0])
        return answer

    def tool(self, host: str, command: list[str], seconds: float) -> Ran:
        """Run a command with a host's tools, whatever it exits with."""
        ran: Ran = self.ask(Ask(host, "run", {"argv": command, "timeout": seconds}, exits=None))
        return ran

    def execute(
        self, host: str, command: list[str], seconds: float, environment: Mapping[str, str] | None = None
    ) -> Ran:
        """Run a command in a service's container, as its user, whatever it exits with; None after `seconds`."""
        return self.host(host).execute(command, seconds, environment)

    def lost_a_service(self) -> bool:
        """Tell whether a service has ended otherwise than well."""
        return any(map(_lost, self.hosts.values()))

    def demand_whole(self) -> None:
        """See that every sandbox is alive; raises AgentLost or DeadlineExceeded where one is not."""
        for pod in self.pods.values():
            pod.listeners()

    def connections(self, host: str) -> Mapping[Ends, str]:
        """Return the state of every connection that a host's kernel knows now."""
        return sockets.connections(self.pod(host).agent.ask("sockets", PROOF_WITHIN, question=sockets.question()))

    def await_syns(self, host: str, number: int, seconds: float) -> None:
        """Wait until a host has received the SYNs of so many connections whose handshakes are not over."""

        def received(now: Mapping[Ends, str]) -> bool:
            return list(now.values()).count("SYN-RECV") >= number

        self._await_connections(host, received, f"have received {number} SYNs", seconds)

    def await_handshakes(self, host: str, number: int, seconds: float, known: frozenset[Ends] = frozenset()) -> None:
        """Wait until a host has seen the handshakes of so many connections to their end.

        Those that it has `known` before do not count, nor those that triggers hold.
        """
        seen: set[Ends] = set()
        held = {port for _, port in self.held}

        def over(now: Mapping[Ends, str]) -> bool:
            seen.update(ends for ends in now if not held & {ends.port, ends.peer_port})
            going_on = {ends for ends, state in now.items() if state in HANDSHAKE}
            return len(seen - going_on - known) >= number

        self._await_connections(host, over, f"have seen {number} handshakes to their end", seconds)

    def _await_connections(
        self, host: str, holds: Callable[[Mapping[Ends, str]], bool], awaited: str, seconds: float
    ) -> None:
        """Look at a host's connections until they are as awaited; raises DeadlineExceeded, which lists them."""
        now: Mapping[Ends, str] = {}

        def looked() -> bool:
            nonlocal now
            now = self.connections(host)
            return holds(now)

        def shown() -> str:
            return "\n".join(f"{state} {ends}" for ends, state in now.items())

        with self._journal.timed(f"waiting for {host} to {awaited}", WAITING):
            poll(looked, seconds, f"{host} to {awaited}", last=shown, every=CONNECTIONS_EVERY)

    def last_words(self) -> str:
        """Return, of every service that is paused or has ended, how it ended and what it printed last."""
        words = []
        for name, host in self.hosts.items():
            if host.service and host.exit() is None and host.paused():
                words.append(f"{name} is paused.")
            end = host.exit()
            if end is not None:
                memory = ", out of memory" if end.out_of_memory else ""
                printed = indented("\n".join(host.log().splitlines()[-LAST_LINES:]))
                words.append(f"{name} ended with exit {end.code}{memory}. Its last output:\n{printed}")
        return "\n".join(words)

    def _prove(self, action: Action, proof: Proof) -> None:
        seen = ""

        def holds() -> bool:
            nonlocal seen
            try:
                answer = self.carry_out(proof.step)
            except AgentRefused as error:
                seen = str(error)
                return False
            return answer is not False

        try:
            poll(holds, PROOF_WITHIN, proof.claim)
        except DeadlineExceeded as error:
            log = self.hosts[action.subject].log() if action.subject in self.hosts else ""
            raise NotInPlace(action.typed(), f"“{proof.claim}”", seen or log) from error

    def _await(self, name: str, until: Until) -> None:
        host = self.host(name)
        with self._journal.timed(f"waiting until {until} on {name}", WAITING):
            held = False

            def decided() -> bool:
                nonlocal held
                held = self._holds(host, until)
                return held or (until.run is None and until.exits is None and _lost(host))

            poll(decided, until.within, f"{name} until {until}", last=host.log)
        if not held:
            raise LabError(f"timed out waiting for {name} until {until}.", means=self.last_words())

    def _holds(self, host: Host, until: Until) -> bool:
        if until.listens is not None:
            listening = {f"{one.address}:{one.port}" for one in self.pod(host.name).listeners()}
            if until.listens not in listening:
                return False
        if until.log is not None and not matches(until.log, host.log()):
            return False
        if until.exits is not None and ((end := host.exit()) is None or end.code != until.exits):
            return False
        return until.run is None or self.tool(host.name, argv(until.run), PROOF_WITHIN).exit_code == 0


def _lost(host: Host) -> bool:
    """Tell whether a service has ended, and otherwise than well."""
    return (end := host.exit()) is not None and end.code != 0


def _runs_on(step: Ask) -> str:
    """Return the host whose agent runs a command for this step; empty where none does."""
    return step.host if (step.do, step.of) == ("run", "agent") else ""


def _summary(step: Ask) -> str:
    return f"{_did(step)} on {step.host}"


def _did(step: Ask) -> str:
    return shlex.join(step.arguments["argv"]) if step.do == "run" else step.do
