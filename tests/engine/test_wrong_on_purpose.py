"""Scenarios that are wrong on purpose never pass, and say why.

Each is one of the scenarios on disk with something in it changed. All of them run at once when the first is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from ruamel.yaml import YAML

from labctl.lab.session import Session
from labctl.model import Phase, Result, Verdict
from labctl.run.run import Options, run
from labctl.scenario.load import load
from labctl.system.places import installed
from support import understanding

AT_ONCE = 4
yaml = YAML(typ="safe", pure=True)


def fix_of(name: str) -> Any:
    """Return the fix of another scenario."""
    return yaml.load(installed("scenarios") / f"{name}.yaml")["fix"]


NOTHING = [{"run": "true", "host": "server", "with": "tools"}]
HEALS = "iptables -w -I INPUT -p tcp --dport 8080 -j REJECT --reject-with tcp-reset; (sleep 2; iptables -w -D INPUT 1) >/dev/null 2>&1 &"
NEVER = {"listens": "0.0.0.0:1", "within": "500ms"}
CLIENTS = len(understanding.of("http"))
ALL = f"all {CLIENTS} clients"
F, I = Verdict.FAILED, Verdict.INCONCLUSIVE  # noqa: E741 - for the table below

# what is wrong: (the scenario it is made from, what is changed, the verdict, the phase that decides, what it says)
WRONG: dict[str, tuple[str, dict[str, Any], Verdict, Phase, str]] = {
    "a fault that does nothing": (
        "server-down",
        {"fault": NOTHING},
        I,
        Phase.FAULTED,
        "no evidence that the fault is in place: server.TcpOutRsts changed by 0, expected a change of >0",
    ),
    "a fault that does nothing, of which no evidence is named": (
        "server-down",
        {"fault": NOTHING, "expect": {"outcome": "refused"}},
        F,
        Phase.FAULTED,
        f"the fault is in place, but {ALL} got ok, expected refused",
    ),
    "a fix that fixes nothing": (
        "server-down",
        {"fix": NOTHING},
        F,
        Phase.FIXED,
        f"the fix does not repair it: {ALL} got refused, expected ok",
    ),
    "a restart without the setting": (
        "loopback-bind",
        {"fix": [{"restart": "server", "until": {"listens": "127.0.0.1:8080"}}]},
        F,
        Phase.FIXED,
        "the fix does not repair it",
    ),
    "a fault that kills the server by mistake": (
        "loopback-bind",
        {"fault": [{"recreate": "server", "environment": {"PORT": "many"}, "until": {"listens": "127.0.0.1:8080"}}]},
        I,
        Phase.FAULTED,
        "timed out waiting for server until something listens on 127.0.0.1:8080.",
    ),
    "a wrong outcome": (
        "server-down",
        {"expect": {"outcome": "timed-out"}},
        F,
        Phase.FAULTED,
        "got refused, expected timed-out",
    ),
    "a wrong errno": (
        "server-down",
        {"expect": {"outcome": "refused", "errno": "ECONNRESET"}},
        F,
        Phase.FAULTED,
        "got ECONNREFUSED, expected ECONNRESET",
    ),
    "a wrong stage": (
        "server-down",
        {"expect": {"outcome": "refused", "stage": "receive"}},
        F,
        Phase.FAULTED,
        "failed at connect, expected failure at receive",
    ),
    "a lower bound that is too high": (
        "server-down",
        {"expect": {"outcome": "refused", "after": "1s"}},
        F,
        Phase.FAULTED,
        "expected failure no sooner than 1 s",
    ),
    "a client of which something else is claimed": (
        "server-down",
        {"expect": {"outcome": "refused", "clients": {"curl": "ok"}}},
        F,
        Phase.FAULTED,
        "curl got refused, expected ok",
    ),
    "the fix of another scenario, which does nothing here": (
        "loopback-bind",
        {"fix": fix_of("wrong-port")},
        F,
        Phase.FIXED,
        "the fix does not repair it",
    ),
    "the fix of another scenario, which restarts the server": (
        "firewall-drop",
        {"fix": fix_of("server-down"), "recover": {"within": "1s"}},
        F,
        Phase.FIXED,
        "the fix does not repair it",
    ),
    "the fix of another scenario, which cannot be applied": (
        "server-down",
        {"fix": fix_of("firewall-drop")},
        F,
        Phase.FIXED,
        "the fix could not be applied: 'server' could not run `iptables",
    ),
    "a diagnosis that holds in healthy too": (
        "loopback-bind",
        {"diagnose": [{"run": "ss -ltn", "host": "server", "with": "tools", "shows": ":8080"}]},
        F,
        Phase.HEALTHY,
        "diagnosis `ss -ltn` did not match in the healthy phase: it also matches while the fault is not in place",
    ),
    "a diagnosis that does not show the cause": (
        "loopback-bind",
        {"diagnose": [{"run": "ss -ltn", "host": "server", "with": "tools", "shows": r"127\.0\.0\.1:9090"}]},
        F,
        Phase.FAULTED,
        "did not match in the faulted phase: it does not show",
    ),
    "a diagnosis that goes on when all is well": (
        "loopback-bind",
        {
            "fix": [
                {"recreate": "server", "until": {"listens": "0.0.0.0:8080"}},
                {"run": "touch /var/tmp/fixed", "host": "server", "with": "tools"},
            ],
            "diagnose": [
                {
                    "run": "test -e /var/tmp/fixed || ss -ltn | grep -q '127.0.0.1:8080'",
                    "host": "server",
                    "with": "tools",
                    "exits": 0,
                }
            ],
        },
        F,
        Phase.FIXED,
        "did not match in the fixed phase",
    ),
    "a fault whose until never comes": (
        "server-down",
        {"fault": [{"stop": "server", "until": NEVER}]},
        I,
        Phase.FAULTED,
        "timed out after 0.5 s waiting for server until something listens on 0.0.0.0:1",
    ),
    "a fix whose until never comes": (
        "server-down",
        {"fix": [{"start": "server", "until": NEVER}]},
        F,
        Phase.FIXED,
        "the fix could not be applied: timed out after 0.5 s waiting for server until something listens on 0.0.0.0:1",
    ),
    "a fault that cannot be put in place": (
        "firewall-drop",
        {"fault": [{"iptables": "server", "rule": "INPUT -m nosuchmatch -j DROP"}]},
        I,
        Phase.FAULTED,
        "'server' could not run `iptables",
    ),
    "a failure that heals by itself": (
        "server-down",
        {
            "fault": [{"run": HEALS, "host": "server", "with": "tools"}],
            "expect": {"outcome": "refused"},
            "diagnose": [],
            "recover": {"within": "4s"},
        },
        F,
        Phase.UNFIXED,
        "nothing was changed, but after waiting",
    ),
    "a failure that should heal by itself and does not": (
        "server-down",
        {"expect": {"outcome": "refused", "heals": {"within": "500ms"}}},
        F,
        Phase.UNFIXED,
        "the failure did not heal by itself:",
    ),
    "a trigger that waits for what never comes": (
        "server-down",
        {
            "client": {"host": "client", "target": "http://server:8080/", "timeout": "1s"},
            "trigger": [{"run": "true", "host": "server", "after-syns": "server"}],
        },
        I,
        Phase.HEALTHY,
        f"timed out after 1 s waiting for server to have received {CLIENTS} SYNs",
    ),
    "a trigger that waits for handshakes that nobody begins": (
        "server-down",
        {
            "client": {"host": "client", "target": "http://server:8080/", "timeout": "1s"},
            "trigger": [{"run": "true", "host": "server", "after-handshakes": "router"}],
            "stack": "routed",
        },
        I,
        Phase.HEALTHY,
        f"timed out after 1 s waiting for router to have seen {CLIENTS} handshakes to their end",
    ),
    "a client that never worked": (
        "server-down",
        {"client": {"host": "client", "target": "http://server:9090/", "timeout": "1s"}},
        I,
        Phase.HEALTHY,
        f"the stack was not healthy: {ALL} got refused, expected ok",
    ),
}

Running = Mapping[str, Future[Result]]


@pytest.fixture(scope="module")
def running(session: Session, options: Options, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start all of them, a few at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def start(name: str, changes: dict[str, Any]) -> Future[Result]:
            file = tmp_path_factory.mktemp("wrong") / f"{name}.yaml"
            yaml.dump({**yaml.load(installed("scenarios") / file.name), **changes}, file)
            return pool.submit(run, load(file), session, options)

        # the longest first: it waits for its stack to become healthy
        yield {wrong: start(*WRONG[wrong][:2]) for wrong in reversed(WRONG)}


@pytest.mark.parametrize("wrong", WRONG)
def test_it_does_not_pass_and_says_why(wrong: str, running: Running) -> None:
    _, _, verdict, phase, reason = WRONG[wrong]
    result = running[wrong].result(120)
    assert reason in result.reason
    assert result.verdict == verdict
    assert result.phases[-1].phase == phase
