"""Attacks: scenarios and stacks by somebody who means harm, each with what labctl must say of it.

All are refused before any engine is asked. What is not refused, since it does no harm, is tried on a real engine in
tests/engine/test_attacks_harmless.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCENARIO = """\
name: attack
title: An attack
cause: not-running
stack: ./stack.yaml
client: {host: client, target: "http://server:8080/"}
fault:
  - stop: server
expect: {outcome: refused}
diagnose:
  - {run: ss -ltn, host: server, with: tools, lacks: ':8080'}
fix:
  - start: server
explain: Because.
"""
STACK = """\
services:
  client: {image: labctl, command: [clients]}
  server:
    image: labctl
    command: [serve]
networks: {default: {internal: true}}
"""
FOLDER = {"attack.yaml": SCENARIO, "stack.yaml": STACK}


@dataclass(frozen=True, slots=True)
class Attack:
    """Files that are refused: `says` stands in the message, which begins with the place of `at` in its file."""

    name: str
    says: str
    file: str
    at: str = ""  # what the line holds that is complained of; the first line where it is empty
    files: Mapping[str, str | bytes] = field(default_factory=dict, repr=False)

    @property
    def line(self) -> int:
        """Return the number of the line that is complained of."""
        written = self.files[self.file]
        text = written if isinstance(written, str) else written.decode(errors="replace")
        return 1 + text[: text.index(self.at)].count("\n")


def service(name: str, line: str, says: str) -> Attack:
    """Return an attack that is a key of a service."""
    text = STACK.replace("    command: [serve]\n", f"    command: [serve]\n    {line}\n")
    return Attack(name, says, "stack.yaml", line, {**FOLDER, "stack.yaml": text})


def top(name: str, line: str, says: str) -> Attack:
    """Return an attack that is a line at the top of a stack, in place of its networks."""
    text = STACK.replace("networks: {default: {internal: true}}", line)
    return Attack(name, says, "stack.yaml", line, {**FOLDER, "stack.yaml": text})


def scenario(name: str, before: str, after: str, says: str) -> Attack:
    """Return an attack that is a change of the scenario; what is complained of is where the change begins."""
    assert SCENARIO.count(before) == 1, before
    text = SCENARIO.replace(before, after)
    return Attack(name, says, "attack.yaml", after, {**FOLDER, "attack.yaml": text})


def action(name: str, line: str, says: str) -> Attack:
    """Return an attack that is a step of the fault."""
    return scenario(name, "- stop: server", f"- {line}", says)


def override(name: str, line: str, says: str) -> Attack:
    """Return an attack that is an override of a service by the scenario."""
    return scenario(name, "explain", f"override: {{services: {{server: {{{line}}}}}}}\nexplain", says)


OPEN_STACK = """\
services:
  client: {image: labctl, command: [clients], network_mode: host}
  server: {image: labctl, command: [serve], ports: ["19880:8080"]}
