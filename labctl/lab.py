"""A running stack: its network, its pods, and the verbs that actions are made of."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from labctl import subnets
from labctl.actions import Action, Ask, Call, Configure, Proof, Until
from labctl.errors import (
    AgentRefused,
    DeadlineExceeded,
    EngineError,
    LabError,
    NotInPlace,
    Taken,
    UnknownName,
    indented,
)
from labctl.fields import argv, matches, typed
from labctl.journal import DOCKER, LABCTL, WAITING, Journal
from labctl.model import Exit, Ran
from labctl.pod import SANDBOX_STARTS, Place, Pod
from labctl.session import Session
from labctl.stack import Stack
from labctl.sweep import RUN, SCENARIO, sweep
from labctl.waiting import poll

PROOF_WITHIN = 5.0  # seconds for an action's proof to hold
MOST_SUBNETS = 50  # tries before the pool is called exhausted
LAST_LINES = 10  # of a service's output, quoted where it explains something
CALLED = {
    "stop": "stopping",
    "start": "starting",
    "recreate": "making anew",
    "kill": "killing",
    "execute": "running in",
}


class Lab:
    """What actions and observations see of a running stack."""

    def __init__(self, pods: Mapping[str, Pod], session: Session, journal: Journal) -> None:
        self.pods = pods
        self._session = session
        self._journal = journal

    def pod(self, host: str) -> Pod:
        """Return the pod of a host; raises UnknownName."""
        if host not in self.pods:
            raise UnknownName("host", host, self.pods)
        return self.pods[host]

    def apply(self, action: Action) -> None:
        """Do what an action says, see that it took hold, and wait for what must hold before the next thing begins."""
        for step in action.steps():
            if not isinstance(step, Configure):
                self.carry_out(step)
        for proof in action.proofs():
            self._prove(action, proof)
        if action.until is not None:
            self._await(action.subject, action.until)

    def carry_out(self, step: Ask | Call) -> Any:
        """Carry out one step; raises AgentRefused where a command exits otherwise than it should."""
        if isinstance(step, Call):
            with self._journal.timed(f"{CALLED.get(step.verb, step.verb)} {step.service}", DOCKER):
                return getattr(self, f"_{step.verb}")(self.pod(step.service), **step.arguments)
        with self._journal.timed(_summary(step), LABCTL):
            return self.ask(step)

    def ask(self, step: Ask) -> Any:
        """Ask a program in a host."""
        pod = self.pod(step.host)
        program = pod.agent if step.of == "agent" else pod.clients
        if program is None:
            raise LabError(f"{step.host!r} runs no clients, so it cannot {step.do}.")
        arguments = dict(step.arguments)
        patience = float(arguments.get("timeout", PROOF_WITHIN)) + 5
        answer = program.ask(step.do, patience, **arguments)
        if step.do == "run":
            ran = Ran(**answer)
            _demand(step.host, arguments["argv"], ran, step.exits)
            return ran
        if step.do == "hold" and answer["failures"]:
            raise AgentRefused(step.host, f"open {arguments['count']} connections", answer["failures"][0])
        return answer

    def tool(self, host: str, command: list[str], seconds: float) -> Ran:
        """Run a command with a host's tools, whatever it exits with."""
        ran: Ran = self.ask(Ask(host, "run", {"argv": command, "timeout": seconds}, exits=None))
        return ran

    def execute(self, host: str, command: list[str], environment: Mapping[str, str] | None = None) -> Ran:
        """Run a command in a service's container, as its user, whatever it exits with."""
        return self._session.containers.execute(self.pod(host).service, command, environment)

    def exit_of(self, container: str) -> Exit | None:
        """Return how a container ended, or None while it runs."""
        return self._session.exits.of(container)

    def lost_a_service(self) -> bool:
        """Tell whether a service has ended otherwise than well."""
        return any(pod.lost() for pod in self.pods.values())

    def last_words(self) -> str:
        """Return, of every service that has ended, how it ended and what it printed last."""
        words = []
        for name, pod in self.pods.items():
            end = pod.exit()
            if end is not None:
                memory = ", out of memory" if end.out_of_memory else ""
                printed = indented("\n".join(pod.log().splitlines()[-LAST_LINES:]))
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
            log = self.pod(action.subject).log() if action.subject in self.pods else ""
            raise NotInPlace(action.typed(), f"“{proof.claim}”", seen or log) from error

    def _await(self, host: str, until: Until) -> None:
        pod = self.pod(host)
        with self._journal.timed(f"waiting until {_awaited(until)} on {host}", WAITING):
            held = False

            def decided() -> bool:
                nonlocal held
                held = self._holds(pod, until)
                return held or (until.run is None and pod.lost())

            poll(decided, until.within, f"{host} until {_awaited(until)}", last=pod.log)
        if not held:
            raise LabError(f"{host} was awaited until {_awaited(until)}, in vain.", means=self.last_words())

    def _holds(self, pod: Pod, until: Until) -> bool:
        if until.listens is not None:
            listening = {f"{one['address']}:{one['port']}" for one in pod.agent.ask("listeners", PROOF_WITHIN)}
            if until.listens not in listening:
                return False
        if until.log is not None and not matches(until.log, pod.log()):
            return False
        return until.run is None or self.tool(pod.host, argv(until.run), PROOF_WITHIN).exit_code == 0

    # the verbs of `actions.Call`

    def _stop(self, pod: Pod, *, grace: float) -> None:
        pod.stop(grace)

    def _start(self, pod: Pod) -> None:
        pod.begin_service()

    def _recreate(self, pod: Pod, *, environment: Mapping[str, str], command: Any) -> None:
        pod.recreate(environment, command)

    def _kill(self, pod: Pod, *, signal: str) -> None:
        self._session.containers.kill(pod.service, signal)

    def _execute(self, pod: Pod, *, argv: list[str]) -> None:
        _demand(pod.host, argv, self.execute(pod.host, argv), 0)

    def _ended(self, pod: Pod) -> bool:
        return pod.exit() is not None

    def _running(self, pod: Pod) -> bool:
        return pod.exit() is None


