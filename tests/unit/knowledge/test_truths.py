"""The table of what the controls have shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.errors import Mistakes
from labctl.knowledge import truths
from labctl.knowledge.truths import Difference, Effect, Shown, Table
from labctl.run import controls
from labctl.run.controls import Arm, Choice, Kind, arms
from labctl.run.matrix import Planned
from labctl.run.run import Options
from support.known import scenarios

DOWN = Planned(scenarios()["server-down"], Options())
CRASH_FIX = Arm(scenarios()["server-down"], Kind.OTHER_FIX, DOWN, "server-crashed")
NO_FAULT = Arm(scenarios()["server-down"], Kind.NO_FAULT, DOWN)
TRAP = Arm(scenarios()["server-down"], Kind.TRAP, DOWN, "Wait")
ASKED = Arm(scenarios()["server-down"], Kind.QUESTIONS, DOWN, answers={"on server: ps": True})
SEEN = [(NO_FAULT, Effect.MENDED), (CRASH_FIX, Effect.SAME), (TRAP, Effect.MENDED), (ASKED, None)]
WHOLE = Shown(
    without_fault=Effect.MENDED,
    fixes={"server-crashed": Effect.SAME},
    traps={"Wait": Effect.MENDED},
    answers={"on server: ps": True},
)


def of(shown: Shown) -> Table:
    return Table(scenarios={"server-down": shown})


def test_arms_fill_the_row_of_their_scenario() -> None:
    assert controls.table(SEEN) == of(WHOLE)


def test_an_arm_that_was_inconclusive_shows_nothing() -> None:
    assert controls.table([(CRASH_FIX, None), (NO_FAULT, None)]) == of(Shown())


def test_a_table_is_read_as_it_was_written_and_sorted(tmp_path: Path) -> None:
    file = tmp_path / truths.FILE
    assert truths.read(file) == Table()
    truths.write(file, of(WHOLE))
    assert truths.read(file) == of(WHOLE)
    truths.write(file, Table(scenarios={"wrong-port": Shown(), "server-down": WHOLE}))
    assert file.read_text().index("server-down") < file.read_text().index("wrong-port")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b'{"format": 1, "scenarios": {"server-down": {"fixes": {"a": "maybe"}}}}', "scenarios.server-down.fixes.a"),
        (b'{"format": 2}', "format"),
    ],
)
def test_a_file_that_is_no_table_is_told_with_what_to_do(tmp_path: Path, raw: bytes, told: str) -> None:
    file = tmp_path / truths.FILE
    file.write_bytes(raw)
    with pytest.raises(Mistakes) as caught:
        truths.read(file)
    assert f"controls.json:1:1: {told}" in str(caught.value)
    assert truths.TODO in str(caught.value)


def test_what_was_seen_goes_over_what_was_there() -> None:
    old = Shown(fixes={"server-crashed": Effect.MENDED, "wrong-port": Effect.SAME}, answers={"on server: w": False})
    merged = truths.merged(of(old), of(WHOLE), {"server-down", "server-crashed", "wrong-port"}, whole=False)
    row = merged.scenarios["server-down"]
    assert row.fixes == {"server-crashed": Effect.SAME, "wrong-port": Effect.SAME}
    assert row.answers == {"on server: ps": True, "on server: w": False}
    assert truths.merged(of(old), of(WHOLE), {"server-down", "server-crashed"}, whole=True) == of(WHOLE)


def test_what_is_no_scenario_any_more_is_left_out() -> None:
    old = Table(scenarios={"gone": WHOLE, "server-down": Shown(fixes={"gone": Effect.SAME})})
    assert truths.merged(old, Table(), {"server-down"}, whole=False) == of(Shown())


def found(old: Shown, new: Shown) -> list[tuple[Difference, bool]]:
    return [(one, one.wrong) for one in truths.differences(of(old), of(new))]


def test_a_cure_that_is_not_in_the_table_is_wrong_and_a_failure_that_stays_is_only_new() -> None:
    cure, same = Shown(fixes={"wrong-port": Effect.MENDED}), Shown(fixes={"wrong-port": Effect.SAME})
    assert found(Shown(), same) == [(Difference("server-down", "fixes", "wrong-port", None, Effect.SAME), False)]
    assert found(Shown(), cure) == [(Difference("server-down", "fixes", "wrong-port", None, Effect.MENDED), True)]
    assert found(same, cure) == [(Difference("server-down", "fixes", "wrong-port", Effect.SAME, Effect.MENDED), True)]
    assert found(cure, same) == [(Difference("server-down", "fixes", "wrong-port", Effect.MENDED, Effect.SAME), True)]
    assert found(cure, cure) == []


def test_a_failure_without_a_fault_and_a_trap_that_does_not_work_are_wrong_whatever_the_table_says() -> None:
    assert found(Shown(), Shown(without_fault=Effect.SAME))[0][1]
    assert found(Shown(), Shown(traps={"Wait": Effect.SAME}))[0][1]
    assert not found(Shown(), Shown(without_fault=Effect.MENDED, traps={"Wait": Effect.MENDED}))[0][1]


def test_the_table_on_file_has_every_arm_of_every_scenario() -> None:
    """A scenario, a fix, a trap or a diagnosis step that was added or changed wants the controls to be run again."""
    everything = list(scenarios().values())
    recorded = truths.read(truths.file_of(everything[0].file))
    wanted = arms(everything, everything, Options(), Choice(drawn=None))
    for name in scenarios():
        shown = recorded.scenarios[name]
        of_it = [arm for arm in wanted if arm.scenario == name]
        asked = next(arm.planned.options.visit for arm in of_it if arm.kind is Kind.QUESTIONS)
        assert shown.without_fault is Effect.MENDED
        assert shown.traps == {arm.by: Effect.MENDED for arm in of_it if arm.kind is Kind.TRAP}
        assert shown.fixes.keys() == {arm.by for arm in of_it if arm.kind is Kind.OTHER_FIX}
        assert shown.answers.keys() == set(asked.args[1])  # type: ignore[union-attr] # a partial
    assert recorded.scenarios.keys() == scenarios().keys()