networks: {default: {internal: false}}
"""
OPEN_SCENARIO = SCENARIO.replace("http://server:8080/", "http://${address.client.loopback}:19880/").replace(
    "{run: ss -ltn, host: server, with: tools, lacks: ':8080'}", "{ports: server, lacks: x}"
)


def beside(name: str, before: str, after: str, says: str) -> Attack:
    """Return an attack that is a change of a scenario whose client is on the machine itself, or of its stack."""
    files = {"attack.yaml": OPEN_SCENARIO, "stack.yaml": OPEN_STACK}
    [file] = (file for file, text in files.items() if text.count(before) == 1)
    return Attack(name, says, file, after, {**files, file: files[file].replace(before, after)})


REFUSED = "is refused in a stack."
INSIDE = "is not a path inside a container"
OTHER_TAG = "has no meaning here. Plain values only."
UNSEEN = "is refused: it controls terminals or is invisible."
TOO_MUCH = "this file holds more than any scenario or stack needs."
LAUGHS = "".join(f"  {b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))

RIGHTS = [
    service("privileged", "privileged: true", REFUSED),
    service("network of the machine", "network_mode: host", "only labctl's own clients may be on the machine itself"),
    service("processes of the machine", "pid: host", REFUSED),
    service("memory of the machine", "ipc: host", REFUSED),
    service("name of the machine", "uts: host", REFUSED),
    service("users of the machine", "userns_mode: host", REFUSED),
    service("cgroups of the machine", "cgroup: host", REFUSED),
    service("another's cgroup", "cgroup_parent: /docker", REFUSED),
    service("capabilities", "cap_add: [SYS_ADMIN]", REFUSED),
    service("no profile", "security_opt: [seccomp=unconfined]", REFUSED),
    service("devices", "devices: [/dev/sda]", REFUSED),
    service("device rules", "device_cgroup_rules: ['c *:* rwm']", REFUSED),
    service("graphics cards", "gpus: all", REFUSED),
    service("another runtime", "runtime: evil", REFUSED),
    service("another log driver", "logging: {driver: syslog, options: {syslog-address: 'tcp://192.0.2.1:514'}}", REFUSED),
    service("the engine's socket", "use_api_socket: true", REFUSED),
    service("groups", "group_add: [docker]", REFUSED),
    service("published ports", "ports: ['0.0.0.0:22:22']", "is not a published port"),
    service("a program of the machine", "provider: {type: model}", REFUSED),
    service("comes back for ever", "restart: always", REFUSED),
    service("labels by which labctl finds its own", "labels: {labctl.session: other}", REFUSED),
    service("a build", "build: {context: /}", REFUSED),
    service("another's resolver", "dns: 192.0.2.53", REFUSED),
    service("sysctls of the machine", "sysctls: {kernel.core_pattern: '|/bin/x'}", "may not be set here"),
    service("sysctls of memory", "sysctls: {vm.overcommit_memory: 1}", "may not be set here"),
    service("an agent of one's own", "x-labctl: {tools: evil}", "no image with labctl's agent"),
    service("a user with more in it", 'user: "0:0\\n--privileged"', "is not a user"),
    override("rights by an override", "privileged: true", REFUSED),
]  # fmt: skip
FILES = [
    service("the machine's files", "volumes: ['/:/host']", "only named volumes may be mounted"),
    service("the engine's socket, mounted", "volumes: [/var/run/docker.sock:/x]", "only named volumes may be mounted"),
    service("the machine's files, long", "volumes: [{type: bind, source: /, target: /x}]", "only named volumes"),
    service("the folder above", "volumes: ['../..:/x']", "only named volumes may be mounted"),
    service("volumes of others", "volumes_from: [container:other]", REFUSED),
    service("options of a mount", "tmpfs: '/x:exec,suid'", INSIDE),
    service("over the kernel's files", "tmpfs: /proc/sys", "belongs to the kernel"),
    service("over the kernel's files, hidden", "tmpfs: //x/../proc", INSIDE),
    service("over everything", "tmpfs: /", INSIDE),
    service("a config out of the container", "configs: [{source: x, target: /../../etc/cron.d/x}]", INSIDE),
    service("an environment file", "env_file: /root/.aws/credentials", REFUSED),
    service("another file's service", "extends: {file: /etc/x.yaml, service: y}", REFUSED),
    service("secrets", "secrets: [key]", REFUSED),
    top("a volume that is a mount", "volumes: {x: {driver_opts: {type: none, o: bind, device: /}}}", REFUSED),
    top("a volume of others", "volumes: {x: {external: true}}", REFUSED),
    top("a volume's name", "volumes: {../../x: {}}", "is not a name"),
    top("a network of others", "networks: {default: {external: true}}", REFUSED),
    top("a network of the machine", "networks: {default: {driver: host}}", REFUSED),
    top("a network with a way out", "networks: {default: {internal: false}}", "lab networks are internal, except"),
    top("a config of the machine", "configs: {x: {file: /etc/shadow}}", REFUSED),
    top("a config of the environment", "configs: {x: {environment: AWS_SECRET_ACCESS_KEY}}", REFUSED),
    top("secrets of the machine", "secrets: {x: {file: /etc/shadow}}", REFUSED),
    top("other files", "include: [/etc/x.yaml]", REFUSED),
    top("a stack's name", "name: ../../x", "is not a name"),
    scenario("a stack anywhere", "./stack.yaml", "/etc/shadow", "leads out of the scenario's folder"),
    scenario("a stack above", "./stack.yaml", "../../../../../../etc/shadow", "leads out of the scenario's folder"),
    scenario("a stack with a long name", "./stack.yaml", "./" + "a" * 300, "there is no stack file called"),
    scenario("a scenario's name", "name: attack", "name: ../../attack", "is not a name"),
]  # fmt: skip
TARGET, STEP, LOOK = "http://${address.client.loopback}:19880/", "- stop: server", "{ports: server, lacks: x}"
OWN_TARGETS, NO_TOOLS = "can reach only what its own lab publishes", "this would run with a host's tools."
BESIDE = [
    beside("another port of the machine", TARGET, "http://${address.client.loopback}:22/", OWN_TARGETS),
    beside("another address of the machine", TARGET, "http://127.0.0.1:19880/", OWN_TARGETS),
    beside("an address beyond", TARGET, "http://192.0.2.1:19880/", OWN_TARGETS),
    beside("a name beyond", TARGET, "http://server:19880/", OWN_TARGETS),
    beside("another target later", STEP, '- client: {target: "tcp://127.0.0.1:22"}', OWN_TARGETS),
    beside("a proxy", STEP, "- client: {environment: {http_proxy: 'http://127.0.0.1:3128'}}", "take no variables"),
    beside("a proxy from the start", "host: client, target", "host: client, environment: {A: b}, target", "no variables"),
    beside("a command on the machine", STEP, "- {run: id, host: client}", "no action may act on the machine itself"),
    beside("root on the machine", STEP, "- {run: id, host: client, with: tools}", "no action may act on the machine"),
    beside("a rule of the machine", STEP, "- {iptables: client, rule: 'INPUT -j DROP'}", "no action may act on the machine"),
    beside("a trap for the machine", "explain:", "traps: [{remedy: x, do: [{kill: client}], harm: y}]\nexplain:", "no action may act"),
    beside("connections held by the machine", STEP, "- {hold: 9, host: client, target: 'tcp://server:1'}", "no action may act"),
    beside("a way by the machine", STEP, "- {route: client, add: 192.0.2.0/24}", "no action may act on the machine"),
    beside("root beside the machine", STEP, "- {run: nft flush ruleset, host: server, with: tools}", NO_TOOLS),
    beside("root who waits", STEP, "- {stop: server, until: {run: nft flush ruleset}}", NO_TOOLS),
    beside("root who looks", LOOK, "{run: ss -ltn, host: server, with: tools, lacks: ':8080'}", NO_TOOLS),
    beside("a look around the machine", LOOK, "{run: ss -ltn, lacks: ':8080'}", "no command runs on the machine itself"),
    beside("ports of the machine", LOOK, "{ports: client, lacks: x}", "the machine itself has no published ports"),
    beside("a command in the client's place", f'target: "{TARGET}"', "run: ss -ltn", "no command runs on the machine"),
    beside("a port that the machine serves", "19880:8080", "22:8080", "greater than or equal to 19800"),
    beside("every address of the machine", "19880:8080", "0.0.0.0:19880:8080", "is not a published port"),
    beside("an option of the engine's", "19880:8080", "19880:8080/sctp", "is not a published port"),
    beside("somebody else's program", "image: labctl, command: [clients]", "image: x, command: [clients]", "only labctl's own"),
    beside("another program of ours", "command: [clients]", "command: [serve]", "only labctl's own clients"),
    beside("settings on the machine", "command: [clients]", "command: [clients], environment: {LD_PRELOAD: x}", "only labctl's own"),
    beside("another mode", "network_mode: host", "network_mode: 'container:x'", "is refused: every service gets a host"),
    beside("two on the machine", "networks: {default:", "  other: {image: labctl, command: [clients], network_mode: host}\nnetworks: {default:", "there is one machine"),
    beside("two networks", "networks: {default:", "networks: {other: {internal: true}, default:", "there is one network"),
]  # fmt: skip
SURROUNDINGS = [
    service("a variable of the machine", "environment: {A: '${HOME}'}", "uses nothing from its environment"),
    service("a variable of the machine, bare", "environment: [AWS_SECRET_ACCESS_KEY]", "uses no value from outside"),
    service(
        "a variable of the machine, as a default", "entrypoint: ['${X:-$PATH}']", "uses nothing from its environment"
    ),
    action("a variable in an action", "{run: 'echo ${HOME}', host: server}", "${HOME} is not known here."),
    action("a command in a placeholder", "{run: 'echo ${$(id)}', host: server}", "is not known here."),
    override("a variable by an override", "environment: {A: $HOME}", "uses nothing from its environment"),
]
INJECTED = [
    action("a module loader", "{iptables: server, rule: '-t nat --modprobe=/bin/x'}", "a rule is a chain"),
    action("a module loader, later", "{iptables: server, rule: 'INPUT --modprobe=/x -j DROP'}", "'--modprobe=/x' is an option of iptables"),
    action("a module loader, short", "{iptables: server, rule: 'INPUT -M /bin/x -j DROP'}", "'-M' is an option of iptables"),
    action("another command of iptables", "{iptables: server, rule: 'INPUT -j DROP -F'}", "'-F' is an option of iptables"),
    action("an unclosed quote", "{iptables: server, rule: \"INPUT -j DROP '\"}", "cannot be split into words"),
    action("a file of nft", "{nft: server, rule: 'include \"/etc/passwd\"'}", "a rule is a family, a table"),
    action("a second command of nft", "{nft: server, rule: 'inet a input drop; flush ruleset'}", "a rule is a family"),
    action("a shell in nft's table", "{nft: server, rule: 'inet a$(id) input drop'}", "a rule is a family"),
    action("an option of ip", "{route: server, add: '-batch /etc/passwd'}", "a route is written without"),
    action("a shell in a link", "{link: server, set: 'up; reboot'}", "a link is set to"),
    action("an option as a host", "{client: {target: 'tcp://-oProxyCommand=x:80'}}", "names a host with a character"),
    action("a shell as a host", "{client: {target: 'tcp://$(id):80'}}", "names a host with a character"),
    action("an option as a service", "{stop: --all}", "there is no host called '--all'"),
    action("a signal that is none", "{kill: server, signal: '-9 -1'}", "there is no signal"),
    scenario("a header", "http://server:8080/", "http://server:8080/\\r\\nX: y", UNSEEN),
    scenario("a header, by a line's end", "http://server:8080/", "http://server:8080/\\nX: y", "a blank or a control"),
    scenario("credentials", "http://server:8080/", "http://me:secret@server:8080/", "contains a user name"),
    scenario("a file as a target", "http://server:8080/", "file:///etc/passwd", "begins with none of http://"),
    service("a line in /etc/hosts", 'extra_hosts: {"x\\n0.0.0.0 y": 192.0.2.1}', "is not the name of a host"),
    service("the machine in /etc/hosts", "extra_hosts: {machine: host-gateway}", "is not an address"),
    service("an interface in an address", "extra_hosts: {x: 'fe80::1%$(id)'}", "is not an address"),
]  # fmt: skip
SHOWN = [
    scenario("an escape", "An attack", '"\\e[2J"', UNSEEN),
    scenario("a title of a window", "An attack", '"\\e]0;x\\a"', UNSEEN),
    scenario("a carriage return", "An attack", '"x\\rpassed"', UNSEEN),
    scenario("a second line", "An attack", '"x\\npassed attack in 1 s"', "is more than one line"),
    scenario("from right to left", "An attack", '"x\\u202Edessap"', UNSEEN),
    scenario("from right to left, as it is", "An attack", "x\u202edessap", UNSEEN),
    scenario("half of a character", "An attack", '"\\ud800"', UNSEEN),
    scenario("a NUL in a command", "run: ss -ltn", 'run: [ss, "-l\\0n"]', UNSEEN),
    scenario("an escape as it is", "An attack", "x\x1b[2J", "the character U+001B has no place in it"),
    scenario("an escape in a key", "explain", '"\\e[2J": x\nexplain', UNSEEN),
    scenario("an escape in a tag", "An attack", "!x%1b[2J y", "the tag"),
]
