"""Actions are values: each says what it would do, and nothing is done by saying so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import actions
from labctl.actions import Action, Ask, Configure, Verb, plan, verbs
from labctl.actions.firewall import Iptables
from labctl.scenario.load import load
from labctl.system.places import installed

actions.discover()
KINDS = {key: kind for key, kind in actions.registry.items() if kind.__module__.startswith("labctl.")}
NOT_SHOWN_YET = {"restart"}
"""Actions that no scenario needs yet; tests/engine/test_actions_work.py runs them."""


def of(written: dict[str, Any]) -> Action:
    """Read one action as it stands in a scenario."""
    key = actions.key_of(written)
    assert key is not None
    return actions.registry[key].model_validate(written)


EXAMPLES: list[dict[str, Any]] = [
    {"stop": "server"},
    {"stop": "server", "grace": "0s"},
    {"start": "server", "until": {"listens": "0.0.0.0:8080"}},
    {"restart": "server"},
    {"recreate": "server", "environment": {"PORT": 9090}, "command": ["serve"]},
    {"kill": "server", "signal": "SIGTERM"},
    {"kill": "server"},
    {"pause": "server"},
    {"unpause": "server"},
    {"power_off": "server"},
    {"power_on": "server", "until": {"listens": "0.0.0.0:8080"}},
    {"reboot": "server"},
    {"reboot": "server", "sysctls": {"net.ipv4.ip_local_port_range": "50000 50003"}},
    {"client": {"verify": False}},
    {"disconnect": "server"},
    {"resolver": "client", "answers": "servfail"},
    {"resolver": "client", "says": {"api": "198.19.0.1", "old": None}},
    {"resolver": "client"},
    {"connect": "server"},
    {"connect": "server", "network": "other"},
    {"link": "client", "set": "mtu 1000"},
    {"route": "client", "add": "blackhole 198.19.0.3"},
    {"route": "client", "replace": "198.19.0.3 via 198.19.0.4"},
    {"route": "client", "delete": "default"},
    {"nft": "server", "rule": "inet filter input tcp dport 8080 drop"},
    {"nft": "server", "delete": "inet filter input tcp dport 8080 drop"},
    {"iptables": "server", "rule": "INPUT -j DROP"},
    {"iptables": "server", "delete": "-t mangle INPUT -j DROP"},
    {"hold": 3, "host": "client", "target": "tcp://server:8080"},
    {"client": {"target": "http://server:9090/", "timeout": "1s", "retry": {"every": "100ms", "for": "1s"}}},
    {"run": "true", "host": "server"},
    {"run": ["ip", "route"], "host": "server", "with": "tools"},
]


def test_the_examples_show_every_action() -> None:
    assert {actions.key_of(example) for example in EXAMPLES} == KINDS.keys()


@pytest.mark.parametrize("key", KINDS)
def test_every_action_explains_itself(key: str) -> None:
    own = KINDS[key].__dict__.get("__doc__") or ""
    assert own.strip().endswith("."), "a docstring is a sentence"
    assert len(own.split()) >= 5


@pytest.mark.parametrize("key", sorted(KINDS.keys() - NOT_SHOWN_YET))
def test_every_action_is_shown_by_a_scenario(key: str) -> None:
    assert key in shown_on_disk()


def test_the_list_of_actions_that_no_scenario_shows_is_true() -> None:
    assert not NOT_SHOWN_YET & shown_on_disk()


def shown_on_disk() -> set[str]:
    files = installed("scenarios").glob("*.yaml")
    loaded = (load(file).scenario for file in files)
    return {action.kind for one in loaded for action in (*one.trigger, *one.fault, *one.fix)}


@pytest.mark.parametrize("written", EXAMPLES, ids=lambda written: " ".join(map(str, written)))
def test_an_action_says_what_it_will_do_and_how_a_person_would(written: dict[str, Any]) -> None:
    action = of(written)
    assert action.steps()
    assert all(isinstance(step, Ask | Verb | Configure) for step in action.steps())
    assert all(proof.claim and isinstance(proof.step, Ask | Verb) for proof in action.proofs())
    assert action.typed().strip() == action.typed()


@given(st.lists(st.sampled_from(EXAMPLES).map(of)))
def test_any_list_of_actions_has_a_plan(several: list[Action]) -> None:
    """The plan of a list is the plans of its actions, one after the other."""
    lines = list(plan(several))
    assert lines == [line for one in several for line in plan([one])]
    assert [line for line in lines if not line.startswith(" ")] == [one.typed() for one in several]


@pytest.mark.parametrize(
    ("written", "did", "proved", "status"),
    [
        (
            {"rule": "INPUT -p tcp --dport 8080 -j DROP"},
            "iptables -w -I INPUT 1 -p tcp --dport 8080 -j DROP",
            "iptables -w -C INPUT -p tcp --dport 8080 -j DROP",
            0,
        ),
        (
            {"delete": "INPUT -p tcp --dport 8080 -j DROP"},
            "iptables -w -D INPUT -p tcp --dport 8080 -j DROP",
            "iptables -w -C INPUT -p tcp --dport 8080 -j DROP",
            1,
        ),
        (
            {"rule": "-t mangle OUTPUT -m comment --comment 'a b' -j DROP"},
            "iptables -w -t mangle -I OUTPUT 1 -m comment --comment 'a b' -j DROP",
            "iptables -w -t mangle -C OUTPUT -m comment --comment 'a b' -j DROP",
            0,
        ),
    ],
)
def test_a_rule_is_planned_as_the_operator_would_type_it(
    written: dict[str, str], did: str, proved: str, status: int
) -> None:
    action = Iptables.model_validate({"iptables": "server", **written})
    [step] = action.steps()
    [proof] = action.proofs()
    assert isinstance(step, Ask)
    assert isinstance(proof.step, Ask)
    assert shlex.join(step.arguments["argv"]) == did
    assert shlex.join(proof.step.arguments["argv"]) == proved
    assert proof.step.exits == status
    assert action.typed() == re.sub(" 1 ", " ", did.replace("-w ", ""), count=1)


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"rule": "INPUT -j DROP", "delete": "INPUT -j DROP"},
        {"rule": "INPUT"},
        {"rule": ""},
        {"rule": "-t mangle"},
        {"rule": "-t mangle INPUT"},
        {"rule": "INPUT -m comment --comment 'open"},
        {"rule": "-A INPUT -j DROP"},
        {"rule": "iptables -A INPUT -j DROP"},
    ],
)
def test_what_is_no_rule_is_refused(written: dict[str, str]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Iptables.model_validate({"iptables": "server", **written})


@pytest.mark.parametrize(
    ("written", "did", "undone"),
    [
        (
            "inet filter input tcp dport 8080 drop",
            "insert rule inet filter input tcp dport 8080 counter drop comment ",
            "nft delete rule inet filter input handle ",
        ),
        (
            "ip guard forward ip daddr 198.19.0.2 reject with tcp reset",
            "insert rule ip guard forward ip daddr 198.19.0.2 counter reject with tcp reset comment ",
            "nft delete rule ip guard forward handle ",
        ),
        (
            "ip guard output counter accept",
            "insert rule ip guard output counter accept comment ",
            "nft delete rule ip guard output handle ",
        ),
    ],
)
def test_a_rule_of_nft_is_counted_and_found_again_by_its_comment(written: str, did: str, undone: str) -> None:
    [insert] = of({"nft": "server", "rule": written}).steps()
    [delete] = of({"nft": "server", "delete": written}).steps()
    assert isinstance(insert, Ask)
    assert isinstance(delete, Ask)
    *_, rule = insert.arguments["argv"][-1].splitlines()
    assert rule.startswith(did)
    mark = rule.rpartition(" ")[2]
    assert delete.arguments["argv"][-1].startswith(undone)
    assert mark in delete.arguments["argv"][-1]


@pytest.mark.parametrize(
    "written",
    [
        {"nft": "server"},
        {"nft": "server", "rule": "inet filter input drop", "delete": "inet filter input drop"},
        {"nft": "server", "rule": "tcp dport 8080 drop"},
        {"nft": "server", "rule": "add rule inet filter input tcp dport 8080 drop"},
        {"nft": "server", "rule": "inet filter input drop; flush ruleset"},
        {"nft": "server", "rule": "inet filter postrouting drop"},
        {"route": "client"},
        {"route": "client", "add": "default", "delete": "default"},
        {"route": "client", "add": "ip route add default"},
        {"route": "client", "add": "blackhole"},
        {"route": "client", "add": ""},
        {"link": "client", "set": "promisc on"},
        {"reboot": "server", "sysctls": {"kernel.panic": "1"}},
    ],
)
def test_what_is_no_rule_route_or_setting_is_refused(written: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        of(written)


def test_a_key_that_is_taken_is_refused() -> None:
    with pytest.raises(ValueError, match=r"an action called 'stop' exists already: labctl\.actions\.life"):

        class Halt(Action, key="stop"):
            """Stop, once more."""

    assert actions.registry["stop"] is KINDS["stop"]


def test_a_restart_keeps_the_settings_and_a_recreate_merges_onto_the_stack_s() -> None:
    assert list(of({"restart": "server"}).steps()) == [verbs.Stop("server", 2.0), verbs.Start("server")]
    [step] = of({"recreate": "server", "environment": {"PORT": 9090}}).steps()
    assert step == verbs.Recreate("server", {"PORT": "9090"}, command=None, ports=None)


def test_what_a_change_of_the_client_does_not_name_stays() -> None:
    [step] = of({"client": {"timeout": "1s"}}).steps()
    assert step == Configure({"timeout": 1.0})


def test_every_family_is_one_file(root: Path) -> None:
    """No action is registered anywhere but by its class."""
    families = {path.stem for path in (root / "labctl" / "actions").glob("[a-z]*.py")}
    others = {"action", "step", "verbs", "families"}  # what every family stands on
    assert {kind.__module__.rpartition(".")[2] for kind in KINDS.values()} == families - others


def test_a_plan_says_when_a_step_is_done_and_until_when_it_waits() -> None:
    held = of({"run": "true", "host": "server", "after-syns": "server", "at-most": "300ms"})
    started = of({"start": "server", "until": {"listens": "0.0.0.0:80", "log": "ready", "within": "3s"}})
    lines = [line.strip() for line in plan([held, started])]
    assert "when: once server has every client's SYN, or after 300ms" in lines
    assert "until: something listens on 0.0.0.0:80 and its log shows ready, within 3s" in lines


def test_no_plan_on_file_shows_how_python_writes_a_value() -> None:
    loaded = [load(file).scenario for file in sorted(installed("scenarios").glob("*.yaml"))]
    lines = [line for one in loaded for line in plan((*one.trigger, *one.fault, *one.fix))]
    awaited = [one for each in loaded for one in (*each.trigger, *each.fault, *each.fix) if one.until is not None]
    assert len([line for line in lines if line.startswith("  until: ")]) == len(awaited) > 50
    settings = [line for line in lines if line.startswith("in the client's settings: ")]
    assert len(settings) > 20
    assert not [line for line in settings if re.search(r"['\"()]|None|True|False", line.partition(": ")[2])]
