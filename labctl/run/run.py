"""One execution of a scenario: observe, break, observe, wait, fix, observe, judge."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from labctl import __version__
from labctl.errors import EngineSilent, EngineUnavailable, LabctlError, LabError, NoClient
from labctl.lab.deploy import deployed
from labctl.lab.lab import Lab
from labctl.lab.request import LabRequest
from labctl.lab.session import Session
from labctl.lab.witness import Limits
from labctl.model import Phase, PhaseResult, Result, ServiceRun, Verdict
from labctl.results import record
from labctl.results.fingerprint import fingerprint
from labctl.results.journal import ENGINE_LOST, NOTE, Journal, Listener, new_folder
from labctl.run import folder
from labctl.run.observe import Observer, Rest, prepared
from labctl.run.phases import Ended, phases
from labctl.scenario import images
from labctl.scenario.abilities import ABILITIES, TRIES, missing
from labctl.scenario.load import Loaded
from labctl.system.places import RUNS

EVERYTHING = Limits()
RERECORD = "If the new errors are right, `labctl record {}` records them; a review then shows the change."
Visit = Callable[[Observer, Verdict], None]


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: which clients (all where empty), where to keep the runs, who listens, how far to go, who looks in.

    `visit` is called with the lab as it stands at the end, before it is removed. Without `captures`, or `record`, the
    kernels are not looked at, or the errors not compared with the scenario's record. `allow_images` are the images that
    stacks may use besides labctl's own: names, or patterns as the shell has them. `rest` is entered while a run does
    nothing but wait.
    """

    clients: tuple[str, ...] = ()
    runs: Path = RUNS
    listeners: tuple[Listener, ...] = ()
    until: Phase = Phase.FIXED  # the last phase that is run
    visit: Visit | None = None
    captures: Limits | None = EVERYTHING
    record: bool = True
    allow_images: tuple[str, ...] = ()
    rest: Rest = nullcontext


