"""More attacks: files that are odd YAML, or so large, long, deep or many that reading them would never end."""

from __future__ import annotations

from support.attacks import FOLDER, LAUGHS, OTHER_TAG, SCENARIO, STACK, TOO_MUCH, Attack, action, scenario, service


def whole(name: str, text: str | bytes, says: str, at: str = "") -> Attack:
    """Return an attack that is a whole scenario's file."""
    return Attack(name, says, "attack.yaml", at, {**FOLDER, "attack.yaml": text})


def last(name: str, text: str, says: str) -> Attack:
    """Return an attack that stands at a scenario's end; what is complained of is somewhere in it."""
    return Attack(name, says, "attack.yaml", text.partition("\n")[0], {**FOLDER, "attack.yaml": SCENARIO + text})


HOSTS = "".join(f"  s{number}: {{image: labctl}}\n" for number in range(300))

YAML = [
    scenario("an object", "An attack", "!!python/object/apply:os.system [id]", OTHER_TAG),
    scenario("an object for a mapping", "client: {", "client: !!python/object:os.x {", OTHER_TAG),
    scenario("a tag of one's own", "An attack", "!evil x", OTHER_TAG),
    scenario("no number", "An attack", '!!int ""', "cannot be read"),
    scenario("no truth", "An attack", "!!bool maybe", "cannot be read"),
    scenario("a number without an end", "An attack", "0x" + "F" * 9000, "is a larger number than anything here has"),
    scenario("digits without an end", "An attack", "9" * 9000, "cannot be read"),
    scenario("a key twice", "explain: Because.", "title: x\nexplain: Because.", "is given twice"),
    scenario("a list for a key", "explain", "? [a]\n: b\nexplain", "a key must be a plain word"),
    scenario("keys from elsewhere", "explain", "<<: {a: b}\nexplain", "a key must be a plain word"),
    whole("a version that is none", f"%YAML 1.99999999999999999999\n---\n{SCENARIO}", "this is not YAML"),
    whole("two documents", f"{SCENARIO}---\na: b\n", "this is not YAML", "---"),
    whole("no text", b"name: \xff\xfe\n", "this is not UTF-8 text"),
    whole("a NUL", b"name: attack\n\0", "the character U+0000 has no place in it", "\0"),
    whole("nothing", "", "this file must be a mapping"),
    whole("a list", "- a\n", "this file must be a mapping"),
]
LARGE = [
    whole("ten megabytes", "#" * (10 << 20), "this file is larger than 256 KiB"),
    last("billions of laughs", f"override:\n  a: &a [x, x, x, x, x, x, x, x]\n{LAUGHS}", TOO_MUCH),
    last("a list in itself", "override: &a {x: *a}\n", TOO_MUCH),
    last("one long text many times", f"override: {{x: &a '{'$$' * 90_000}', y: [{'*a, ' * 1_000}]}}\n", TOO_MUCH),
    last("a deep list", f"requires: {'[' * 100_000}\n", TOO_MUCH),
    last("deep lines", f"requires:\n {'- ' * 100_000}\n", TOO_MUCH),
    last("deep mappings", f"requires: {'{a: ' * 50_000}\n", TOO_MUCH),
    last("a wide list", f"requires: [{'a,' * 120_000}]\n", TOO_MUCH),
    last("many keys", "".join(f"k{number}: 1\n" for number in range(15_000)), TOO_MUCH),
    last("ten thousand actions", f"trigger:\n{'  - stop: server' * 1}\n" + "  - stop: server\n" * 10_000, TOO_MUCH),
    last("too many actions", f"trigger: [{'{stop: server}, ' * 51}]\n", "there are 51 entries here"),
    Attack("hundreds of hosts", "there are 300 hosts", "stack.yaml", "s0", {**FOLDER, "stack.yaml": f"services:\n{HOSTS}"}),
    Attack("ten thousand hosts", TOO_MUCH, "stack.yaml", "", {**FOLDER, "stack.yaml": f"services:\n{HOSTS * 33}"}),
    Attack("ten megabytes of a stack", "larger than 256 KiB", "stack.yaml", "", {**FOLDER, "stack.yaml": STACK * 70_000}),
]  # fmt: skip
LONG = [
    scenario("a wait of a day", 'http://server:8080/"}', 'http://server:8080/", timeout: 99999s}', "is longer than 10m"),
    scenario("a wait without an end", 'http://server:8080/"}', 'http://server:8080/", timeout: .inf}', "is not a duration"),
    scenario("tries without a pause", 'http://server:8080/"}', 'http://server:8080/", retry: {every: 0s, for: 9m}}', "is shorter than 10ms"),
    action("a thousand million connections", "{hold: 1e9, host: client, target: 'tcp://server:80'}", "less than or equal to 1000"),
    action("fewer than no connections", "{hold: -1, host: client, target: 'tcp://server:80'}", "greater than or equal to 1"),
    service("a check without an end", "healthcheck: {test: x, interval: 600s, retries: 100}", "is longer than 600s"),
    service("a check that is asked for ever", "healthcheck: {test: x, retries: 999999999}", "less than or equal to 100"),
    service("all memory", "mem_limit: 999999g", "is outside of 8m to 4g"),
    service("no memory limit", "mem_limit: -1", "is not a size"),
    service("all files", "ulimits: {nofile: 99999999999999}", "less than or equal to 1048576"),
    service("another limit", "ulimits: {memlock: -1}", "'nofile' or 'nproc'"),
    service("processes without an end", "pids_limit: -1", "is refused in a stack."),
    service("shared memory", "shm_size: 64g", "is refused in a stack."),
    service("many mounts", f"tmpfs: [{', '.join(f'/t{number}' for number in range(100))}]", "32 items"),
    scenario("a pattern that explodes", "lacks: ':8080'", "lacks: '((a{100}){100}){100}'", "is not a pattern that RE2 understands"),
    scenario("a pattern without an end", "lacks: ':8080'", "lacks: '" + "(a|b)" * 20_000 + "'", "is longer than 1000 characters"),
    scenario("a name without an end", "stop: server", f"stop: {'s' * 100_000}", "there is no host called"),
]  # fmt: skip
