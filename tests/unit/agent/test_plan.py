"""The plan: the same state, the same plan; nothing before what it needs; nothing twice; and what makes two differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import causes, plan
from incidentops_agent.causes import Cause, Diagnosis, Remedy
from incidentops_agent.plan import Finding
from samples import catalogue_of, spec

if TYPE_CHECKING:
    import random

    from incidentops_agent.catalogue import Catalogue

NAMES = [f"s{number}" for number in range(7)]
CAUSES = st.sampled_from(list(Cause))


def found(cause: Cause, unit: str = "redis.service", active: bool = False, *touches: str) -> Finding:
    return Finding(unit, Diagnosis(cause, f"it is {cause}", (f"Seen={cause}",)), active, touches)


@st.composite
def states(draw: st.DrawFn) -> tuple[Catalogue, dict[str, Finding]]:
    """Any services that need each other without circles, and what is wrong with some of them."""
    order: list[str] = draw(st.permutations(NAMES))
    specs = []
    for place, name in enumerate(order):
        needs = draw(st.lists(st.sampled_from(order[:place]), unique=True, max_size=3)) if place else []
        specs.append(spec(name, *needs))
    down: dict[str, tuple[Cause, bool]] = draw(
        st.dictionaries(st.sampled_from(NAMES), st.tuples(CAUSES, st.booleans()))
    )
    findings = {name: found(cause, f"{name}.service", active, "other") for name, (cause, active) in down.items()}
    return catalogue_of(*specs), findings


@given(states(), st.randoms(use_true_random=False))
def test_the_same_state_has_the_same_plan(state: tuple[Catalogue, dict[str, Finding]], shuffle: random.Random) -> None:
    catalogue, findings = state
    names = list(findings)
    shuffle.shuffle(names)
    made = plan.make(findings, catalogue)
    assert plan.make({name: findings[name] for name in names}, catalogue) == made
    otherwise_seen = {
        name: Finding(
            one.unit, Diagnosis(one.diagnosis.cause, "said otherwise", ("MainPID=7",)), one.active, one.touches
        )
        for name, one in findings.items()
    }
    assert plan.make(otherwise_seen, catalogue).id == made.id, "evidence and wording decide nothing"
    assert plan.difference(made, made) == []


@given(states())
def test_every_plan_is_sound(state: tuple[Catalogue, dict[str, Finding]]) -> None:
    catalogue, findings = state
    steps = plan.make(findings, catalogue).steps
    assert sorted(step.service for step in steps) == sorted(findings), "what is healthy has no step; nothing has two"
    place = {step.service: step.level for step in steps}
    acts = {step.service for step in steps if step.action is not Remedy.SKIP}
    for step in steps:
        needs = catalogue.services[step.service].depends_on
        assert all(place[name] < step.level for name in needs if name in place), "nothing before what it needs"
        if step.service in acts:
            assert step.action is causes.remedy(step.cause)
            assert all(name in acts for name in needs if name in place), "nothing without what it needs"
            assert step.deadline > 0
        assert step.effect
    assert [step.level for step in steps] == sorted(step.level for step in steps)


@given(states(), st.sampled_from(NAMES), CAUSES)
def test_another_cause_is_another_plan(state: tuple[Catalogue, dict[str, Finding]], name: str, cause: Cause) -> None:
    catalogue, findings = state
    before = plan.make(findings, catalogue)
    after = plan.make({**findings, name: found(cause, f"{name}.service", True)}, catalogue)
    differs = name not in findings or findings[name].diagnosis.cause is not cause
    if differs:
        assert after.id != before.id
        assert any(line.startswith(f"{name}: ") for line in plan.difference(before, after))
    assert (after.id == before.id) == (plan.difference(before, after) == [])


def test_what_needs_a_service_that_can_not_be_brought_back_is_planned_as_left_alone() -> None:
    catalogue = catalogue_of(spec("a"), spec("b", "a"), spec("c", "b"))
    made = plan.make({"a": found(Cause.MASKED), "b": found(Cause.STOPPED), "c": found(Cause.KILLED)}, catalogue)
    assert [(step.action, step.effect) for step in made.steps] == [
        (Remedy.SKIP, "nothing: remediation can't bring it back"),
        (Remedy.SKIP, "nothing: it needs a, which can't be brought back"),
        (Remedy.SKIP, "nothing: it needs b, which can't be brought back"),
    ]
    assert [step.cause for step in made.steps] == [Cause.MASKED, Cause.STOPPED, Cause.KILLED]


def test_only_what_may_be_restarted_touches_others() -> None:
    for cause, active, touches in (
        (Cause.STOPPED, False, ()),
        (Cause.UNRESPONSIVE, True, ("worker",)),
        (Cause.FROZEN, True, ("worker",)),
        (Cause.DEPENDENCY_DOWN, True, ("worker",)),
        (Cause.DEPENDENCY_DOWN, False, ()),
    ):
        made = plan.make({"redis": found(cause, "redis.service", active, "worker")}, catalogue_of(spec()))
        assert made.steps[0].touches == touches


def test_a_steps_deadline_holds_what_it_waits_for() -> None:
    catalogue = catalogue_of(spec(start_deadline=60))
    for cause, active, seconds in (
        (Cause.STOPPED, False, 60),
        (Cause.FROZEN, True, 70),
        (Cause.STARTING, True, 70),
        (Cause.STARTING, False, 120),
        (Cause.DEPENDENCY_DOWN, True, 63),
        (Cause.MASKED, False, 0),
    ):
        assert plan.make({"redis": found(cause, active=active)}, catalogue).steps[0].deadline == seconds, cause


def test_a_difference_is_told_in_a_line_for_each_service() -> None:
    catalogue = catalogue_of(spec("a"), spec("b"), spec("c"), spec("d"))
    before = plan.make(
        {
            "a": found(Cause.STOPPED),
            "b": found(Cause.KILLED),
            "d": found(Cause.UNRESPONSIVE, "d.service", True, "worker"),
        },
        catalogue,
    )
    after = plan.make(
        {
            "a": found(Cause.UNRESPONSIVE, active=True),
            "c": found(Cause.FROZEN, active=True),
            "d": found(Cause.UNRESPONSIVE, "d.service", True),
        },
        catalogue,
    )
    assert plan.difference(before, after) == [
        "a: start (stopped) -> restart (unresponsive)",
        "b: start (killed) -> nothing",
        "c: nothing -> thaw (frozen)",
        "d: restart (unresponsive) touching worker -> restart (unresponsive) touching nothing else",
    ]
    assert plan.difference(None, before)[0] == "a: nothing -> start (stopped)"


@pytest.mark.parametrize(
    ("planned", "fresh", "may"),
    [
        (Remedy.START, Remedy.START, True),
        (Remedy.START, Remedy.RESET_AND_START, True),
        (Remedy.START, Remedy.RESTART, False),
        (Remedy.START, Remedy.THAW, False),
        (Remedy.RESET_AND_START, Remedy.START, True),
        (Remedy.RESTART, Remedy.START, True),
        (Remedy.RESTART, Remedy.THAW, True),
        (Remedy.THAW, Remedy.RESTART, True),
        (Remedy.WAIT, Remedy.RESTART, True),
        (Remedy.SKIP, Remedy.START, False),
        *((planned, Remedy.SKIP, True) for planned in Remedy),
        *((planned, Remedy.NONE, True) for planned in Remedy),
    ],
)
def test_a_step_does_not_go_beyond_what_was_agreed_to(planned: Remedy, fresh: Remedy, may: bool) -> None:
    assert plan.admits(planned, fresh) is may


def test_the_plan_for_nothing_is_one_too() -> None:
    made = plan.make({}, catalogue_of(spec()))
    assert made.steps == ()
    assert len(made.id) == 16
