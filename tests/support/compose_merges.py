"""What Docker Compose makes of one file over another, written down for every key of the subset.

Run by hand, with a docker-compose of version 2, or a root folder that Debian's package of that name is installed in:

    .venv/bin/python tests/support/compose_merges.py /usr/libexec/docker/cli-plugins/docker-compose

It needs no engine. It writes tests/data/compose_merges.json, where `tests/unit/stack/test_compose_merges.py` finds what labctl
is held to. A row is two values of one key, in every combination of the forms below: what Compose has made of the key, or
why it refuses them. Compose replaces variables here, though the rows have none, because only then does it write the
merged files in the one form that it runs. Where that form leaves out what was written, see AS_WRITTEN.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "data" / "compose_merges.json"
INSTALLED = "usr/libexec/docker/cli-plugins/docker-compose"  # where Debian's package has it
TIMEOUT = 60.0  # seconds, for one pair
ABSENT = "absent"  # of a form: the key is not in the file
PROJECT = "p"
AS_WRITTEN = {"networks", "services.web.x-labctl"}  # read without variables: `internal: false` and extensions are kept
FRAME: Mapping[str, Any] = {  # what the rows' values refer to, and who uses it: Compose leaves out what nobody uses
    "services": {
        "web": {"image": "x"},
        "db": {"image": "x", "volumes": ["data:/a", "other:/b"], "configs": ["conf", "more"]},
        "cache": {"image": "x", "networks": ["other"]},
    },
    "networks": {"default": {"internal": True}, "other": {"internal": True}},
    "volumes": {"data": {}, "other": {}},
    "configs": {"conf": {"content": "a"}, "more": {"content": "b"}},
}
SYSCTL, OTHER_SYSCTL = "net.core.somaxconn", "net.ipv4.tcp_syn_retries"
FORMS: Mapping[str, Mapping[str, Any]] = {  # by the key's path
    "services.web.image": {"one": "a", "other": "b"},
    "services.web.command": {"line": "one two", "list": ["three"], "other": ["four", "$$five"], "no words": []},
    "services.web.entrypoint": {"line": "one two", "list": ["three"], "other": ["four", "$$five"], "no words": []},
    "services.web.environment": {
        "short": ["A=1", "B=2"],
        "short other": ["A=3", "C=x=y"],
        "long": {"A": "4", "C": "5"},
        "long other": {"A": 6, "D": ""},
        "without a value": {"A": None},
        "twice": ["A=7", "A=8"],
        "twice the same": ["A=7", "A=7"],
        "nothing short": [],
        "nothing long": {},
    },
    "services.web.user": {"one": "1000", "other": "nobody:1"},
    "services.web.networks": {
        "short": ["default"],
        "short other": ["other"],
        "long": {"default": {"aliases": ["a", "b"]}},
        "long other": {"default": {"aliases": ["b", "c"]}},
        "long elsewhere": {"other": {"aliases": ["d"]}},
        "without an entry": {"default": None},
        "no aliases": {"default": {"aliases": []}},
        "one alias twice": {"default": {"aliases": ["a", "a"]}},
        "twice": ["default", "default"],
        "nothing short": [],
        "nothing long": {},
    },
    "services.web.network_mode": {"host": "host", "none": "none"},
    "services.web.ports": {
        "short": ["19800:80"],
        "short other": ["19801:80", "19802:81"],
        "short local": ["127.0.0.1:19800:80"],
        "long": [{"target": 80, "published": 19800}],
        "long text": [{"target": 80, "published": "19800"}],
        "long local": [{"target": 80, "published": "19800", "host_ip": "127.0.0.1"}],
        "twice": ["19800:80", "19800:80"],
        "twice in two forms": ["19803:80", {"target": 80, "published": 19803}],
        "nothing": [],
    },
    "services.web.depends_on": {
        "short": ["db"],
        "short other": ["cache"],
        "long": {"db": {"condition": "service_healthy"}},
        "long other": {"db": {"condition": "service_started"}, "cache": {"condition": "service_healthy"}},
        "without an entry": {"db": None},
        "twice": ["db", "db"],
        "nothing short": [],
        "nothing long": {},
    },
    "services.web.healthcheck": {
        "line": {"test": "one two"},
        "list": {"test": ["CMD", "three"], "interval": "2s"},
        "list other": {"test": ["CMD-SHELL", "four"], "timeout": "3s", "retries": 4},
        "times": {"interval": "5s", "retries": 6},
        "nothing": {},
    },
    "services.web.configs": {
        "short": ["conf"],
        "short other": ["more"],
        "long": [{"source": "conf", "target": "/one"}],
        "long other": [{"source": "more", "target": "/one"}],
        "long default": [{"source": "conf", "target": "/conf"}],
        "long without a target": [{"source": "more"}],
        "with a slash": [{"source": "more", "target": "/one/"}],
        "elsewhere": [{"source": "conf", "target": "/two"}, {"source": "more", "target": "/three"}],
        "twice": ["conf", "conf"],
        "twice in one place": [{"source": "conf", "target": "/one"}, {"source": "more", "target": "/one"}],
        "nothing": [],
    },
    "services.web.volumes": {
        "short": ["data:/one"],
        "short other": ["other:/one"],
        "short elsewhere": ["data:/two"],
        "long": [{"type": "volume", "source": "data", "target": "/one"}],
        "long other": [{"type": "volume", "source": "other", "target": "/one"}],
        "with a slash": ["other:/one/"],
        "twice": ["data:/one", "data:/one"],
        "twice in one place": ["data:/one", "other:/one"],
        "nothing": [],
    },
    "services.web.tmpfs": {
        "line": "/one",
        "line other": "/two",
        "list": ["/one", "/three"],
        "list other": ["/three", "/two"],
        "with a slash": ["/one/"],
        "twice": ["/one", "/one"],
        "nothing": [],
    },
    "services.web.sysctls": {
        "short": [f"{SYSCTL}=1"],
        "short other": [f"{SYSCTL}=2", f"{OTHER_SYSCTL}=3"],
        "long": {SYSCTL: 4},
        "long other": {SYSCTL: "5", OTHER_SYSCTL: "6"},
        "twice": [f"{SYSCTL}=7", f"{SYSCTL}=8"],
        "nothing short": [],
        "nothing long": {},
    },
    "services.web.ulimits": {
        "short": {"nofile": 100},
        "short other": {"nofile": 200, "nproc": 300},
        "long": {"nofile": {"soft": 10, "hard": 20}},
        "long other": {"nofile": {"soft": 30, "hard": 40}, "nproc": {"soft": 50, "hard": 60}},
        "half": {"nofile": {"hard": 70}},
        "nothing": {},
    },
    "services.web.mem_limit": {"text": "64m", "other": "128m", "number": 16777216},
    "services.web.extra_hosts": {
        "short": ["a:192.0.2.1"],
        "short other": ["a=192.0.2.2", "b=192.0.2.3"],
        "long": {"a": "192.0.2.4"},
        "long other": {"b": "192.0.2.5", "c": "2001:db8::1"},
        "the same": {"a": "192.0.2.1"},
        "twice": ["a:192.0.2.6", "a:192.0.2.7"],
        "twice the same": ["a:192.0.2.1", "a=192.0.2.1"],
        "nothing short": [],
        "nothing long": {},
    },
    "services.web.x-labctl": {
        "routes": {"routes": {"db": "web"}},
        "other routes": {"routes": {"db": "cache", "cache": "db"}},
        "tools": {"tools": "labctl-firewalld"},
        "nothing": {},
    },
    "name": {"one": "one", "other": "other"},
    "services": {
        "all": FRAME["services"],
        "another": {"more": {"image": "b", "command": ["a"]}},
        "changed": {"web": {"image": "b"}, "db": {"command": ["a"]}},
        "nothing": {},
    },
    "networks": {
        "both": FRAME["networks"],
        "one": {"other": {"internal": True}},
        "open": {"other": {"internal": False}},
        "without an entry": {"other": None},
        "empty entry": {"other": {}},
        "nothing": {},
    },
    "volumes": {
        "both": FRAME["volumes"],
        "one": {"data": {}},
        "without an entry": {"data": None, "other": None},
        "nothing": {},
    },
    "configs": {
        "both": FRAME["configs"],
        "one": {"conf": {"content": "c"}},
        "with a dollar": {"conf": {"content": "$$d"}, "more": {"content": ""}},
        "nothing": {},
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """Two values of one key, and what Compose makes of them: exactly one of `merged` and `refused` is there.

    `below`, `above` and `merged` hold the value under the key's own name, or nothing where the key is absent.
    """

    path: str
    name: str
    below: dict[str, Any]
    above: dict[str, Any]
    merged: dict[str, Any] | None = None
    refused: str | None = None


def placed(document: Mapping[str, Any], path: Sequence[str], held: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with a key in it as a row has it: absent, or with that value."""
    key, *rest = path
    if rest:
        return {**document, key: placed(document.get(key, {}), rest, held)}
    return {name: value for name, value in document.items() if name != key} | dict(held)


