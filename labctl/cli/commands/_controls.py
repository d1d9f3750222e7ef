"""Running controls, as `controls` does, and `run` and `matrix` with --controls."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labctl.model import Outcome, Verdict
from labctl.system import files

if TYPE_CHECKING:
    from rich.console import Console

    from labctl.knowledge.truths import Table
    from labctl.lab.session import Session
    from labctl.model import Result
    from labctl.run.controls import Arm, Choice
    from labctl.scenario.load import Loaded


NO_JSON = "the controls print no JSON; `labctl controls --write` writes controls.json."
with_controls = click.option(
    "--controls", "with_controls", is_flag=True, help="Also run controls; see `labctl controls --help`."
)


def controlled(
    out: Console,
    chosen: Sequence[Loaded],
    session: Session,
    clients: tuple[str, ...],
    images: tuple[str, ...] = (),
    *,
    jobs: int,
    choice: Choice | None = None,
    write: bool = False,
) -> Verdict:
    """Run the controls of scenarios and print what they showed; return what that comes to.

    Raises NotWritten where the table is to be written and cannot be.
    """
    from labctl.knowledge import truths
    from labctl.report.controls import Arms
    from labctl.run import controls
    from labctl.run.matrix import matrix
    from labctl.run.run import Options

    if write:
        for file in dict.fromkeys(truths.file_of(one.file) for one in chosen):
            files.try_out(file)
    catalogue = _catalogue(chosen)
    choice = choice or controls.Choice()
    arms = controls.arms(chosen, catalogue, Options(clients=clients, allow_images=images), choice)
    out.print(f"\ncontrols: {len(arms)} runs", soft_wrap=True)
    results = matrix([arm.planned for arm in arms], session, jobs=jobs, fail_fast=False, watcher=Arms(out, arms, jobs))
    ended = [(arm, result) for arm, result in zip(arms, results, strict=True) if result is not None]
    verdicts = [Verdict.PASSED]
    for file in dict.fromkeys(truths.file_of(one.file) for one in chosen):
        here = [one for one in chosen if truths.file_of(one.file) == file]
        beside = [one for one in catalogue if truths.file_of(one.file) == file]
        whole = choice.whole and len(ended) == len(arms)  # a full disk ends a matrix early
        verdicts.append(_concluded(out, file, here, beside, ended, whole=whole, write=write))
    return Verdict.overall(verdicts)


def controlled_too(
    code: int,
    out: Console,
    chosen: Sequence[Loaded],
    clients: tuple[str, ...],
    images: tuple[str, ...] = (),
    *,
    jobs: int = 2,
) -> int:
    """Run the controls of scenarios that have run; return the exit code of both, the one of the runs being given."""
    from labctl.lab.session import ready

    with ready(chosen, images) as session:
        codes = (code, controlled(out, chosen, session, clients, images, jobs=jobs).exit_code)
    return next((one for one in (Verdict.FAILED.exit_code, Verdict.INCONCLUSIVE.exit_code) if one in codes), os.EX_OK)


def _catalogue(chosen: Sequence[Loaded]) -> list[Loaded]:
    """Return the scenarios whose fixes and diagnosis steps are tried: those chosen, and those beside them."""
    from labctl.scenario import catalogue
    from labctl.scenario.load import load

    beside = dict.fromkeys(one.file.parent for one in chosen)
    files = {name: file for folder in beside for name, file in catalogue.within(folder).items()}
    files |= {one.scenario.name: one.file for one in chosen}
    return [load(file, recorded=False) for _, file in sorted(files.items())]


def _concluded(
    out: Console,
    file: Path,
    here: Sequence[Loaded],
    beside: Sequence[Loaded],
    ended: Sequence[tuple[Arm, Result]],
    *,
    whole: bool,
    write: bool,
) -> Verdict:
    """Hold what was seen of one folder's scenarios against its table, print and, where asked for, write it."""
    from labctl.knowledge import truths
    from labctl.report import controls as report
    from labctl.run import controls

    names = {one.scenario.name for one in here}
    mine = [(arm, result) for arm, result in ended if arm.scenario in names]
    seen = [(arm, controls.effect(arm, result)) for arm, result in mine if result.kept]
    unknown = len(seen) < len(mine) or any(found is None and not arm.answers for arm, found in seen)
    recorded, now = truths.read(file), controls.table(seen)
    differences = list(truths.differences(recorded, now))
    wrong = [one for one in differences if one.wrong and not (write and one.column in ("fixes", "answers"))]
    merged = truths.merged(recorded, now, {one.scenario.name for one in beside}, whole=whole and not unknown)
    report.crossed(out, merged, _groups(beside, names))
    report.wrong(out, [report.sentence(one) for one in wrong])
    new = len(differences) - len(wrong)
    if write:
        _write(out, file, merged)
    elif new:
        out.print(f"{new} of what was seen is not in {file} yet: `labctl controls --write` writes it.", soft_wrap=True)
    if wrong:
        return Verdict.FAILED
    return Verdict.INCONCLUSIVE if unknown else Verdict.PASSED


def _groups(beside: Sequence[Loaded], names: Collection[str]) -> dict[Outcome, list[str]]:
    """Return the names of the scenarios of each outcome that some of those named have."""
    outcomes = dict.fromkeys(one.scenario.expect.outcome for one in beside if one.scenario.name in names)
    return {
        outcome: [one.scenario.name for one in beside if one.scenario.expect.outcome is outcome] for outcome in outcomes
    }


def _write(out: Console, file: Path, merged: Table) -> None:
    from labctl.knowledge import truths

    truths.write(file, merged)
    out.print(f"wrote {file}", soft_wrap=True)