def _demand(host: str, command: list[str], ran: Ran, exits: int | None) -> None:
    """Raise AgentRefused where a command did not exit as it should; None takes any exit."""
    if exits is not None and ran.exit_code != exits:
        raise AgentRefused(host, f"run `{shlex.join(command)}`", f"exit {ran.exit_code}. {ran.output.strip()}")


def _summary(step: Ask) -> str:
    shown = shlex.join(step.arguments["argv"]) if step.do == "run" else step.do
    return f"{shown} on {step.host}"


def _awaited(until: Until) -> str:
    parts = []
    if until.listens is not None:
        parts.append(f"something listens on {until.listens}")
    if until.log is not None:
        parts.append(f"its log shows {until.log}")
    if until.run is not None:
        parts.append(f"`{typed(until.run)}` exits 0")
    return " and ".join(parts) or "nothing"


@contextmanager
def deployed(stack: Stack, scenario: str, client: str, session: Session, journal: Journal) -> Iterator[Lab]:
    """Bring a stack up; at the end, whatever the reason, remove all of it.

    `client` is the host that tries are made from. Raises EngineError and LabError.
    """
    run = secrets.token_hex(4)
    labels = {**session.labels, RUN: run, SCENARIO: scenario}
    with ExitStack() as undo:
        undo.callback(_remove, session, run, journal)
        with journal.timed("making the network", DOCKER):
            network, subnet = _network(session, f"labctl-{run}", labels)
        hosts = _addresses(stack, subnet)
        addresses = {name: hosts[host] for name, host in stack.names().items()}
        volumes = {name: session.containers.create_volume(f"labctl-{run}-{name}", labels) for name in stack.volumes}
        pods = {}
        for host, service in stack.services.items():
            files = {path: stack.configs[name].content for name, path in service.configs.items()}
            place = Place(f"labctl-{run}-{host}", network, hosts[host], labels, files, volumes)
            pods[host] = Pod(host, service, place, session)
        workers = undo.enter_context(ThreadPoolExecutor(2 * len(pods), thread_name_prefix="deploy"))
        for pod in pods.values():
            undo.callback(pod.close)
        with journal.timed("starting the sandboxes", DOCKER):
            list(workers.map(lambda pod: pod.begin_sandbox(addresses), pods.values()))
        for group in stack.hosts_in_order():
            with journal.timed(f"starting {', '.join(group)}", DOCKER):
                list(workers.map(lambda name: _begin(pods[name], pods, client), group))
        if pods[client].clients is not None:
            with journal.timed("warming the clients", LABCTL):
                pods[client].clients_ready(SANDBOX_STARTS)
        yield Lab(pods, session, journal)


def _begin(pod: Pod, pods: Mapping[str, Pod], client: str) -> None:
    for other, dependency in pod.settings.depends_on.items():
        if dependency.condition == "service_healthy":
            pods[other].await_health()
    pod.begin_service()
    if pod.host == client and pod.clients is None:
        pod.add_clients()


def _remove(session: Session, run: str, journal: Journal) -> None:
    with journal.timed("removing everything", DOCKER):
        left = sweep(session.containers, f"{RUN}={run}")
    if left:
        raise EngineError(f"the engine did not remove {left}.", todo="`labctl clean` tries again.")


def _network(session: Session, name: str, labels: Mapping[str, str]) -> tuple[str, IPv4Network]:
    taken = subnets.routes() if session.connection.local else []
    for attempt, subnet in enumerate(subnets.free(taken)):
        try:
            return session.containers.create_network(name, str(subnet), labels), subnet
        except Taken:
            if attempt >= MOST_SUBNETS:
                break
    raise EngineError(
        f"no subnet of {subnets.POOL} is free.",
        means="Other networks, perhaps of other labs, hold them.",
        todo="`labctl clean` removes what dead runs left; `docker network ls` shows the rest.",
    )


def _addresses(stack: Stack, subnet: IPv4Network) -> dict[str, str]:
    """Give every host a fixed address; the first of the subnet is the bridge's own."""
    free: Iterator[IPv4Address] = iter(list(subnet.hosts())[1:])
    if len(stack.services) > subnet.num_addresses - 3:
        raise EngineError(f"{len(stack.services)} hosts do not fit on one network of {subnet.num_addresses - 3}.")
    return {name: str(next(free)) for name in stack.services}
