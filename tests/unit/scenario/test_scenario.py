"""Scenarios: every one on disk is sound, and every kind of mistake is told at its place, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from labctl.errors import Mistakes, UsageError
from labctl.model import Outcome
from labctl.scenario.causes import CAUSES
from labctl.scenario.load import Loaded, load
from labctl.system.places import installed

ON_DISK = sorted(installed("scenarios").glob("*.yaml"))

SOUND = """\
name: sound
title: A scenario without mistakes
cause: listening-address
stack: pair
client:
  host: client
  target: http://server:8080/
  timeout: 2s
trigger:
  - run: "true"
    host: server
    after: 100ms
fault:
  - recreate: server
    environment: {HOST: 127.0.0.1}
    until: {listens: "127.0.0.1:8080"}
expect:
  outcome: refused
  errno: ECONNREFUSED
  stage: connect
  within: 1s
  clients: {curl: refused}
diagnose:
  - run: ss -ltn 'sport = :${client.target.port}'
    host: server
    with: tools
    shows: LISTEN
fix:
  - recreate: server
requires: [iptables]
explain: Because.
"""


def loaded_of(folder: Path, text: str) -> Loaded:
    file = folder / "sound.yaml"
    file.write_text(text)
    return load(file)


def mistakes(folder: Path, text: str) -> list[str]:
    """Return the mistakes of a text, each without the folder."""
    with pytest.raises(Mistakes) as caught:
        loaded_of(folder, text)
    assert caught.value.exit_code == 2
    return [str(mistake).removeprefix(f"{folder}/") for mistake in caught.value.mistakes]


def changed(before: str, after: str) -> str:
    assert SOUND.count(before) == 1, f"{before!r} stands {SOUND.count(before)} times in the sound scenario"
    return SOUND.replace(before, after)


@pytest.mark.parametrize("file", ON_DISK, ids=lambda file: file.stem)
def test_every_scenario_on_disk_loads(file: Path) -> None:
    loaded = load(file)
    assert loaded.scenario.cause in CAUSES
    assert loaded.scenario.name == file.stem


def test_there_is_a_scenario_for_every_cause() -> None:
    assert {load(file).scenario.cause for file in ON_DISK} == set(CAUSES)


def test_a_sound_scenario_is_read(tmp_path: Path) -> None:
    read = loaded_of(tmp_path, SOUND).scenario
    assert read.client.timeout == 2.0
    assert read.trigger[0].after == pytest.approx(0.1)
    assert read.expect.clients == {"curl": Outcome.REFUSED}
    assert read.diagnose[0].place == "tools"
    assert read.fault[0].kind == "recreate"


MISTAKES = [
    ("cause: listening-address", "cause: listening-adress", "sound.yaml:3:8: ", "no cause called 'listening-adress'. Did you mean 'listening-address'?"),
    ("stack: pair", "stack: piar", "sound.yaml:4:8: ", "there is no stack called 'piar'. Did you mean pair?"),
    ("  host: client\n", "  host: cleint\n", "sound.yaml:6:9: ", "there is no host called 'cleint'. Did you mean 'client'?"),
    ("recreate: server\n    environment", "recreate: sever\n    environment", "sound.yaml:14:15: ", "there is no host called 'sever'. Did you mean 'server'?"),
    ("clients: {curl: refused}", "clients: {crul: refused}", "sound.yaml:22:", "there is no client called 'crul'. Did you mean 'curl'?"),
    ("requires: [iptables]", "requires: [iptable]", "sound.yaml:30:12: ", "there is no ability called 'iptable'. Did you mean 'iptables'?"),
    ("${client.target.port}", "${client.port}", "sound.yaml:24:10: ", "${client.port} is not known here."),
    ("    shows: LISTEN\n", "", "sound.yaml:24:5: ", "this step is not judged"),
    ("    shows: LISTEN\n", "    shows: LISTEN\n    context: true\n", "sound.yaml:24:5: ", "is shown, not judged"),
    ("    shows: LISTEN\n", "    shows: LISTEN\n    log: server\n", "sound.yaml:24:5: ", "one of `run`, `log`, `state`, `ports`, `socket`"),
    ("    shows: LISTEN\n", "    shows: '('\n", "sound.yaml:27:12: ", "not a pattern that RE2 understands"),
    ("    with: tools\n", "    place: tools\n", "sound.yaml:26:5: ", "unknown key 'place'."),
    ("  stage: connect\n", "  packets: [{from: client, kind: SYN}, {from: client, kind: SYN}]\n", "sound.yaml:20:12: ", "the SYN by client stands here twice"),
    ("  within: 1s\n", "  within: 1s\n  after: 2s\n", "sound.yaml:18:3: ", "no client can fail both `after` and `within` these times"),
    ("  target: http://server:8080/\n", "  run: curl http://server:8080/\n", "sound.yaml:20:3: ", "a command does not report the stage at which it failed"),
    ("  stage: connect\n", "  packets: [{from: nobody, kind: SYN}]\n", "sound.yaml:20:20: ", "there is no host called 'nobody'"),
    ("  stage: connect\n", "  packets: [{from: server, kind: SYNACK}]\n", "sound.yaml:20:34: ", "there is no kind of packet called 'SYNACK'. Did you mean 'SYN-ACK'?"),
    ("  stage: connect\n", "  packets: [{from: server, type: SYN}]\n", "sound.yaml:20:28: ", "unknown key 'type'."),
    ("  stage: connect\n", "  counters: {ListenOverflows: 1}\n", "sound.yaml:20:14: ", "is not HOST.COUNTER; write one such as server.ListenOverflows"),
    ("  stage: connect\n", "  counters: {srver.ListenOverflows: 1}\n", "sound.yaml:20:14: ", "there is no host called 'srver'. Did you mean 'server'?"),
    ("  stage: connect\n", "  counters: {server.ListenOverflows: some}\n", "sound.yaml:20:38: ", "is not an amount; write a number, with >, >=, < or <= before it"),
    ("  timeout: 2s\n", "  depends_on: {server: {condition: service_healthy}}\n", "sound.yaml:8:24: ", "'server' has no health check, so it never becomes healthy"),
    ("    after: 100ms\n", "    between: true\n", "sound.yaml:12:5: ", "this client makes one request, so nothing can happen between two"),
    ("  - recreate: server\nrequires", "  - recreate: server\n    between: true\nrequires", "sound.yaml:30:5: ", "only a trigger's step can wait with `between`."),
    ("  - recreate: server\nrequires", "  - recreate: server\n    after: 1s\nrequires", "sound.yaml:30:5: ", "only a trigger's step can wait with `after`."),
    ("  - recreate: server\nrequires", "  - recreate: server\n    after-syns: server\nrequires", "sound.yaml:30:5: ", "only a trigger's step can wait with `after-syns`."),
    ("  - recreate: server\nrequires", "  - recreate: server\n    after-handshakes: server\nrequires", "sound.yaml:30:5: ", "only a trigger's step can wait with `after-handshakes`."),
    ("  - recreate: server\nrequires", "  - recreate: server\n    at-most: 1s\nrequires", "sound.yaml:30:5: ", "only a trigger's step can wait with `at-most`."),
    ("    after: 100ms\n", "    after: 100ms\n    at-most: 1s\n", "sound.yaml:10:5: ", "`at-most` bounds what `after-syns` or `after-handshakes` waits for"),
    ("    after: 100ms\n", "    after-syns: sever\n", "sound.yaml:12:17: ", "there is no host called 'sever'. Did you mean 'server'?"),
    ("requires: [iptables]", "traps:\n  - {remedy: Wait, do: [{run: 'true', host: server}], harm: a}\n  - {remedy: Wait, do: [{stop: server}], harm: b}", "sound.yaml:31:3: ", "two traps have the same remedy"),
    ("requires: [iptables]", "traps:\n  - {remedy: Wait, do: [{stop: server, after: 1s}], harm: a}", "sound.yaml:31:40: ", "only a trigger's step can wait with `after`."),
    ("requires: [iptables]", "traps:\n  - {remedy: Wait, do: [], harm: a}", "sound.yaml:31:24: ", "there must be at least one action here."),
    ("name: sound", "name: other", "sound.yaml:1:7: ", "the name 'other' is not the file's."),
    ("  outcome: refused\n", "  outcome: refusd\n", "sound.yaml:18:12: ", "Did you mean 'refused'?"),
    ("  errno: ECONNREFUSED\n", "  errno: refused\n", "sound.yaml:19:10: ", "'refused': is not an errno; did you mean ECONNREFUSED"),
    ("  errno: ECONNREFUSED\n", "  errno: ECONREFUSED\n", "sound.yaml:19:10: ", "did you mean ECONNREFUSED"),
    ("  outcome: refused\n", "  outcome: ok\n", "sound.yaml:18:12: ", "a fault must make at least one client fail"),
    ("  target: http://server:8080/\n", "  target: http://sever:8080/\n", "sound.yaml:7:11: ", "there is no host called 'sever' in this stack. Did you mean 'server'?"),
    ("  target: http://server:8080/\n", "  target: http://${address.sever}:8080/\n", "sound.yaml:7:11: ", "Did you mean ${address.server}?"),
    ("  target: http://server:8080/\n", "  target: http://${address.server:8080/\n", "sound.yaml:7:11: ", "there is no host called '${address.server' in this stack"),
    ("  timeout: 2s\n", "  timeout: 0s\n", "sound.yaml:8:12: ", "too short for anything to happen"),
    ("  timeout: 2s\n", "  timeout:\n", "sound.yaml:8:3: ", "is not a duration"),
    ('"127.0.0.1:8080"', "'8080'", "sound.yaml:16:22: ", "is not an address and port; write one such as 0.0.0.0:8080"),
    ('"127.0.0.1:8080"', "'localhost:8080'", "sound.yaml:16:22: ", "is not an address and port"),
    ('"127.0.0.1:8080"', "'127.0.0.1:80800'", "sound.yaml:16:22: ", "is not an address and port"),
    ('{listens: "127.0.0.1:8080"}', "{within: 5s}", "sound.yaml:16:12: ", "`until` says what to wait for"),
    ("  - run: ss -ltn 'sport = :${client.target.port}'\n    host: server\n    with: tools\n", "  - log: server\n    with: tools\n", "sound.yaml:24:5: ", "`log` is only read, so `with` has no effect here"),
    ('  - run: "true"\n', "  - run: ''\n", "sound.yaml:10:10: ", "the command is empty"),
    ('  - run: "true"\n', "  - run: 5\n", "sound.yaml:10:10: ", "a command is a line for the shell, or a list of its words"),
    ("  - recreate: server\nrequires", "  - recreate: server\n    stop: server\nrequires", "sound.yaml:29:5: ", "there are 2 actions in one step: recreate, stop"),
    ("  within: 1s\n", "  within: 1\n", "sound.yaml:21:11: ", "is not a duration"),
    ("  target: http://server:8080/\n", "  target: server:8080\n", "sound.yaml:7:11: ", "begins with none of http://, https://, tcp://, redis://, postgresql://"),
    ("  target: http://server:8080/\n", "", "sound.yaml:6:3: ", "the client needs either a `target` or a command to `run`"),
    ("  - recreate: server\nrequires", "  - recreat: server\nrequires", "sound.yaml:29:5: ", "this step names no action. Did you mean 'recreate'?"),
    ("  - recreate: server\nrequires", "  []\nrequires", "sound.yaml:29:3: ", "there must be at least one action here"),
    ("    environment: {HOST", "    enviroment: {HOST", "sound.yaml:15:5: ", "unknown key 'enviroment'. Did you mean 'environment'?"),
    ('{listens: "127', '{listen: "127', "sound.yaml:16:13: ", "unknown key 'listen'. Did you mean 'listens'?"),
    ("explain: Because.\n", "", "sound.yaml:1:1: ", "the key 'explain' is missing."),
    ("title: A", "titel: A", "sound.yaml:2:1: ", "unknown key 'titel'. Did you mean 'title'?"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "place", "told"), MISTAKES, ids=[f"{told}"[:50] for _, _, _, told in MISTAKES]
)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, before: str, after: str, place: str, told: str) -> None:
    everything = mistakes(tmp_path, changed(before, after))
    assert any(one.startswith(place) and told in one for one in everything), "\n".join(everything)


def test_all_mistakes_of_a_scenario_are_told_at_once(tmp_path: Path) -> None:
    text = SOUND
    for before, after in [
        ("cause: listening-address", "cause: nonsense"),
        ("  timeout: 2s", "  timeout: soon"),
        ("recreate: server\n    environment", "recreate: sever\n    enviroment"),
        ("outcome: refused", "outcome: exploded"),
        ("{curl: refused}", "{crul: refused}"),
        ("    shows: LISTEN\n", ""),
        ("requires: [iptables]", "requires: [magic]"),
    ]:
        text = text.replace(before, after)
    told = mistakes(tmp_path, text)
    assert [int(one.split(":")[1]) for one in told] == [3, 8, 14, 15, 18, 22, 24, 29]


def test_mistakes_in_the_stack_and_in_the_scenario_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("services:\n  server: {image: x, ports: [80]}\n  client: {image: x}\n")
    told = mistakes(tmp_path, SOUND.replace("stack: pair", "stack: ./mine.yaml").replace("timeout: 2s", "timeout: 2"))
    assert [one.split(": ")[0] for one in told] == ["mine.yaml:2:30", "sound.yaml:8:12"]


def test_an_override_changes_the_stack_for_this_scenario_only(tmp_path: Path) -> None:
    more = "override:\n  services: {server: {environment: {PORT: '9090'}}}\n"
    assert loaded_of(tmp_path, SOUND + more).stack.services["server"].environment == {"HOST": "0.0.0.0", "PORT": "9090"}
    assert loaded_of(tmp_path, SOUND).stack.services["server"].environment["PORT"] == "8080"


def test_an_override_that_is_no_mapping_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, SOUND + "override: [1]\n")


def test_two_actions_in_one_step_are_a_mistake(tmp_path: Path) -> None:
    told = mistakes(tmp_path, changed("    environment: {HOST", "    stop: server\n    environment: {HOST"))
    assert any(one.startswith("sound.yaml:1") for one in told)


WORDS = st.sampled_from(["server", "client", "2s", "refused", "pair", "sound", "127.0.0.1", "${client}", "run"])
PLAIN: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | WORDS
KEYS = st.sampled_from(
    ["name", "cause", "stack", "client", "fault", "fix", "expect", "diagnose", "trigger", "override", "run", "host"]
    + ["stop", "recreate", "until", "iptables", "rule", "target", "services", "server", "environment", "with", "log"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20
)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_any_values_are_a_scenario_or_mistakes(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    """Whatever is written under a scenario's keys, nothing but a UsageError comes out, never a traceback."""
    file = tmp_path_factory.getbasetemp() / "sound.yaml"
    sound = YAML(typ="safe", pure=True).load(SOUND)
    YAML(typ="safe", pure=True).dump({**sound, **values}, file)
    try:
        loaded = load(file)
    except UsageError as error:
        assert str(error)
    else:
        assert loaded.file == file


def test_packets_that_never_leave_a_host_are_not_judged(tmp_path: Path) -> None:
    text = SOUND.replace("http://server:8080/", "http://127.0.0.1:8080/").replace(
        "  stage: connect\n", "  packets: []\n"
    )
    [told] = mistakes(tmp_path, text)
    assert told.startswith(
        "sound.yaml:20:3: packets that a host sends to itself over lo are not reported as connections"
    )
