"""A bundle made readable. All of it was written by somebody else, so nothing of it is printed as it is."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from rich.console import Console
from rich.text import Text

from labctl.model import Result
from labctl.report import terminal
from labctl.report.facts import WITH
from labctl.report.text import one_line, plain
from labctl.results import result as results
from labctl.results.archive import Contents
from labctl.results.bundle import Manifest, Verified


def sound(verified: Verified, manifest: Manifest) -> str:
    """Return the line on a bundle with which nothing is wrong."""
    missing = f", without {', '.join(manifest.missing)}" if manifest.missing else ""
    told = f"{len(manifest.files)} files{missing}, {manifest.verdict.value} {manifest.scenario}"
    return one_line(f"{verified.file}: sound, {told}, sha256 {verified.sha256}")


def show(console: Console, contents: Contents, verified: Verified) -> None:
    """Print what is wrong with a bundle, where it was made, what its run saw, which files it holds."""
    if verified.problems:
        console.print(Text("Do not rely on this bundle: it has problems.", style="bold red"))
        for problem in verified.problems:
            console.print(Text(f"  {one_line(problem)}", style="red"), soft_wrap=True)
        console.print()
    if verified.result is not None:
        _report(console, tame(verified.result))
    console.print(Text(f"{one_line(str(contents.file))}, sha256 {contents.sha256}", style="bold"), soft_wrap=True)
    for name, content in contents.members.items():
        console.print(Text(f"  {len(content):>11,}  {one_line(name)}"), soft_wrap=True)
    for name in verified.manifest.missing if verified.manifest else ():
        console.print(Text(f"  {'missing':>11}  {one_line(name)}", style="dim"), soft_wrap=True)


def _report(console: Console, result: Result) -> None:
    for line in _environment(result.versions):
        console.print(Text(line, style="dim"), soft_wrap=True)
    console.print()
    terminal.heading(console, result.scenario, result.title)
    for phase in result.phases:
        terminal.phase(console, phase)
    console.print(terminal.verdict_line(replace(result, reason=_indented(result.reason))), soft_wrap=True)
    if result.advice:
        console.print(Text(f"  {_indented(result.advice)}"), soft_wrap=True)
    console.print(Text(f"  fingerprint {result.fingerprint or 'none'}\n", style="dim"), soft_wrap=True)


def _environment(versions: Mapping[str, str]) -> Iterator[str]:
    for first, second in (("labctl", ""), ("image", ""), ("engine", "api"), ("kernel", "architecture")):
        yield f"{first:<8} {', '.join(versions[name] for name in (first, second) if name in versions) or '?'}"
    clients = [(name, version) for name, version in versions.items() if name not in WITH]
    told = [version if name in version else f"{name}: {version}" for name, version in clients]
    yield f"clients  {'; '.join(told)}"


def tame(result: Result) -> Result:
    """Return a result whose texts cannot steer a terminal, nor pretend to be lines of the report."""
    value = asdict(replace(result, services={}))  # not shown, and of any shape
    phases = _tamed(value.pop("phases"), lines={"output"})
    return results.parse(json.dumps({**_tamed(value, lines={"reason", "advice"}), "phases": phases}, default=str))


def _tamed(value: Any, key: str = "", *, lines: Collection[str]) -> Any:
    """Return a value with all text in it made harmless; what stands under the keys `lines` may have several lines."""
    if isinstance(value, str):
        return plain(value) if key in lines else one_line(value)
    if isinstance(value, Mapping):
        return {one_line(name): _tamed(inner, name, lines=lines) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_tamed(inner, key, lines=lines) for inner in value]
    return value


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")
