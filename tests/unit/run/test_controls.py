"""Which arms the controls of a scenario have, and what an arm's run shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labctl.errors import Mistakes
from labctl.knowledge.truths import Effect
from labctl.model import Outcome, Phase, PhaseResult, Verdict
from labctl.run.controls import Arm, Choice, Kind, arms, effect, rivals
from labctl.run.matrix import Planned
from labctl.run.run import Options
from support.handmade import OK, REFUSED, phase, result
from support.known import scenarios

ALL = Choice(drawn=None)
RESET = replace(REFUSED, outcome=Outcome.RESET)
DOWN = Planned(scenarios()["server-down"], Options())
EVERYTHING = list(scenarios().values())


def of(name: str, choice: Choice = ALL) -> list[Arm]:
    return arms([scenarios()[name]], EVERYTHING, Options(), choice)


def test_every_scenario_is_run_without_its_fault_and_asked_by_every_diagnosis() -> None:
    assert scenarios()
    for name in scenarios():
        kinds = [arm.kind for arm in of(name)]
        assert (kinds[0], kinds.count(Kind.NO_FAULT)) == (Kind.NO_FAULT, 1)
        assert (kinds[-1], kinds.count(Kind.QUESTIONS)) == (Kind.QUESTIONS, 1)


def test_the_arm_without_the_fault_is_the_scenario_with_no_other_change() -> None:
    [arm] = [arm for arm in of("firewall-drop") if arm.kind is Kind.NO_FAULT]
    changed, whole = arm.planned.loaded.scenario, scenarios()["firewall-drop"].scenario
    assert changed.fault == ()
    assert changed.model_copy(update={"fault": whole.fault}) == whole
    assert arm.planned.options.until is Phase.FAULTED


def test_fixes_of_the_same_outcome_are_tried_where_the_stack_has_their_hosts() -> None:
    tried = {arm.by for arm in of("firewall-drop") if arm.kind is Kind.OTHER_FIX}
    everybody = {one.scenario.name for one in rivals(scenarios()["firewall-drop"], EVERYTHING)}
    assert {"firewall-egress-drop", "firewall-nft-drop", "firewall-ufw", "tiny-backlog"} <= tried < everybody
    hosts = scenarios()["firewall-drop"].stack.services.keys()
    assert all(scenarios()[name].stack.services.keys() & hosts for name in tried)
    assert "firewall-router-drop" in everybody - tried


def test_every_trap_is_an_arm_that_does_the_trap_in_place_of_the_fix() -> None:
    assert any(loaded.scenario.traps for loaded in scenarios().values())
    for name, loaded in scenarios().items():
        found = {arm.by: arm.planned.loaded.scenario.fix for arm in of(name) if arm.kind is Kind.TRAP}
        assert found == {trap.remedy: trap.do for trap in loaded.scenario.traps}


def test_so_many_fixes_are_drawn_and_another_seed_draws_others() -> None:
    drawn = [
        {arm.by for arm in of("server-down", Choice(2, seed)) if arm.kind is Kind.OTHER_FIX} for seed in range(200)
    ]
    assert {len(names) for names in drawn} == {2}
    assert set().union(*drawn) == {arm.by for arm in of("server-down") if arm.kind is Kind.OTHER_FIX}
    assert drawn[3] == {arm.by for arm in of("server-down", Choice(2, 3)) if arm.kind is Kind.OTHER_FIX}


def test_the_shares_together_are_everything_and_have_nothing_in_common() -> None:
    shares = [[arm.name for arm in of("server-down", Choice(None, 0, share, 4))] for share in (1, 2, 3, 4)]
    assert sorted(name for share in shares for name in share) == sorted(arm.name for arm in of("server-down"))
    assert sum(map(bool, shares)) > 1


def test_a_question_is_asked_once_and_only_of_hosts_that_are_there() -> None:
    """Two scenarios with the same step ask it once; the router is asked only where there is one."""

    def asked(name: str) -> list[str]:
        visit = of(name)[-1].planned.options.visit
        return list(visit.args[1])  # type: ignore[union-attr] # a partial

    assert len(set(asked("server-down"))) == len(asked("server-down"))
    assert not [one for one in asked("server-down") if one.startswith("on router")]
    assert [one for one in asked("firewall-router-drop") if one.startswith("on router")]
    assert {"on server: ss -ltn   # shows 127\\.0\\.0\\.1:8080"} < set(asked("server-down"))


def ends(*phases: PhaseResult, kind: Kind = Kind.OTHER_FIX, verdict: Verdict = Verdict.FAILED) -> Effect | None:
    return effect(Arm(scenarios()["server-down"], kind, DOWN), result(verdict, "server-down", *phases))


HEALTHY, FAULTED = phase(Phase.HEALTHY, OK), phase(Phase.FAULTED, REFUSED)


@pytest.mark.parametrize(
    ("seen", "shown"),
    [(OK, Effect.MENDED), (REFUSED, Effect.SAME), (RESET, Effect.OTHER)],
    ids=lambda one: str(one)[:9],
)
def test_a_fix_is_judged_by_what_the_clients_see_after_it(seen: object, shown: Effect) -> None:
    assert ends(HEALTHY, FAULTED, phase(Phase.FIXED, seen)) is shown  # type: ignore[arg-type]


def test_a_fix_that_could_not_be_applied_and_a_lab_that_broke_are_different_things() -> None:
    nothing_seen = replace(phase(Phase.FIXED), observations=())
    assert ends(HEALTHY, FAULTED, nothing_seen) is Effect.IMPOSSIBLE
    assert ends(HEALTHY, FAULTED, nothing_seen, verdict=Verdict.INCONCLUSIVE) is None
    assert ends(HEALTHY, FAULTED) is None


def test_without_a_fault_all_is_well_or_the_instrument_is_broken() -> None:
    expected, unexpected = FAULTED, phase(Phase.FAULTED, RESET, wrong="requests refused")
    assert ends(HEALTHY, phase(Phase.FAULTED, OK), kind=Kind.NO_FAULT) is Effect.MENDED
    assert ends(HEALTHY, expected, kind=Kind.NO_FAULT) is Effect.SAME
    assert ends(HEALTHY, unexpected, kind=Kind.NO_FAULT) is Effect.OTHER
    assert ends(HEALTHY, kind=Kind.NO_FAULT) is None


def test_an_arm_whose_evidence_is_not_on_disk_shows_nothing() -> None:
    seen = result(Verdict.INCONCLUSIVE, "server-down", HEALTHY, phase(Phase.FAULTED, OK))
    arm = Arm(scenarios()["server-down"], Kind.NO_FAULT, DOWN)
    assert (effect(arm, seen), effect(arm, replace(seen, kept=False))) == (Effect.MENDED, None)


def test_a_change_that_does_not_fit_the_stack_is_a_mistake() -> None:
    with pytest.raises(Mistakes, match="there is no host called 'router'"):
        scenarios()["server-down"].changed(fix=[{"stop": "router"}])
    with pytest.raises(Mistakes, match="router"):
        scenarios()["server-down"].changed(diagnose=[{"run": "ping ${address.router}", "exits": 0}])