def held(document: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """Return a document's value under the key's own name, or nothing where it has none."""
    for key in path[:-1]:
        document = document[key]
    return {path[-1]: document[path[-1]]} if path[-1] in document else {}


def pairs() -> Iterable[Row]:
    """Yield all rows, without what Compose makes of them."""
    for path, forms in FORMS.items():
        key = path.rsplit(".", 1)[-1]
        values: dict[str, dict[str, Any]] = {ABSENT: {}, "null": {key: None}}
        values |= {name: {key: value} for name, value in forms.items()}
        for (above, later), (below, earlier) in itertools.product(values.items(), values.items()):
            yield Row(path, f"{above} over {below}", earlier, later)


def composed(program: Path, row: Row) -> Row:
    """Return a row with what Compose makes of it."""
    path = row.path.split(".")
    with tempfile.TemporaryDirectory() as folder:
        for name, document in (("a", placed(FRAME, path, row.below)), ("b", placed({}, path, row.above))):
            (Path(folder) / f"{name}.json").write_text(json.dumps(document))
        project = [] if row.path == "name" and row.below | row.above else ["--project-name", PROJECT]
        as_written = ["--no-interpolate"] if row.path in AS_WRITTEN else []
        ran = subprocess.run(
            [program, *project, "-f", "a.json", "-f", "b.json", "config", "--format", "json", *as_written],
            cwd=folder,
            env={"HOME": folder, "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        said = " ".join(ran.stderr.replace(folder, "").replace(Path(folder).name, "FOLDER").split())
    if ran.returncode:
        return Row(row.path, row.name, row.below, row.above, refused=said)
    return Row(row.path, row.name, row.below, row.above, merged=held(json.loads(ran.stdout), path))


def recorded() -> tuple[Row, ...]:
    """Return the rows on file."""
    return tuple(Row(**row) for row in json.loads(FILE.read_text())["rows"])


def _program(given: Path) -> Path:
    return given / INSTALLED if given.is_dir() else given


def main(given: str) -> None:
    """Write the file anew."""
    program = _program(Path(given)).resolve(strict=True)
    version = subprocess.run([program, "version", "--short"], capture_output=True, text=True, check=True).stdout.strip()
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        rows = list(workers.map(lambda row: composed(program, row), pairs()))
    lines = ",\n".join(json.dumps({k: v for k, v in asdict(row).items() if v is not None}) for row in rows)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(f'{{"compose": {json.dumps(version)}, "rows": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main(*sys.argv[1:])
