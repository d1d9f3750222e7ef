"""What a run's folder holds beside its journal, its captures and its result: what somebody else needs to judge it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from labctl import __version__
from labctl.engine import images
from labctl.errors import LabctlError
from labctl.lab.lab import Lab
from labctl.lab.session import ImageContents, Session
from labctl.model import Result
from labctl.results.journal import Journal
from labctl.results.result import COUNTERS, counters
from labctl.scenario.load import Loaded
from labctl.scenario.model import Scenario

SYSCTLS = (  # grep reads these 140 files in 4 ms; `sysctl -a` reads thousands, whatever it is to print, in 19 ms
    "cd /proc/sys/net && exec grep -s '' core/somaxconn ipv4/tcp_* ipv4/ip_* ipv4/icmp_* ipv4/conf/all/*"
)
TELLS = 10.0  # seconds for a host to tell what it runs on
PACKAGES = "cat /usr/share/labctl/packages.txt; ls -d /opt/*/site/*.dist-info"
INSTALLED = re.compile(r"/([^/]+)-([^-/]+)\.dist-info$")  # the name and version of a Python package that is unpacked


def begin(journal: Journal, loaded: Loaded) -> None:
    """Write the scenario and the stack, as they were read."""
    resolved(journal, loaded.scenario)
    _write(journal, "stack.json", loaded.stack.model_dump(mode="json", by_alias=True, exclude_none=True))


def resolved(journal: Journal, scenario: Scenario) -> None:
    """Write the scenario, once more where the addresses that it names are known."""
    _write(journal, "scenario.json", scenario.model_dump(mode="json", by_alias=True, exclude_none=True))


def environment(journal: Journal, lab: Lab, session: Session) -> None:
    """Write what the run ran on: images and their packages, engine, kernel, every host's sysctls.

    A host that is lost has none.
    """
    sandboxes = {pod.settings.tools: host for host, pod in lab.pods.items()}
    with ThreadPoolExecutor() as pool:
        sysctls = dict(zip(lab.pods, pool.map(partial(_sysctls, lab), lab.pods), strict=True))
    known = {
        name: asdict(_once(session, name, partial(_image, lab, host, session))) for name, host in sandboxes.items()
    }
    engine = {} if session.engine is None else session.connection.versions
    told = {"labctl": __version__, "engine": engine, "images": known, "sysctls": sysctls}
    _write(journal, "environment.json", told)


def end(journal: Journal, result: Result) -> None:
    """Write the counters and the services' logs."""
    _write(journal, COUNTERS, counters(result))
    for service, outputs in result.services.items():
        for number, output in enumerate(outputs, 1):
            journal.save(f"logs/{service}-{number}.log", output.log.encode())


def _once(session: Session, image: str, ask: Callable[[str], ImageContents]) -> ImageContents:
    """Return what is known of an image, asked once in a session."""
    if image not in session.contents:
        session.contents[image] = ask(image)
    return session.contents[image]


def _image(lab: Lab, host: str, session: Session, image: str) -> ImageContents:
    tag = session.images[image]
    found = None
    with suppress(LabctlError):
        found = images.find(session.connection, tag)
    debian, python = _packages(_printed(lab, host, ["sh", "-c", PACKAGES]))
    return ImageContents(tag, found.id if found else "", debian, python)


def _packages(printed: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the Debian and the Python packages by name, with their versions."""
    lines = printed.splitlines()
    python = {found[1]: found[2] for found in map(INSTALLED.search, lines) if found}
    debian = dict(line.split(" ", 1) for line in lines if " " in line)
    return debian, python


def _sysctls(lab: Lab, host: str) -> dict[str, str]:
    known: dict[str, str] = {}
    for line in _printed(lab, host, ["sh", "-c", SYSCTLS]).splitlines():
        file, _, value = line.partition(":")
        name = f"net.{file.replace('/', '.')}"
        known[name] = " ".join([*known.get(name, "").split(), *value.split()])
    return known


def _printed(lab: Lab, host: str, command: list[str]) -> str:
    try:
        return lab.tool(host, command, TELLS).stdout
    except LabctlError:
        return ""


def _write(journal: Journal, name: str, value: Any) -> None:
    # half of a surrogate pair, which only YAML can have brought in, is written as JSON's escape for it
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    journal.save(name, text.encode(errors="backslashreplace"))
