"""What is explained is taken out; what remains must still meet the typology."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gangfinder.benign import explanations
from gangfinder.model.evidence import Anomaly, Family, Grade, Judgement, Result
from gangfinder.model.group import Verdict
from gangfinder.scoring.judging import finding_of, judge_groups
from gangfinder.typologies import typologies
from tests.network.made import group

FOUND = Anomaly(Family.CALENDAR, "same_dates", -9.0)
PEOPLE = tuple("ABCDEFG")
VISITS = [(who, "I", 3, 600 + k, 100.0 + k) for k, who in enumerate(PEOPLE)]


def typology(confirm=None, **more):
    """A typology of at least five households that confirms whoever is left, unless told otherwise."""
    return replace(
        typologies()["card_pooling"], confirm=confirm or (lambda g, _: Verdict(g.members, (FOUND,))),
        benign=("clinic_day",), minimum_subjects=5, **more,
    )


def explaining(covered, result=Result.PARTLY):
    """The explanations, of which clinic_day covers these people."""
    def judge(g, _):
        own = tuple(m for m in g.members if m in covered)
        return Judgement("clinic_day", result if own else Result.FAILS, own)

    return {**explanations(), "clinic_day": replace(explanations()["clinic_day"], judge=judge)}


def judged(one, covered="", result=Result.PARTLY, units=None):
    available = {"settlements": frozenset({"settled_at"})}
    return judge_groups(one, [group(VISITS, units=units)], explaining(covered, result), available)


def test_nothing_explained():
    (found,) = judged(typology())
    assert found.finding.core == PEOPLE
    assert found.finding.minimum_met_by == 7
    assert [(j.explanation, j.result) for j in found.judgements] == [("clinic_day", Result.FAILS)]
    assert {e.source_key for e in found.finding.evidence} == {f"S{i:04}" for i in range(7)}


def test_who_is_explained_leaves_and_the_rest_is_judged_again():
    (found,) = judged(typology(), "AB")
    assert found.finding.core == tuple("CDEFG")
    assert {e.subject_id for e in found.finding.evidence} == set("CDEFG")
    assert found.judgements[0].covered == ("A", "B")


@pytest.mark.parametrize(("covered", "result"), [("ABC", Result.PARTLY), ("ABCDEFG", Result.HOLDS)])
def test_too_few_left(covered, result):
    """Three of seven explained leave four households; an explanation that holds leaves nobody."""
    assert judged(typology(), covered, result) == []


def test_the_rest_must_meet_the_typology():
    whole_only = typology(lambda g, _: Verdict(g.members, (FOUND,)) if len(g.members) == 7 else None)
    assert len(judged(whole_only)) == 1
    assert judged(whole_only, "A") == []


@pytest.mark.parametrize(("explains", "leads"), [(5, 0), (4, 1)])
def test_a_core_smaller_than_its_group_is_explained_by_itself(explains, leads):
    """Of seven people nothing can be said; the five of the core are regulars of a fixed day, or four of them."""
    def judge(g, _):
        covered = g.members[:explains] if len(g.members) == 5 else ()
        return Judgement("clinic_day", Result.PARTLY if covered else Result.FAILS, covered)

    core_only = typology(lambda g, _: Verdict(g.members[-5:], (FOUND,)))
    calendar = {**explanations(), "clinic_day": replace(explanations()["clinic_day"], judge=judge)}
    available = {"settlements": frozenset({"settled_at"})}
    assert len(judge_groups(core_only, [group(VISITS)], calendar, available)) == leads


def test_a_contradiction_is_never_explained_away():
    (found,) = judged(typology(grade=Grade.E1), "ABCDEFG", Result.HOLDS)
    assert found.finding.core == PEOPLE
    assert found.judgements[0].result is Result.HOLDS


@pytest.mark.parametrize(("grade", "left"), [(Grade.E2, "CDEFG"), (Grade.E1, "ABCDEFG")])
def test_an_explanation_never_clears_an_amount(grade, left):
    """Whoever remains keeps what was paid for his rows; of a contradiction all remain, explained or not."""
    (found,) = judged(typology(grade=grade), "AB")
    paid = {who: amount for who, _, _, _, amount in VISITS}
    assert {e.subject_id: float(e.amount) for e in found.finding.evidence} == {who: paid[who] for who in left}


def test_households_count_not_people():
    assert judged(typology(), units={"A": "H", "B": "H", "C": "H"})[0].finding.minimum_met_by == 5
    assert judged(typology(), units={"A": "H", "B": "H", "C": "H", "D": "H"}) == []
    core_of_one_house = typology(lambda g, _: Verdict(tuple("ABCDE"), (FOUND,)))
    assert judged(core_of_one_house, units={"A": "H", "B": "H"}) == []


def test_only_rows_that_are_kept_are_evidence():
    def confirm(g, _):
        return Verdict(tuple("ABCDE"), (FOUND,), g.rows["subject_id"].isin(["A", "B", "F"]))

    (found,) = judged(typology(confirm))
    assert [e.subject_id for e in found.finding.evidence] == ["A", "B"]
    assert found.finding.grade is Grade.E2


def test_a_small_group_is_not_looked_at():
    def confirm(g, _):
        raise AssertionError

    assert judge_groups(typology(confirm), [group(VISITS[:4])], explanations(), {}) == []


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_a_row_of_no_house_has_no_house(nothing):
    """Rows of offices name no institution: the frame says so by None, or by NaN where another column brought floats."""
    one = group(VISITS)
    rows = one.rows.assign(institution_id=nothing, event_at=None)
    own = replace(one, rows=rows)
    found = finding_of(typology(), own, Verdict(own.members, ()))
    assert {(e.institution_id, e.event_at) for e in found.evidence} == {("", None)}
