"""Attacks by scenarios whose lab has no engine: what runs there are processes of this machine."""

from __future__ import annotations

from support.attacks import FOLDER, Attack

STACK = """\
services:
  engine: {image: labctl, command: [engine], network_mode: none, environment: {API: "1.41"}}
  client: {image: labctl, command: [clients], network_mode: none}
"""
SCENARIO = """\
name: attack
title: An attack
cause: engine
stack: ./stack.yaml
client: {host: client, target: "unix://${folder}/docker.sock", environment: {DOCKER_API_VERSION: "1.41"}}
fault:
- stop: engine
expect: {outcome: unreachable}
diagnose: [{socket: engine, shows: there is no}]
fix: [{start: engine}]
explain: None.
"""


def bare(name: str, before: str, after: str, says: str) -> Attack:
    """Return an attack that is a change of a scenario without an engine, or of its stack."""
    files = {"attack.yaml": SCENARIO, "stack.yaml": STACK}
    [file] = (file for file, text in files.items() if text.count(before) == 1)
    return Attack(name, says, file, after, {**FOLDER, **files, file: files[file].replace(before, after)})


STEP, LOOK, TARGET = "- stop: engine", "{socket: engine, shows: there is no}", "unix://${folder}/docker.sock"
VERSION, API = 'environment: {DOCKER_API_VERSION: "1.41"}', 'environment: {API: "1.41"}'
ALONE, OWN_SOCKET, ONE_VARIABLE = (
    "has no container",
    "can reach only the stand-in's socket",
    "accepts one variable: DOCKER_API_VERSION",
)
NO_SETTING = "is not a setting of"
BARE = [
    bare("bare: the engine's own socket", TARGET, "unix:///var/run/docker.sock", OWN_SOCKET),
    bare("bare: another socket beside it", TARGET, "unix://${folder}/../x", "names no socket"),
    bare("bare: a port of this machine", TARGET, "tcp://127.0.0.1:22", OWN_SOCKET),
    bare("bare: an address beyond, later", STEP, '- client: {target: "http://192.0.2.1/"}', OWN_SOCKET),
    bare("bare: a library for its programs", VERSION, "environment: {LD_PRELOAD: ./x.so}", ONE_VARIABLE),
    bare("bare: a library, later", STEP, "- client: {environment: {LD_PRELOAD: ./x.so}}", ONE_VARIABLE),
    bare("bare: a header in a version", VERSION, 'environment: {DOCKER_API_VERSION: "1.41/x"}', ONE_VARIABLE),
    bare("bare: a command in the client's place", f'target: "{TARGET}"', "run: id", "no command runs without a container"),
    bare("bare: a command", STEP, "- {run: id, host: client}", "this needs a lab with an engine"),
    bare("bare: root", STEP, "- {run: id, host: engine, with: tools}", "this needs a lab with an engine"),
    bare("bare: a rule of the machine", STEP, "- {iptables: engine, rule: 'INPUT -j DROP'}", "this needs a lab with an engine"),
    bare("bare: a reboot", STEP, "- reboot: engine", "this needs a lab with an engine"),
    bare("bare: a stop of the clients", STEP, "- kill: client", "only on the stand-in for an engine"),
    bare("bare: another program later", STEP, "- {recreate: engine, command: id}", "neither another command nor ports"),
    bare("bare: ports of the machine", STEP, '- {recreate: engine, ports: ["19880:1"]}', "neither another command nor ports"),
    bare("bare: a module of its own", STEP, "- {recreate: engine, environment: {PYTHONPATH: .}}", NO_SETTING),
    bare("bare: a value of its own", STEP, "- {recreate: engine, environment: {GROUP: sudo}}", "is 'sudo', which is none of"),
    bare("bare: a folder of its own", STEP, "- {recreate: engine, environment: {LABCTL_FOLDER: /etc}}", NO_SETTING),
    bare("bare: a command that waits", STEP, "- {stop: engine, until: {run: id}}", "this cannot be observed here"),
    bare("bare: a trap", "explain:", "traps: [{remedy: x, do: [{run: id, host: client}], harm: y}]\nexplain:", "with an engine"),
    bare("bare: a command that looks", LOOK, "{run: id, exits: 0}", "this diagnosis needs an engine"),
    bare("bare: root who looks", LOOK, "{run: id, host: engine, with: tools, exits: 0}", "this diagnosis needs an engine"),
    bare("bare: a setting in the stack", API, "environment: {LD_PRELOAD: x}", NO_SETTING),
    bare("bare: settings of the clients", "command: [clients]", "command: [clients], environment: {API: x}", NO_SETTING),
    bare("bare: somebody else's program", "command: [engine]", "command: [id]", ALONE),
    bare("bare: a shell", "command: [engine]", "command: engine", ALONE),
    bare("bare: somebody else's image", "image: labctl, command: [engine]", "image: x, command: [engine]", ALONE),
    bare("bare: a server beside it", "command: [clients], network_mode: none", "command: [clients]", ALONE),
    bare("bare: files of the machine", "network_mode: none, environment", "network_mode: none, tmpfs: /x, environment", ALONE),
    bare("bare: a network", "services:", "networks: {default: {}}\nservices:", "a stack without an engine has none"),
]  # fmt: skip
