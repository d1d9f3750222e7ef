"""Every scenario on disk does what it says, and does the same each time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labctl.lab.session import Session
from labctl.model import Phase, Result, Verdict
from labctl.run.phases import TOO_BUSY
from labctl.run.run import Options, run
from labctl.scenario.load import Loaded, load
from labctl.system.places import installed
from support import understanding
from support.variants import variant

ON_DISK = sorted(installed("scenarios").glob("*.yaml"))
TIMES = 3
MOST_TRIES = 3  # of a run that says that the machine was too busy to tell
REFUSED = {
    "outcome": "refused",
    "packets": [{"from": "client", "kind": "SYN"}, {"from": "server", "kind": "RST"}],
    "counters": {"server.TcpOutRsts": ">0"},
}


def seen(result: Result) -> dict[str, set[tuple[object, ...]]]:
    """Return what each client saw in each phase: all but times, ports and addresses."""
    return {
        phase.phase: {
            (one.client, one.outcome, one.stage, one.errno, tuple(link.type for link in one.chain))
            for one in phase.observations[-1].tries
        }
        for phase in result.phases
    }


def conclusive(loaded: Loaded, session: Session, options: Options) -> Result:
    """Run a scenario, again where the tests beside it have taken the processors away."""
    for _ in range(MOST_TRIES):
        result = run(loaded, session, options)
        if result.advice != TOO_BUSY:
            break
    return result


@pytest.mark.parametrize("file", ON_DISK, ids=lambda file: file.stem)
def test_a_scenario_passes_and_different_runs_see_the_same_errors(
    file: Path, session: Session, options: Options
) -> None:
    loaded = load(file)
    with ThreadPoolExecutor(TIMES) as pool:
        runs = [pool.submit(conclusive, loaded, session, options) for _ in range(TIMES)]
        results = [one.result() for one in runs]
    assert [(one.verdict, one.reason, one.advice) for one in results] == [
        (Verdict.PASSED, "broken as claimed, and repaired by the fix", "")
    ] * TIMES
    assert seen(results[0]) == seen(results[1]) == seen(results[2])
    for result in results:
        assert [phase.phase for phase in result.phases] == list(Phase)
        assert all(phase.began <= phase.ended for phase in result.phases)
        tried = {one.client for phase in result.phases for one in phase.observations[-1].tries}
        assert tried == set(understanding.of_client(loaded.scenario.client))
        assert (Path(result.folder) / "result.json").is_file()
        assert (Path(result.folder) / "journal.jsonl").stat().st_size > 0
        assert tried < result.versions.keys()


def test_the_fixed_phase_saw_as_many_successes_in_a_row_as_asked(session: Session, options: Options) -> None:
    loaded = load(installed("scenarios") / "server-down.yaml")
    fixed = run(loaded, session, options).phases[-1]
    wanted = loaded.scenario.recover.successes
    assert [one.held for one in fixed.observations[-wanted:]] == [True] * wanted


def test_what_a_removed_server_printed_and_how_it_ended_is_kept(session: Session, options: Options) -> None:
    loaded = load(installed("scenarios") / "loopback-bind.yaml")
    result = run(loaded, session, options)
    logs = [one.log for one in result.services["server"]]
    assert ["listening on" in log for log in logs] == [True, True, True]
    assert "127.0.0.1:8080" in logs[1]


def test_a_step_in_a_container_that_does_not_run_is_told_as_docker_tells_it(
    tmp_path: Path, session: Session, options: Options
) -> None:
    """Its answer is that the service does not run, which is no breakage of the lab."""
    file = variant(tmp_path, "ended", {"diagnose": [{"run": "true", "host": "server", "exits": 1}]})
    result = run(load(file), session, options)
    assert (result.verdict, result.reason) == (Verdict.PASSED, "broken as claimed, and repaired by the fix")
    assert "does not run" in result.phases[1].diagnoses[0].output


def test_one_client_may_be_chosen(session: Session, options: Options) -> None:
    loaded = load(installed("scenarios") / "wrong-port.yaml")
    result = run(loaded, session, Options(clients=("socket",), runs=options.runs))
    assert result.verdict == Verdict.PASSED
    assert {one.client for phase in result.phases for look in phase.observations for one in look.tries} == {"socket"}


def test_a_command_may_be_the_client(tmp_path: Path, session: Session, options: Options) -> None:
    command = {"host": "client", "run": "nc -zv -w 2 server 8080", "timeout": "3s"}
    file = variant(tmp_path, "by-command", {"client": command, "diagnose": [], "expect": REFUSED})
    result = run(load(file), session, options)
    assert (result.verdict, result.reason) == (Verdict.PASSED, "broken as claimed, and repaired by the fix")
    [one] = result.phases[1].observations[-1].tries
    assert (one.client, one.outcome, one.exit_code) == ("run", "refused", 1)
    assert "Connection refused" in one.says