@dataclass(slots=True)
class Account:
    """What is known of a run so far, however it goes on."""

    phases: list[PhaseResult] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)  # of the clients
    services: dict[str, tuple[ServiceRun, ...]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # the lab's addresses, by their placeholders
    timeout: float = 0.0  # the client's, in seconds, while it is broken


def run(loaded: Loaded, session: Session, options: Options = Options()) -> Result:
    """Run a scenario once and return what it came to; nothing of it is left.

    Raises Interrupted and KeyboardInterrupt, and UsageError where its stack uses an image that is not allowed; every
    other breakage of the lab is an inconclusive result.
    """
    images.demand([loaded], options.allow_images)
    scenario = loaded.scenario
    journal = Journal(new_folder(options.runs, scenario.name, since=session.began), options.listeners)
    account = Account()
    folder.begin(journal, loaded)
    try:
        journal.demand_kept()
        _demand_here(loaded, session)
        with deployed(LabRequest.of(loaded, options.captures, options.clients), session, journal) as lab:
            end = _in(lab, loaded, session, journal, options, account)
    except Ended as skipped:
        end = skipped
    except LabctlError as error:
        if error.exit_code != LabError.exit_code:
            raise
        if isinstance(error, EngineUnavailable | EngineSilent):
            journal.note(ENGINE_LOST, error.what)
        end = Ended(Verdict.INCONCLUSIVE, error.what, "\n".join(part for part in (error.means, error.todo) if part))
    result = _concluded(loaded, options, journal, account, end, session)
    journal.note(NOTE, f"verdict: {result.verdict}")
    folder.end(journal, result)
    return journal.conclude(result)


def _in(lab: Lab, loaded: Loaded, session: Session, journal: Journal, options: Options, account: Account) -> Ended:
    """Run the phases in a lab that stands, and return how that ended."""
    account.names |= lab.values
    describe = functools.cache(partial(folder.environment, journal, lab, session))
    observer = None
    try:
        scenario = loaded.filled(lab.values)
        folder.resolved(journal, scenario)
        observer = prepared(lab, scenario, journal, options.clients, options.rest)
        account.versions |= observer.client.versions
        _demand(lab, loaded, session)
        end = _until(options.until, observer, journal, account, describe)
        observer.close()
    except NoClient as error:
        end = Ended(Verdict.SKIPPED, error.what, error.todo)
    except Ended as ended:
        end = _attributed(ended, lab)
    finally:
        account.services |= _services(lab)
        describe()
    if options.visit is not None and observer is not None:  # there is one wherever a client can try
        options.visit(observer, end.verdict)
    return end


def _until(last: Phase, observer: Observer, journal: Journal, account: Account, describe: Callable[[], None]) -> Ended:
    """Run the phases up to the last that is asked for; what it ran on is described while the control waits."""
    with ThreadPoolExecutor(1, thread_name_prefix="describe") as aside:
        try:
            for phase in phases(observer, account.phases, journal):
                journal.demand_kept()
                if phase is Phase.FAULTED:
                    aside.submit(describe)
                if phase is last:
                    break
        finally:
            account.timeout = observer.broken_timeout
    if last is Phase.FIXED:
        return Ended(Verdict.PASSED, "broken as claimed, and repaired by the fix")
    return Ended(Verdict.PASSED, f"as claimed up to the {last} phase, the last that was asked for")


def _concluded(
    loaded: Loaded, options: Options, journal: Journal, account: Account, end: Ended, session: Session
) -> Result:
    """Return what the run came to, compared with the scenario's record."""
    scenario = loaded.scenario
    result = Result(
        run=journal.folder.name,
        scenario=scenario.name,
        title=scenario.title,
        cause=scenario.cause,
        verdict=end.verdict,
        reason=end.reason,
        advice=end.advice,
        seconds=journal.now,
        phases=tuple(account.phases),
        versions={"labctl": __version__, **session.versions, **account.versions},
        services=account.services,
        folder=str(journal.folder),
        names=account.names,
        timeout=account.timeout,
    )
    if result.verdict is Verdict.PASSED and options.captures is None and _asks_for_evidence(loaded):
        result = replace(
            result,
            verdict=Verdict.INCONCLUSIVE,
            reason="the clients got what was expected, but the evidence that the scenario names was not collected",
        )
    if options.record:
        result = _compared(result, loaded)
    return replace(result, fingerprint=fingerprint(result))


def _asks_for_evidence(loaded: Loaded) -> bool:
    expect = loaded.scenario.expect
    return bool(expect.counters) or expect.packets is not None


def _compared(result: Result, loaded: Loaded) -> Result:
    """Return the result with how its errors compare with the scenario's record; where they differ, it failed.

    How long a client takes is not told where it would be as recorded on a machine with a processor for everybody.
    """
    if result.verdict is not Verdict.PASSED or not any(one.phase is Phase.FAULTED for one in result.phases):
        return result
    if loaded.record is None:
        return replace(result, record=f"{record.UNRECORDED}: labctl record {result.scenario}")
    everyone = record.of(result)
    compared = partial(record.comparable, loaded.record) if loaded.stack.bare else (lambda one: one)
    seen = at_least = compared(everyone)
    differences = record.differences(loaded.record, seen)
    if differences:
        at_least = compared(record.of(result, like=loaded.record))
    if differences and record.differences(loaded.record, at_least):
        return replace(
            result,
            verdict=Verdict.FAILED,
            reason="broken and repaired as claimed, but the errors differ from the record",
            advice="\n".join([*differences, RERECORD.format(result.scenario)]),
            record="differs",
        )
    if new := record.unrecorded(loaded.record, seen):
        return replace(result, record=f"{record.UNRECORDED}, {', '.join(new)}: labctl record {result.scenario}")
    late = [f"the time of {name}" for name, one in seen.clients.items() if one.time != at_least.clients[name].time]
    but = [*late, *sorted(everyone.clients.keys() - seen.clients.keys())]
    why = " (the machine was too busy)" if late else ""
    return replace(result, record=f"as recorded, but for {', '.join(but)}{why}" if but else "as recorded")


def _attributed(ended: Ended, lab: Lab) -> Ended:
    """Return how a run ended, with what may be to blame besides its scenario.

    Raises AgentLost or DeadlineExceeded where it was the lab that broke: then nothing is said of the scenario.
    """
    if ended.verdict is not Verdict.FAILED:
        return ended
    lab.demand_whole()
    return Ended(ended.verdict, ended.reason, "\n".join(part for part in (ended.advice, lab.last_words()) if part))


def _demand_here(loaded: Loaded, session: Session) -> None:
    """Skip a scenario with a client on the machine itself where the engine is on another: there is nobody of ours."""
    if loaded.stack.machine is not None and not session.local:
        raise Ended(Verdict.SKIPPED, "its client runs on this machine, but the engine runs on another")


def _demand(lab: Lab, loaded: Loaded, session: Session) -> None:
    """Skip a scenario whose abilities this machine does not have."""
    for ability in loaded.scenario.requires:
        host = loaded.stack.host_with(ABILITIES[ability].tools) or next(iter(lab.pods), loaded.scenario.client.host)
        tool = partial(lab.tool, host, seconds=TRIES)
        why = missing(ability, tool, local=session.local, published=lab.values.values())
        if why:
            raise Ended(Verdict.SKIPPED, f"it requires {ability!r}, which is missing: {why}")


def _services(lab: Lab) -> dict[str, tuple[ServiceRun, ...]]:
    """Return each service's outputs and exits, of every container that ran it."""
    return {
        name: tuple(ServiceRun(output.text, host.exit_of(output.container)) for output in host.outputs)
        for name, host in lab.hosts.items()
        if host.outputs
    }


def worst(results: Sequence[Result]) -> Verdict:
    """Return what many runs came to."""
    return Verdict.overall(result.verdict for result in results)
